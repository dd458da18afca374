"""SIGKILL before and after every system call of a real command that changes a file (P1, P4, P7).

The state is judged at each point. From there every way on is tried: once for disks on which the same happened, which is
what "after a call" and "before the next one" usually are.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.crash.conftest import COUNTED
from tests.crash.kernel_cases import KernelBench, Tally
from tests.crash.real_cases import Copies
from tests.support.kernel import Stop


def stops(made: tuple[tuple[str, ...], ...], limit: int) -> tuple[Stop, ...]:
    """Before and after each call; or so many, evenly spread."""
    every = tuple(Stop(n=n, after=after, call=call) for n, call in enumerate(made) for after in (False, True))
    if len(every) <= limit:
        return every
    return tuple(every[len(every) * (2 * i + 1) // (2 * limit)] for i in range(limit))


@pytest.mark.parametrize("limit", [2, pytest.param(100_000, marks=pytest.mark.exhaustive)])
def test_killed_before_and_after_every_system_call_it_is_old_or_new_or_journalled(
    kernel_bench: KernelBench, limit: int, record_property: Callable[[str, object], None]
) -> None:
    bench, tally, seen = kernel_bench, Tally(), set[str]()
    for stop in stops(bench.made, limit):
        traced = bench.struck(stop)
        assert traced.outside == (), "no unrelated file is touched"
        if traced.done.returncode == 0:  # threads made fewer calls this time
            bench.assert_one_of(bench.new)
            continue
        assert traced.done.returncode == -9, (stop, traced.done)
        try:
            judge(bench, tally, seen)
        except AssertionError as error:
            error.add_note(f"{bench.case.name}: {stop}")
            raise
    record_property(COUNTED, str(tally))


def judge(bench: KernelBench, tally: Tally, seen: set[str]) -> None:
    verdict = bench.verdict()
    tally.points += 1
    setattr(tally, verdict, getattr(tally, verdict) + 1)
    disk = bench.fingerprint()
    if disk in seen:
        return
    seen.add(disk)
    tally.states += 1
    readers_say_what_is_there(bench, verdict)
    copies = Copies(bench)
    copies.keep(2)
    the_same_command_again(bench, verdict)
    copies.next()
    bench.run("recover").ok()
    bench.assert_one_of(*{"old": (bench.old,), "new": (bench.new,)}.get(verdict, (bench.old, bench.new)))
    copies.next()
    bench.run("install", "other").ok()
    bench.assert_one_of(
        *{"old": (bench.old_other,), "new": (bench.new_other,)}.get(verdict, (bench.old_other, bench.new_other))
    )
    tally.healed += 3


def readers_say_what_is_there(bench: KernelBench, verdict: str) -> None:
    done = bench.run("list")
    if verdict == "journalled":
        assert done.returncode == 8, done
        assert done.stdout == ""
        assert "holdfast recover" in done.stderr
    else:
        assert done.returncode == 0, done


def the_same_command_again(bench: KernelBench, verdict: str) -> None:
    bench.run(*bench.case.command).ok()
    if verdict == "new":  # what is satisfied takes no lock, and who takes none sweeps nothing
        assert bench.without_litter() == bench.new
        bench.run("recover").ok()
    bench.assert_one_of(bench.new)
