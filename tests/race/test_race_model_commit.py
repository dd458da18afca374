"""Whole commits, interleaved: the target is what some serial order makes, and only the holder changes it.

Each process stages a change, takes the lock, recovers what the dead left, commits, gives the lock back and sweeps: the
product's own functions, over a disk in memory. At the end comes one more command, and nothing of holdfast's is left.
"""

from __future__ import annotations

import pytest

from holdfast.model.owner import LockMode
from tests.crash.world import Dist, target_at
from tests.support.explorer import Bounds, Found, Setting, explore, tell, wander
from tests.support.model_programs import Command, changing, command_tree, only_the_holder, settled
from tests.support.simulated import Chooser, Host, Kind, World

TARGET = target_at("/env")
MODES = [mode for mode in LockMode if mode is not LockMode.NONE]
DEATHS = frozenset({Kind.KILL, Kind.TEAR})
STOPS = frozenset({Kind.PAUSE, Kind.CLOCK})


def alpha(version: str) -> Dist:
    return Dist(
        name="alpha", version=version, files={"alpha/__init__.py": version, "alpha.py": version, "bin:alpha": version}
    )


BETA = Dist(name="beta", files={"beta/__init__.py": "beta", "data:share/beta": "beta"})
OLD = (alpha("1"),)
UPGRADE = Command(old=OLD, new=(alpha("2"),))
OTHER_UPGRADE = Command(old=OLD, new=(alpha("3"),))
REMOVAL = Command(old=OLD, new=())
ADDITION = Command(old=OLD, new=(*OLD, BETA))
PAIRS = {
    "two upgrades": (UPGRADE, OTHER_UPGRADE),
    "an upgrade and a removal": (UPGRADE, REMOVAL),
    "an upgrade and an addition": (UPGRADE, ADDITION),
}


def setting(
    *commands: Command,
    mode: LockMode,
    whole: bool = False,
    every: bool = False,
    coarse: bool = False,
    apart: bool = False,
    stops: int | None = None,
    lower: bool = False,
) -> Setting:
    """One process for each command.

    Args:
        commands: Of which each is staged at first, unless `whole`.
        mode: Of their locks.
        whole: Staging and the end are searched too.
        every: Every single call is a place to interrupt, and inode numbers are given again.
        coarse: Two changes may leave one mtime.
        apart: Each runs on a host of its own.
        stops: After so many steps a signal asks the first to stop.
        lower: What is installed lies in a lower layer of an overlay.
    """
    tree = command_tree(TARGET, OLD, coarse=coarse, reuse=every, lower=lower)
    programs = [
        changing(TARGET, command, mode, whole=whole, stops=None if n else stops) for n, command in enumerate(commands)
    ]

    def made(chooser: Chooser) -> World:
        world = World(tree.clone(lambda: 0), chooser, every=every, oversleep=3.0)
        for n, program in enumerate(programs):
            world.add(f"P{n}", program(world), prepares=not whole, host=Host(name=f"host {n}") if apart else None)
        world.monitor = only_the_holder(world, TARGET)
        return world

    return made


def explored(
    what: str,
    commands: tuple[Command, ...],
    bounds: Bounds,
    mode: LockMode,
    *,
    whole: bool = False,
    apart: bool = False,
    stops: int | None = None,
    lower: bool = False,
) -> Found:
    made = setting(*commands, mode=mode, whole=whole, apart=apart, stops=stops, lower=lower)
    found = explore(made, lambda world: settled(world, TARGET, OLD, commands, mode), bounds)
    tell(f"{what}, {mode}", found)
    return found


@pytest.mark.parametrize("mode", MODES)
def test_two_commands_come_one_after_the_other(mode: LockMode) -> None:
    pair = "an upgrade and an addition"
    found = explored(f"{pair}, 1 preemption", PAIRS[pair], Bounds(preemptions=1), mode)
    assert found.violation is None, str(found)


@pytest.mark.parametrize("pair", PAIRS)
def test_one_of_two_commands_dies_anywhere(pair: str) -> None:
    bounds = Bounds(preemptions=0, faults=1, kinds=DEATHS)
    found = explored(f"{pair}, 1 death", PAIRS[pair], bounds, MODES[0])
    assert found.violation is None, str(found)


def test_one_of_two_commands_is_stopped_anywhere_and_waited_for() -> None:
    bounds = Bounds(preemptions=0, faults=1, kinds=STOPS)
    found = explored("two upgrades, 1 stop or clock step", PAIRS["two upgrades"], bounds, MODES[0])
    assert found.violation is None, str(found)


