"""A disk that fails under real commands: taken back or done another way, told in words that help, nothing left (P1, P4, P9)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.real_cases import CASES, Bench, Case
from tests.support.faulty_disk import Point, When, points, share
from tests.support.sandbox import Completed

OUTCOMES = (0, 3, 5, 6, 7)
"""Done another way; the target may not be written; a store that cannot be read; no lock to be had; taken back."""


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    case: Case = request.param
    return Bench(str(tmp_path_factory.mktemp(case.name)), case)


@pytest.mark.parametrize("fault", ["EIO", "ENOSPC", "ENOSPC+"])
@pytest.mark.parametrize("limit", [6, pytest.param(100_000, marks=pytest.mark.exhaustive)])
def test_whatever_fails_is_taken_back_or_done(bench: Bench, limit: int, fault: str) -> None:
    for point in share(points(bench.calls, When.BEFORE), limit):
        done = bench.faulty(point, fault)
        try:
            judge(bench, point, done)
        except AssertionError as error:
            error.add_note(f"{bench.case.name} {fault} at {point}: {point.call}\n{done}")
            raise


def judge(bench: Bench, point: Point, done: Completed) -> None:
    assert "Traceback" not in done.stderr
    assert done.returncode in OUTCOMES
    if done.returncode:
        told(done)
    settled = (bench.new,) if done.returncode == 0 else (bench.old,)
    if left_by_the_fault_itself(bench, point):
        bench.run("recover").ok()
    bench.assert_one_of(*settled)


def told(done: Completed) -> None:
    """Outcome and state, cause, and one thing to type where there is one."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("warning: ", "Resolved ", "Staged "))]
    assert lines[0].startswith("error: ")
    assert "failed. " in lines[0]
    assert lines[0].endswith(("Nothing was changed.", "the environment is as before."))
    assert len(lines) > 1


def left_by_the_fault_itself(bench: Bench, point: Point) -> bool:
    """What could not be removed, because its removal is what failed, goes with the next command."""
    return point.call is not None and point.call.name in {"unlink", "rmdir"}
