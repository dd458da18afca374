"""Whole commands, interleaved: the target is what some serial order makes, and only the unfenced holder changes it.

Each process stages a change, takes the lock, fences and recovers what the dead left, commits, gives the lock back and
sweeps: the product's own functions, over a disk in memory. At the end comes one more command, and nothing of
holdfast's is left. Every interleaving takes minutes, and is marked so; by default the same is searched at random.
"""

from __future__ import annotations

import pytest

from holdfast.model.owner import LockMode
from tests.support.explorer import Bounds
from tests.support.model_programs import Begins
from tests.support.model_settings import (
    ADDITION,
    DEATH,
    ERROR,
    LEASE,
    MODES,
    NOTHING,
    OTHER_UPGRADE,
    PAIRS,
    RICH_PAIR,
    STEPS,
    UPGRADE,
    commands,
    holds,
    holds_as_far,
    holds_at_random,
    holds_within,
    taken_over,
)
from tests.support.simulated import CLOCKS, DEATHS, FAULTS

FLOCK, MARKER = MODES
ANYTHING = DEATHS | CLOCKS
PAIR = PAIRS["two upgrades"]
SHARE = 25


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pair", PAIRS)
def test_two_commands_come_one_after_the_other(pair: str, mode: LockMode) -> None:
    holds_at_random(pair, commands(*PAIRS[pair], modes=(mode, mode)), NOTHING, SHARE)


@pytest.mark.parametrize("apart", [False, True], ids=["one host", "two hosts"])
def test_one_of_two_commands_dies_anywhere(*, apart: bool) -> None:
    holds_at_random("1 death", commands(*RICH_PAIR, apart=apart, begins=(Begins.ASKING, 1)), DEATH, SHARE)


@pytest.mark.parametrize("step", range(STEPS + 1))
def test_who_is_taken_over_is_fenced(step: int) -> None:
    holds_at_random(f"taken over after {step} steps", taken_over(*PAIR, step=step), NOTHING, SHARE)


def test_a_failed_commit_is_taken_back_while_it_is_taken_over() -> None:
    holds_at_random("taken over, 1 error", taken_over(*PAIR, step=1, may_fail=True), ERROR, SHARE)


def test_where_a_lower_layer_is_upgraded_file_by_file() -> None:
    bounds = Bounds(faults=1, kinds=ANYTHING)
    holds_at_random("a lower layer", commands(*RICH_PAIR, lower=True, apart=True), bounds, SHARE)


def test_who_carries_out_of_a_lower_layer_is_fenced() -> None:
    holds_at_random("a lower layer, taken over after 1 step", taken_over(*PAIR, step=1, lower=True), NOTHING, SHARE)


def test_who_locks_waits_for_who_does_not() -> None:
    model = commands(UPGRADE, ADDITION, modes=(FLOCK, LockMode.NONE), begins=(Begins.ASKING, 1))
    holds_at_random("one without a lock", model, NOTHING, SHARE)


@pytest.mark.parametrize("stops", [0, 2])
def test_a_command_that_a_signal_stops_leaves_nothing(stops: int) -> None:
    """Between its release and its end another one replaces the file that it had linked into ``old/``."""
    model = commands(*PAIR, whole=True, stops=stops)
    holds_at_random(f"one stopped after {stops} steps", model, NOTHING, SHARE)


def test_what_was_seen_in_the_middle_of_a_commit_is_not_believed_when_that_is_taken_back() -> None:
    """One dies between two steps; the other looks at the target then, recovers, and commits what it made of that."""
    holds_at_random("staging included, 1 death", commands(*PAIR, whole=True), DEATH, 2 * SHARE)


@pytest.mark.parametrize("mode", MODES)
def test_three_commands_at_random(mode: LockMode) -> None:
    model = commands(UPGRADE, OTHER_UPGRADE, ADDITION, modes=(mode,) * 3, coarse=False, reuse=True)
    holds_at_random("three, 2 faults", model, Bounds(faults=2, kinds=ANYTHING), SHARE)


