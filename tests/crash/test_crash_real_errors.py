"""A disk that fails under real commands: taken back or done another way, told well, nothing left (P1, P4, P9)."""

from __future__ import annotations

import pytest

from tests.crash.real_cases import CASES, Bench, Case
from tests.support.faulty_disk import Point, When, points, share
from tests.support.sandbox import Completed

OUTCOMES = (0, 3, 5, 6, 7)
"""Done another way; the target may not be written; a store that cannot be read; no lock to be had; taken back."""
BEFORE = ("warning: ", "Resolved ", "Downloaded ", "Staged ")


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    case: Case = request.param
    return Bench(str(tmp_path_factory.mktemp(case.name)), case)


@pytest.mark.parametrize("limit", [3, pytest.param(100_000, marks=pytest.mark.exhaustive)])
def test_whatever_fails_is_taken_back_or_done(bench: Bench, limit: int) -> None:
    tried = points(bench.calls, When.BEFORE)
    for number, fault in enumerate(("EIO", "ENOSPC", "ENOSPC+")):
        for point in share(tried[number:], limit):
            done = bench.faulty(point, fault)
            try:
                judge(bench, point, done)
            except AssertionError as error:
                error.add_note(f"{bench.case.name} {fault} at {point}: {point.call}\n{done}")
                raise


def judge(bench: Bench, point: Point, done: Completed) -> None:
    assert "Traceback" not in done.stderr
    if done.returncode:
        told(done, recovering=bool(bench.case.interrupted))
    left = not_removed(point) or (done.returncode and bench.case.interrupted)
    if left:
        bench.run("recover").ok()
    bench.assert_one_of(bench.old if done.returncode else bench.new)


def told(done: Completed, *, recovering: bool) -> None:
    """Outcome and state, cause, and one thing to type."""
    assert done.returncode in ((*OUTCOMES, 8) if recovering else OUTCOMES)
    lines = [line for line in done.stderr.splitlines() if not line.startswith(BEFORE)]
    assert lines[0].startswith("error: ")
    assert lines[0].endswith(("failed. Nothing was changed.", "as before.", "nothing is lost.", "takes it back."))
    assert len(lines) > 2
    assert lines[-1].startswith("Try: ")


def not_removed(point: Point) -> bool:
    """What stays because its removal is what failed goes with the next command that takes the lock."""
    return point.call is not None and point.call.name in {"unlink", "rmdir"}