@pytest.mark.parametrize("mode", MODES)
def test_who_dies_on_another_host_is_taken_over(mode: LockMode) -> None:
    bounds = Bounds(preemptions=0, faults=1, kinds=DEATHS)
    found = explored("two hosts, 1 death", PAIRS["two upgrades"], bounds, mode, apart=True)
    assert found.violation is None, str(found)


@pytest.mark.parametrize("mode", MODES)
def test_who_is_stopped_on_another_host_is_fenced(mode: LockMode) -> None:
    bounds = Bounds(preemptions=0, faults=1, kinds=STOPS)
    found = explored("two hosts, 1 stop or clock step", PAIRS["two upgrades"], bounds, mode, apart=True)
    assert found.violation is None, str(found)


@pytest.mark.parametrize("kinds", [DEATHS, STOPS], ids=["deaths", "stops"])
def test_where_a_lower_layer_is_upgraded_file_by_file(kinds: frozenset[Kind]) -> None:
    bounds = Bounds(preemptions=0, faults=1, kinds=kinds)
    found = explored("a lower layer", PAIRS["an upgrade and a removal"], bounds, MODES[0], apart=True, lower=True)
    assert found.violation is None, str(found)


def test_what_was_seen_in_the_middle_of_a_commit_is_not_believed_when_that_is_taken_back() -> None:
    """One dies between two steps; the other looks at the target then, recovers, and commits what it made of that."""
    bounds = Bounds(preemptions=0, faults=1, kinds=DEATHS)
    found = explored("two upgrades, staging included, 1 death", PAIRS["two upgrades"], bounds, MODES[0], whole=True)
    assert found.violation is None, str(found)


@pytest.mark.exhaustive
def test_what_was_seen_in_the_middle_of_a_commit_is_not_believed_when_a_signal_stops_that() -> None:
    what, bounds = "two upgrades, staging included, one stopped, 2 preemptions", Bounds(preemptions=2)
    found = explored(what, PAIRS["two upgrades"], bounds, MODES[0], whole=True, stops=3)
    assert found.violation is None, str(found)


@pytest.mark.parametrize("stops", [0, 2])
def test_a_command_that_a_signal_stops_leaves_nothing(stops: int) -> None:
    """Between its release and its end another one replaces the file that it had linked into ``old/``."""
    what, bounds = f"two upgrades, one stopped after {stops} steps", Bounds(preemptions=1)
    found = explored(what, PAIRS["two upgrades"], bounds, MODES[0], whole=True, stops=stops)
    assert found.violation is None, str(found)


def wandered(what: str, mode: LockMode, runs: int, *, faults: int) -> Found:
    commands = (UPGRADE, OTHER_UPGRADE, ADDITION)
    made = setting(*commands, mode=mode, every=True)
    bounds = Bounds(faults=faults, kinds=DEATHS | STOPS)
    found = wander(made, lambda world: settled(world, TARGET, OLD, commands, mode), bounds, runs=runs)
    tell(f"{what}, {mode}", found)
    return found


@pytest.mark.parametrize("mode", MODES)
def test_three_commands_at_random(mode: LockMode) -> None:
    found = wandered("three commands, 2 faults", mode, 25, faults=2)
    assert found.violation is None, str(found)


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(
    "bounds",
    [Bounds(preemptions=3), Bounds(preemptions=1, faults=1, kinds=DEATHS | STOPS), Bounds(preemptions=0, faults=2)],
    ids=["3 preemptions", "1 preemption and a fault", "2 deaths"],
)
def test_two_commands_in_all_interleavings(pair: str, bounds: Bounds, mode: LockMode) -> None:
    found = explored(f"{pair}, {bounds}", PAIRS[pair], bounds, mode)
    assert found.violation is None, str(found)


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", MODES)
def test_three_commands_at_random_for_long(mode: LockMode) -> None:
    found = wandered("three commands, 3 faults", mode, 5_000, faults=3)
    assert found.violation is None, str(found)


def test_a_commit_without_the_lock_is_found() -> None:
    """What ``none`` gives up, and that the monitor sees it."""
    commands = PAIRS["two upgrades"]
    made = setting(*commands, mode=LockMode.NONE)
    found = explore(made, lambda world: settled(world, TARGET, OLD, commands, LockMode.NONE), Bounds(preemptions=0))
    assert found.violation is not None
    assert "without the lock" in found.violation
