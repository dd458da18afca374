from __future__ import annotations

from typing import Any

from benchmarks.table import milliseconds, render


def row(case: str, tool: str, *walls: float, fault: str | None = None, held: float | None = None) -> dict[str, Any]:
    base: dict[str, Any] = {"user": 0.1, "system": 0.2, "peak_mb": 30.0, "files": 7, "held": held}
    samples = [base | {"wall": wall, "fault": None} for wall in walls]
    samples += [base | {"wall": 0.001, "fault": fault}] if fault else []
    return {"case": case, "tool": tool, "samples": samples, "warm_up_fault": None}


def test_medians_ratios_and_budgets_stand_in_one_line() -> None:
    rows = [row("cold", "holdfast", 1.0, 1.2, 9.0), row("cold", "uv", 1.0), row("cold", "pip", 8.0)]
    text = render({"about": {"machine": "slow"}, "rows": rows})
    assert "- machine: slow" in text
    line = "| empty cache, fresh venv | 1 200 | 1 000 | 8 000 | 1.20 | 0.15 | ≤ 1 uv: **missed**; ≤ 0.2 pip: met |"
    assert line in text
    assert "| cold | holdfast | 1 000 | 1 200 | 9 000 | 300 | 30 | 7 | 3 |  |" in text


def test_a_failed_run_is_shown_and_does_not_count() -> None:
    text = render({"about": {}, "rows": [row("warm", "holdfast", fault="exit 1: a|b"), row("warm", "uv", 0.2)]})
    assert "| warm cache, fresh venv | - | 200 | - | - | - | ≤ 0.9 uv: not measured |" in text
    assert "1 failed: exit 1: a\\|b" in text


def test_the_lock_is_told_apart() -> None:
    text = render({"about": {}, "rows": [row("lock", "holdfast", 0.5, held=0.15)]})
    assert "(1 runs): min 150, median 150, max 150 ms; budget 100 ms: **missed**" in text
    measured = row("lock", "holdfast", 0.5, held=0.015)
    measured["samples"][0]["synced"] = 0.01
    assert "max 15.0 ms, of which syncs 10.0 ms; budget 100 ms: met" in render({"about": {}, "rows": [measured]})


def test_small_times_keep_a_digit() -> None:
    assert [milliseconds(value) for value in (0.01344, 0.2, 1.2345)] == ["13.4", "200", "1 234"]
