"""The lock holds in every interleaving: the product's own functions, over a disk in memory (issue 4, number 14).

Two processes: every run, but for the order of what commutes (``tests.support.reduction``), with one death, lease that
runs out, or step of a clock at each call. Three: every run where there is room, else at random. What must hold is in
``tests.support.model_rules``; that a breach is found, in ``test_race_model_broken.py`` and ``_mutants.py``.
"""

from __future__ import annotations

import pytest

from holdfast.model.owner import LockMode
from holdfast.model.target import Target
from tests.support.explorer import Bounds
from tests.support.model_settings import (
    CLOCK,
    DEATH,
    LEASE,
    MODES,
    NOTHING,
    ONE,
    TWO,
    holds,
    holds_as_far,
    holds_at_random,
    holds_within,
    locks,
)
from tests.support.simulated import CLOCKS, DEATHS

FLOCK, MARKER = MODES
ANYTHING = DEATHS | CLOCKS


@pytest.mark.parametrize("mode", MODES)
def test_two_take_turns(mode: LockMode) -> None:
    holds("turns", locks(ONE, mode, mode), NOTHING)


@pytest.mark.parametrize("mode", MODES)
def test_the_holder_or_the_waiter_dies_at_any_call(mode: LockMode) -> None:
    holds("1 death, one holds", locks(ONE, mode, mode, holding=True), DEATH)


@pytest.mark.parametrize("mode", MODES)
def test_the_lease_of_a_holder_runs_out_at_any_call(mode: LockMode) -> None:
    holds("1 lease, one holds", locks(ONE, mode, mode, apart=True, holding=True), LEASE)


@pytest.mark.parametrize("bounds", [DEATH, LEASE], ids=["death", "lease"])
def test_who_is_in_another_pid_namespace_is_known_by_his_flock(bounds: Bounds) -> None:
    holds(
        f"1 {' or '.join(sorted(bounds.kinds))}, one holds", locks(ONE, FLOCK, FLOCK, hidden=True, holding=True), bounds
    )


def test_two_modes_exclude_each_other() -> None:
    holds("turns", locks(ONE, FLOCK, MARKER), NOTHING)


def test_two_library_directories_are_taken_together() -> None:
    holds("two directories, one holds", locks(TWO, FLOCK, FLOCK, holding=True), NOTHING)


def test_the_lock_of_uv_is_taken_along() -> None:
    holds("with uv's lock, one holds", locks(ONE, FLOCK, FLOCK, uv=True, holding=True), NOTHING)


def test_three_at_random() -> None:
    model = locks(ONE, FLOCK, MARKER, FLOCK, whole=True, reuse=True)
    holds_at_random("three, 2 faults", model, Bounds(faults=2, kinds=ANYTHING), 40)


@pytest.mark.exhaustive
@pytest.mark.parametrize("target", [ONE, TWO], ids=["one directory", "two directories"])
@pytest.mark.parametrize("modes", [(FLOCK, FLOCK), (MARKER, MARKER), (FLOCK, MARKER)], ids="-".join)
@pytest.mark.parametrize("apart", [False, True], ids=["one host", "two hosts"])
@pytest.mark.parametrize("bounds", [DEATH, LEASE, CLOCK], ids=["death", "lease", "clock"])
def test_two_in_every_interleaving(target: Target, modes: tuple[LockMode, ...], bounds: Bounds, *, apart: bool) -> None:
    if bounds is LEASE and not apart:
        pytest.skip("on one host nobody is judged by a lease")
    holds_as_far(f"1 {' or '.join(sorted(bounds.kinds))}", locks(target, *modes, apart=apart), bounds)


@pytest.mark.exhaustive
def test_two_with_the_lock_of_uv_in_every_interleaving() -> None:
    holds("with uv's lock", locks(ONE, FLOCK, FLOCK, uv=True), NOTHING)


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", MODES)
def test_who_was_taken_over_comes_again_while_the_breaker_is_late(mode: LockMode) -> None:
    model = locks(ONE, mode, mode, times=(1, 2), apart=True, holding=True)
    holds_as_far("1 lease, one holds and comes again", model, LEASE)


@pytest.mark.exhaustive
@pytest.mark.parametrize("faults", [Bounds(faults=2, kinds=ANYTHING)], ids=["two faults"])
@pytest.mark.parametrize("mode", MODES)
def test_two_with_two_faults(mode: LockMode, faults: Bounds) -> None:
    holds_as_far("2 faults, one holds", locks(ONE, mode, mode, apart=True, holding=True), faults)


@pytest.mark.exhaustive
def test_three_one_of_whom_holds_it_in_every_interleaving() -> None:
    holds_as_far("three, one holds", locks(ONE, FLOCK, FLOCK, FLOCK, holding=True), NOTHING)


@pytest.mark.exhaustive
def test_three_with_few_preemptions() -> None:
    holds_within("three", locks(ONE, FLOCK, MARKER, FLOCK), Bounds(preemptions=2))


@pytest.mark.exhaustive
@pytest.mark.parametrize("one", MODES)
@pytest.mark.parametrize("other", MODES)
def test_three_that_come_again_at_random(one: LockMode, other: LockMode) -> None:
    model = locks(TWO, one, other, one, times=(2, 2, 2), whole=True, reuse=True, apart=one is other)
    holds_at_random("three twice, 3 faults", model, Bounds(faults=3, kinds=ANYTHING), 5_000)
