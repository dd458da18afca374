"""SIGKILL at the disk calls of real commands: OLD, NEW or a journal; and every way on ends well (P1, P4, P7)."""

from __future__ import annotations

import pytest

from tests.crash.real_cases import CASES, Bench, Case, Copies
from tests.support.faulty_disk import When, points, share


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    case: Case = request.param
    return Bench(str(tmp_path_factory.mktemp(case.name)), case)


@pytest.mark.parametrize("limit", [3, pytest.param(100_000, marks=pytest.mark.exhaustive)])
def test_whatever_is_killed_is_old_or_new_or_says_so(bench: Bench, limit: int) -> None:
    for point in share(points(bench.calls, When.BEFORE, When.MIDWAY), limit):
        done = bench.faulty(point, "SIGKILL")
        if done.returncode == 0:  # threads made fewer calls this time
            bench.assert_one_of(bench.new)
            continue
        assert done.returncode == -9, (point, done)
        try:
            judge(bench)
        except AssertionError as error:
            error.add_note(f"{bench.case.name} killed at {point}: {point.call}")
            raise


def judge(bench: Bench) -> None:
    readers_say_what_is_there(bench)
    is_new = not bench.is_unsettled() and bench.without_litter() == bench.new
    copies = Copies(bench)
    copies.keep(2)
    bench.run(*bench.case.command).ok()
    if is_new:  # what is satisfied takes no lock, and who takes none sweeps nothing
        assert bench.without_litter() == bench.new
        bench.run("recover").ok()
    bench.assert_one_of(bench.new)
    copies.next()
    bench.run("recover").ok()
    bench.assert_one_of(bench.old, bench.new)
    copies.next()
    bench.run("install", "other").ok()
    bench.assert_one_of(bench.old_other, bench.new_other)


def readers_say_what_is_there(bench: Bench) -> None:
    unsettled = bench.is_unsettled()
    done = bench.run("list")
    if unsettled:
        assert done.returncode == 8, done
        assert done.stdout == ""
        assert "holdfast recover" in done.stderr
    else:
        assert done.returncode == 0, done
        assert bench.without_litter() in (bench.old, bench.new)
