"""holdfast beside uv and pip on a loopback index: ``python benchmarks/run.py``. See README.md for how to read it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time

if __package__ in {None, ""}:  # run as a program: the modules are found from the checkout
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from benchmarks.local_index import running
from benchmarks.machine import describe
from benchmarks.measure import own_peak_mb
from benchmarks.scenarios import CASES, GROUPS, chosen
from benchmarks.session import Session, progress
from benchmarks.table import render
from benchmarks.tools import Tool, find_holdfast, find_pip, find_uv, pip_command
from benchmarks.workloads import WORKLOADS, download

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "out")
TOOLS = ("holdfast", "uv", "pip")


def options_of(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure holdfast, uv and pip side by side on a loopback index.")
    parser.add_argument("--workload", choices=sorted(WORKLOADS), default="jupyter")
    parser.add_argument("--runs", type=int, default=5, help="rounds that count (default 5)")
    parser.add_argument("--warm-ups", type=int, default=1, help="rounds that do not (default 1)")
    parser.add_argument("--cases", default=",".join(CASES), help=f"of {', '.join([*CASES, *GROUPS])}")
    parser.add_argument("--tools", default=",".join(TOOLS), help="of holdfast, uv, pip")
    parser.add_argument("--latency", type=float, default=0, metavar="MS", help="every answer of the index is this late")
    parser.add_argument("--past", type=int, default=50, metavar="N", help="older releases on each project's page")
    parser.add_argument("--python", default=sys.executable, help="the interpreter to make environments from")
    parser.add_argument("--holdfast", metavar="PATH", help="default: beside this Python, or on the path")
    parser.add_argument("--uv", metavar="PATH", help="default: beside this Python, or on the path")
    parser.add_argument("--index-url", help="where the workload is downloaded from, once (default: pip's)")
    parser.add_argument(
        "--work", default=os.path.join(OUT, "work"), help="environments and caches (another filesystem)"
    )
    parser.add_argument("--keep", action="store_true", help="leave environments and caches for inspection")
    return parser.parse_args(words)


def base_python(path: str) -> tuple[str, str]:
    """The interpreter below `path`, outside of environments, and its version."""
    ask = "import platform, sys; print(sys._base_executable, platform.python_version(), sep='\\n')"
    said = subprocess.run([path, "-c", ask], capture_output=True, text=True, check=True).stdout.split("\n")
    return os.path.realpath(said[0]), said[1]


def tools_of(options: argparse.Namespace, python: str, pip_home: str) -> tuple[Tool, ...]:
    """The tools that were asked for.

    Raises:
        SystemExit: one is not known, or not here.
    """
    found: list[Tool] = []
    for name in options.tools.split(","):
        match name:
            case "holdfast":
                tool: Tool | None = find_holdfast(options.holdfast)
            case "uv":
                tool = find_uv(options.uv)
            case "pip":
                tool = find_pip(pip_home, python)
            case _:
                raise SystemExit(f"--tools: there is no {name}")
        if tool is None:
            raise SystemExit(f"--tools: {name} was not found; say where with --{name}")
        found.append(tool)
    return tuple(found)


def main(words: list[str] | None = None) -> int:
    """Measure; print the tables; 1 when a run failed."""
    options = options_of(words)
    try:
        cases = chosen(options.cases.split(","))
    except KeyError as unknown:
        raise SystemExit(f"--cases: there is no {unknown.args[0]}") from None
    python, version = base_python(options.python)
    short = version.rpartition(".")[0]
    pip_home = os.path.join(OUT, "tools", f"pip-py{short}")
    tools = tools_of(options, python, pip_home)
    workload = WORKLOADS[options.workload]
    wheels = os.path.join(OUT, "wheels", f"{workload.name}-py{short}")
    expected = download(workload, wheels, pip_command(pip_home, python), options.index_url)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    work = os.path.join(os.path.abspath(options.work), stamp)
    os.makedirs(work)
    about = describe(work) | {
        "versions": ", ".join([f"Python {version}", *(f"{tool.name} {tool.version}" for tool in tools)]),
        "workload": f"{' '.join(workload.requirements)}: {len(expected)} distributions, no bytecode unless said",
        "index": f"loopback, own process, {options.latency:g} ms late, {options.past} older releases per project",
        "runs": f"{options.runs} interleaved rounds after {options.warm_ups} warm-up, first tool rotating",
    }
    with running(wheels, latency_ms=options.latency, past=options.past) as index:
        session = Session(work=work, python=python, workload=workload, expected=expected, index=index, say=progress)
        rows = session.run(cases, tools, runs=options.runs, warm_ups=options.warm_ups)
    about["load after"] = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    about["harness"] = f"{own_peak_mb():.0f} MB, below which no peak can be seen"
    results = {"about": about, "rows": [dataclasses.asdict(row) for row in rows]}
    path = os.path.join(OUT, f"results-{workload.name}-{stamp}.json")
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(results, stream, indent=1)
    print(render(results))
    progress(f"\nResults: {path}")
    if not options.keep:
        shutil.rmtree(work)
    return 1 if any(row.warm_up_fault or any(sample.fault for sample in row.samples) for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
