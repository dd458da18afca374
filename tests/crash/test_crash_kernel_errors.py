"""Every errno at every system call of a real command that changes a file or makes it last (P1, P4, P9).

Exit 0: it was done another way, and is NEW. Any other: OLD, in words that help; or exit 8, where the undo was hit too:
the journal stayed, and the next command follows it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.crash.conftest import COUNTED
from tests.crash.kernel_cases import KernelBench, Tally
from tests.crash.test_crash_real_errors import told
from tests.support.kernel import Stop
from tests.support.sandbox import Completed

ERRORS = ("ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES", "EMLINK", "EXDEV", "EINTR", "ENAMETOOLONG", "ESTALE")
LASTING = ("ENOSPC+", "EDQUOT+", "EIO+", "EROFS+")
REMOVING = frozenset({"unlink", "unlinkat", "rmdir"})


def stops(calls: tuple[tuple[str, ...], ...], fault: str, limit: int) -> tuple[Stop, ...]:
    """At each call; or at so many, evenly spread, at others for each fault."""
    if len(calls) <= limit:
        return tuple(Stop(n=n, fault=fault, call=call) for n, call in enumerate(calls))
    shift = (*ERRORS, *LASTING).index(fault) + 1
    chosen = sorted({(len(calls) * i // limit + shift * 13) % len(calls) for i in range(limit)})
    return tuple(Stop(n=n, fault=fault, call=calls[n]) for n in chosen)


def struck_everywhere(bench: KernelBench, faults: tuple[str, ...], limit: int) -> Tally:
    """Count the verdicts of every fault at so many calls."""
    tally = Tally()
    bench.fresh()
    calls = bench.struck(Stop(), syncing=True).calls
    for fault in faults:
        for stop in stops(calls, fault, limit):
            done = bench.struck(stop, syncing=True).done
            try:
                judge(bench, stop, done, tally)
            except AssertionError as error:
                error.add_note(f"{bench.case.name}: {stop}\n{done}")
                raise
    return tally


def test_errnos_at_some_system_calls_are_taken_back_or_done_another_way(
    kernel_bench: KernelBench, record_property: Callable[[str, object], None]
) -> None:
    record_property(COUNTED, str(struck_everywhere(kernel_bench, (*ERRORS, *LASTING), 1)))


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", [*ERRORS, *LASTING])
def test_an_errno_at_every_system_call_is_taken_back_or_done_another_way(
    kernel_bench: KernelBench, fault: str, record_property: Callable[[str, object], None]
) -> None:
    record_property(COUNTED, str(struck_everywhere(kernel_bench, (fault,), 100_000)))


def judge(bench: KernelBench, stop: Stop, done: Completed, tally: Tally) -> None:
    tally.points += 1
    assert "Traceback" not in done.stderr
    if done.returncode:
        told(done, recovering=done.returncode == 8)
    if bench.is_unsettled():
        tally.journalled += 1
        assert done.returncode == 8 or bench.case.interrupted
    elif done.returncode:
        tally.old += 1
    else:
        tally.new += 1
    told_to_stay = "could not be removed" in done.stderr  # a lock that could not be given back names its dead owner
    may_stay = bench.is_unsettled() or told_to_stay or stop.fault.endswith("+") or stop.call[0] in REMOVING
    if may_stay or bench.case.interrupted:
        bench.run("recover").ok()
        tally.healed += 1
    bench.assert_one_of(bench.old if done.returncode else bench.new)