# -- all of it


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pair", PAIRS)
def test_two_commands_in_every_interleaving(pair: str, mode: LockMode) -> None:
    holds_as_far(pair, commands(*PAIRS[pair], modes=(mode, mode)), NOTHING)


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", range(STEPS + 1))
def test_a_commit_in_every_interleaving_with_who_waits_for_it(step: int, mode: LockMode) -> None:
    model = commands(*PAIR, modes=(mode, mode), begins=(Begins.ASKING, step))
    holds(f"from step {step} on", model, NOTHING)


@pytest.mark.exhaustive
@pytest.mark.parametrize("apart", [False, True], ids=["one host", "two hosts"])
@pytest.mark.parametrize("step", range(STEPS + 1))
def test_a_commit_or_who_waits_for_it_dies_in_every_interleaving(step: int, *, apart: bool) -> None:
    model = commands(*PAIR, begins=(Begins.ASKING, step), apart=apart)
    holds_as_far(f"from step {step} on, 1 death", model, DEATH)


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", range(STEPS + 1))
def test_who_is_taken_over_is_fenced_in_every_interleaving(step: int, mode: LockMode) -> None:
    holds(f"taken over after {step} steps", taken_over(*PAIR, step=step, mode=mode), NOTHING)


@pytest.mark.exhaustive
@pytest.mark.parametrize("step", range(STEPS + 1))
def test_the_lease_of_a_commit_runs_out_in_every_interleaving(step: int) -> None:
    holds_as_far(f"from step {step} on, 1 lease", commands(*PAIR, begins=(Begins.ASKING, step), apart=True), LEASE)


@pytest.mark.exhaustive
@pytest.mark.parametrize("step", range(STEPS + 1))
def test_who_takes_over_or_is_taken_over_dies_or_fails(step: int) -> None:
    model = taken_over(*PAIR, step=step, may_fail=True)
    holds_as_far(
        f"taken over after {step} steps, 1 death or error", model, Bounds(faults=1, kinds=DEATHS | ERROR.kinds)
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("step", range(STEPS + 1))
def test_who_carries_out_of_a_lower_layer_is_taken_over(step: int) -> None:
    """A late holder may also remove the empty directory that he leaves."""
    model = taken_over(*PAIR, step=step, lower=True)
    holds_as_far(f"a lower layer, taken over after {step} steps", model, NOTHING)


@pytest.mark.exhaustive
@pytest.mark.parametrize("stops", range(STEPS + 1))
def test_a_commit_that_is_stopped_in_every_interleaving_with_who_waits_for_it(stops: int) -> None:
    model = commands(*PAIR, begins=(Begins.ASKING, 0), stops=stops)
    holds(f"one stopped after {stops} steps", model, NOTHING)


@pytest.mark.exhaustive
def test_who_locks_and_who_does_not_in_every_interleaving() -> None:
    model = commands(UPGRADE, ADDITION, modes=(FLOCK, LockMode.NONE), begins=(Begins.ASKING, 1))
    holds("one without a lock", model, NOTHING)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kinds", [DEATHS, CLOCKS], ids=["death", "clock"])
def test_staging_included_without_preemption(kinds: frozenset[object]) -> None:
    bounds = Bounds(preemptions=0, faults=1, kinds=frozenset(each for each in FAULTS if each in kinds))
    holds_within("staging included", commands(*PAIR, whole=True), bounds)


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("apart", [False, True], ids=["one host", "three hosts"])
def test_three_commands_at_random_for_long(mode: LockMode, *, apart: bool) -> None:
    model = commands(UPGRADE, OTHER_UPGRADE, ADDITION, modes=(mode,) * 3, coarse=False, reuse=True, apart=apart)
    holds_at_random("three, 3 faults", model, Bounds(faults=3, kinds=ANYTHING), 5_000)
