"""Results as Markdown: a summary of medians, ratios and budgets, then every row. A bad row is a row.

Run as a program (``python benchmarks/table.py RESULTS.json``) it prints the tables of an earlier session.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Iterable, Sequence
from typing import Any

if __package__ in {None, ""}:  # run as a program: the modules are found from the checkout
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from benchmarks.scenarios import CASES, LOCK_BUDGET

Json = dict[str, Any]
OURS = "holdfast"
NONE = "-"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    numbers = len(header) - 1
    lines = [" | ".join(header), " | ".join(["---", *["---:"] * numbers])]
    return [f"| {line} |" for line in [*lines, *(" | ".join(row) for row in rows)]]


def milliseconds(seconds: float) -> str:
    """``13.4`` below a hundred, ``1 234`` above: in milliseconds."""
    value = seconds * 1000
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}".replace(",", " ")  # noqa: PLR2004 - where a tenth no longer matters


def _good(row: Json, key: str = "wall") -> list[float]:
    return [sample[key] for sample in row["samples"] if sample["fault"] is None and sample.get(key) is not None]


def _median(rows: dict[str, Json], tool: str) -> float | None:
    values = _good(rows[tool]) if tool in rows else []
    return statistics.median(values) if values else None


def _ratio(ours: float | None, theirs: float | None) -> str:
    return f"{ours / theirs:.2f}" if ours and theirs else NONE


def _verdict(case: str, medians: dict[str, float | None]) -> str:
    """Each budget with whether it is met."""
    ours, said = medians.get(OURS), []
    for tool, most in CASES[case].budgets.items():
        theirs = medians.get(tool)
        if ours is None or theirs is None:
            said.append(f"≤ {most:g} {tool}: not measured")
        else:
            said.append(f"≤ {most:g} {tool}: {'met' if ours <= most * theirs else '**missed**'}")
    return "; ".join(said)


def _by_case(results: Json) -> dict[str, dict[str, Json]]:
    cases: dict[str, dict[str, Json]] = {}
    for row in results["rows"]:
        cases.setdefault(row["case"], {})[row["tool"]] = row
    return cases


def summary(results: Json) -> list[str]:
    """One row per case: medians in milliseconds, ratios of medians, budgets."""
    lines = []
    for case, rows in _by_case(results).items():
        if CASES[case].report:
            continue
        medians = {tool: _median(rows, tool) for tool in (OURS, "uv", "pip")}
        shown = [milliseconds(value) if value is not None else NONE for value in medians.values()]
        ratios = [_ratio(medians[OURS], medians[tool]) for tool in ("uv", "pip")]
        lines.append([CASES[case].title, *shown, *ratios, _verdict(case, medians)])
    return _table(("case", "holdfast ms", "uv ms", "pip ms", "ours/uv", "ours/pip", "budget"), lines)


def lock(results: Json) -> list[str]:
    """How long holdfast held the lock, in words; empty when that was not measured."""
    rows = _by_case(results)
    reports = [row for case in rows if CASES[case].report for row in rows[case].values()]
    held = [value for row in reports for value in _good(row, "held")]
    synced = [value for row in reports for value in _good(row, "synced")]
    if not held:
        return []
    middle = statistics.median(held)
    met = "met" if middle < LOCK_BUDGET else "**missed**"
    spread = f"min {milliseconds(min(held))}, median {milliseconds(middle)}, max {milliseconds(max(held))} ms"
    if synced:
        spread += f", of which syncs {milliseconds(statistics.median(synced))} ms"
    return [
        "",
        f"Lock held in the warm case ({len(held)} runs): {spread}; budget {milliseconds(LOCK_BUDGET)} ms: {met}.",
    ]


def details(results: Json) -> list[str]:
    """One row per case and tool: spread, processor time, memory, files, what failed."""
    lines = []
    for row in results["rows"]:
        walls = _good(row)
        failed = [sample["fault"] for sample in row["samples"] if sample["fault"] is not None]
        failed += [row["warm_up_fault"]] if row["warm_up_fault"] else []
        if walls:
            cpu = statistics.median(map(sum, zip(_good(row, "user"), _good(row, "system"), strict=True)))
            peak, files = statistics.median(_good(row, "peak_mb")), _good(row, "files")[-1]
            numbers = [*map(milliseconds, (min(walls), statistics.median(walls), max(walls), cpu))]
            numbers += [f"{peak:.0f}", f"{files:.0f}"]
        else:
            numbers = [NONE] * 6
        said = f"{len(failed)} failed: {failed[0]}".replace("|", "\\|") if failed else ""
        lines.append([row["case"], row["tool"], *numbers, str(len(walls)), said])
    header = ("case", "tool", "min ms", "median ms", "max ms", "user+sys ms", "peak MB", "files", "runs", "failures")
    return _table(header, lines)


def render(results: Json) -> str:
    """The whole report of a session."""
    facts = [f"- {key}: {value}" for key, value in results["about"].items()]
    return "\n".join([*facts, "", *summary(results), *lock(results), "", *details(results)])


def main() -> None:
    """Print the tables of the named result files."""
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as stream:
            print(render(json.load(stream)))


if __name__ == "__main__":
    main()
