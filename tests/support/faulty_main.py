"""holdfast as a real process that stops at its n-th disk call.

`run_faulty` starts ``python -m tests.support.faulty_main N WHEN FAULT MODULE ARGS``, where FAULT is a signal
(``SIGKILL``), an errno (``ENOSPC``), or an errno that stays (``ENOSPC+``: for all
that needs room). With N = -1 nothing stops; N as
``journal+3`` counts from the first rename on that gives something the name ``journal``.
"""

from __future__ import annotations

import errno
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping

from holdfast.disk import calls
from tests.support.faulty_disk import ROOMY, Call, Fail, Fault, FaultyDisk, Point, Signal, When
from tests.support.sandbox import Completed, Sandbox

CALLS_TO = "TESTS_DISK_CALLS_TO"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run_faulty(
    sandbox: Sandbox,
    *args: str,
    point: Point,
    fault: str = "SIGKILL",
    module: str = "holdfast",
    env: Mapping[str, str | None] | None = None,
    timeout: float = 120,
) -> Completed:
    """Run holdfast in the sandbox under a disk that stops at `point`; a signal gives a negative returncode."""
    process = start_faulty(sandbox, *args, point=point, fault=fault, module=module, env=env)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    line = tuple(map(str, process.args)) if isinstance(process.args, list) else ()
    return Completed(args=line, returncode=process.returncode, stdout=out, stderr=err)


def start_faulty(
    sandbox: Sandbox,
    *args: str,
    point: Point,
    fault: str,
    module: str = "holdfast",
    env: Mapping[str, str | None] | None = None,
) -> subprocess.Popen[str]:
    """The same, started, in a process group of its own (which SIGTSTP may stop); the caller ends it."""
    line = [sys.executable, "-m", "tests.support.faulty_main", str(point.n), point.when, fault, module, *args]
    clean = sandbox.env(**(env or {}))
    clean["PYTHONPATH"] = os.pathsep.join(filter(None, [ROOT, clean.get("PYTHONPATH")]))
    return subprocess.Popen(
        line,
        env=clean,
        cwd=sandbox.cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def count_calls(sandbox: Sandbox, *args: str, module: str = "holdfast") -> tuple[Call, ...]:
    """The disk calls that a run makes when nothing stops it; the run must succeed."""
    report = os.path.join(sandbox.root, "disk-calls")
    run_faulty(sandbox, *args, point=Point(n=-1), module=module, env={CALLS_TO: report}).ok()
    with open(report, encoding="utf-8") as file:
        rows = [line.split("\t") for line in file.read().splitlines()]
    os.remove(report)
    return tuple(Call(name=name, paths=tuple(paths)) for name, *paths in rows)


def parsed(word: str) -> Fault:
    """The fault that the word names."""
    if word.startswith("SIG"):
        return Signal(number=signal.Signals[word])
    number = getattr(errno, word.rstrip("+"))
    spared = frozenset(calls.MUTATING) - ROOMY if number in {errno.ENOSPC, errno.EDQUOT} else frozenset()
    return Fail(number=number, lasting=word.endswith("+"), spared=spared)


def after(name: str) -> Callable[[Call], bool]:
    """Counts calls from the first rename on that gives something this name."""
    seen = False

    def counts(call: Call) -> bool:
        nonlocal seen
        before, seen = seen, seen or (call.name == "rename" and call.paths[1].rpartition("/")[2] == name)
        return before

    return counts


def main() -> None:
    """Run the module under the disk that was asked for."""
    n, when, word, module, *args = sys.argv[1:]
    name, _, number = n.rpartition("+")
    point = Point(n=int(number), when=When(when)) if int(number) >= 0 else None
    sys.argv[1:] = args
    only = after(name) if name else lambda _: True
    with FaultyDisk(point, parsed(word), only=only) as disk:
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        finally:
            if CALLS_TO in os.environ:
                with open(os.environ[CALLS_TO], "w", encoding="utf-8") as file:
                    file.writelines("\t".join([call.name, *call.paths]) + "\n" for call in disk.made)


if __name__ == "__main__":
    main()
