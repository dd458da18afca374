"""The lock holds in every interleaving that there is room for: the product's own functions, over a disk in memory.

Two processes with so many preemptions and one death, stop or step of the wall clock: every run. Three: at random. What
must hold is in ``tests.support.model_programs``; that a breach is found, in ``test_race_model_broken.py``.
"""

from __future__ import annotations

import pytest

from holdfast.model.owner import LockMode
from holdfast.model.target import Target
from tests.support.areas import bare_target
from tests.support.explorer import Bounds, Setting, explore, tell, wander
from tests.support.memory_tree import Tree
from tests.support.model_programs import lock_tree, lost_nothing, only_the_holder, taking
from tests.support.simulated import Chooser, Kind, World

ONE = bare_target("/env", made=False)
TWO = bare_target("/env", platlib="/env/lib64", made=False)
MODES = [mode for mode in LockMode if mode is not LockMode.NONE]
DEATHS = frozenset({Kind.KILL, Kind.TEAR})
STOPS = frozenset({Kind.PAUSE, Kind.CLOCK})


def setting(
    target: Target,
    *modes: LockMode,
    times: int = 1,
    whole: bool = False,
    every: bool = False,
    reuse: bool = False,
    uv: bool = False,
) -> Setting:
    """So many processes as modes, each taking the lock.

    Args:
        target: What is locked.
        modes: Of the processes.
        times: How often each takes it.
        whole: What lies around the lock is searched too.
        every: Every single call is a place to interrupt.
        reuse: Inode numbers are given again.
        uv: uv's lock file lies there.
    """
    tree = with_uv(lock_tree(target, reuse=reuse)) if uv else lock_tree(target, reuse=reuse)

    def made(chooser: Chooser) -> World:
        world = World(tree.clone(lambda: 0), chooser, every=every, oversleep=3.0)
        for n, mode in enumerate(modes):
            world.add(f"P{n}", taking(world, target, mode, times=times, whole=whole), prepares=not whole)
        world.monitor = only_the_holder(world, target)
        return world

    return made


def with_uv(tree: Tree) -> Tree:
    root = tree.resolve("/env", tree.root, follow=False)
    tree.enter(root, ".lock", tree.new(0o100644, 1000, 1000))
    return tree


def holds(what: str, made: Setting, target: Target, bounds: Bounds) -> None:
    found = explore(made, lambda world: lost_nothing(world, target), bounds)
    tell(what, found)
    assert found.violation is None, str(found)
    assert found.complete


def holds_at_random(what: str, made: Setting, target: Target, bounds: Bounds, runs: int) -> None:
    found = wander(made, lambda world: lost_nothing(world, target), bounds, runs=runs)
    tell(what, found)
    assert found.violation is None, str(found)


@pytest.mark.parametrize("mode", MODES)
def test_two_take_turns(mode: LockMode) -> None:
    holds(f"{mode}, 2 preemptions", setting(ONE, mode, mode), ONE, Bounds(preemptions=2))


@pytest.mark.parametrize("mode", MODES)
def test_one_dies_anywhere(mode: LockMode) -> None:
    bounds = Bounds(preemptions=1, faults=1, kinds=DEATHS)
    holds(f"{mode}, 1 preemption, 1 death", setting(ONE, mode, mode), ONE, bounds)


@pytest.mark.parametrize("mode", MODES)
def test_one_is_stopped_anywhere_and_waited_for(mode: LockMode) -> None:
    bounds = Bounds(preemptions=0, faults=1, kinds=STOPS)
    holds(f"{mode}, 1 stop or clock step", setting(ONE, mode, mode), ONE, bounds)


def test_two_modes_exclude_each_other() -> None:
    bounds = Bounds(preemptions=1, faults=1, kinds=DEATHS)
    holds(f"{MODES[0]} and {MODES[-1]}, 1 preemption, 1 death", setting(ONE, MODES[0], MODES[-1]), ONE, bounds)


def test_two_library_directories_are_taken_together() -> None:
    bounds = Bounds(preemptions=0, faults=1, kinds=DEATHS)
    holds("two directories, 1 death", setting(TWO, MODES[0], MODES[0]), TWO, bounds)


def test_three_at_random() -> None:
    made = setting(ONE, MODES[0], MODES[-1], MODES[0], whole=True, every=True, reuse=True)
    bounds = Bounds(faults=2, kinds=DEATHS | STOPS)
    holds_at_random("three processes, every call, 2 faults", made, ONE, bounds, 60)


def test_the_lock_of_uv_is_taken_along() -> None:
    made = setting(ONE, LockMode.FLOCK, LockMode.FLOCK, uv=True)
    holds("flock with uv's lock, 1 preemption", made, ONE, Bounds(preemptions=1))


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("target", [ONE, TWO], ids=["one directory", "two directories"])
@pytest.mark.parametrize(
    "bounds",
    [
        Bounds(preemptions=6),
        Bounds(preemptions=3, faults=1, kinds=DEATHS | STOPS),
        Bounds(preemptions=1, faults=2, kinds=DEATHS | STOPS),
    ],
    ids=["6 preemptions", "3 preemptions and a fault", "1 preemption and 2 faults"],
)
def test_two_in_all_interleavings(mode: LockMode, target: Target, bounds: Bounds) -> None:
    holds(f"{mode}, {bounds}", setting(target, mode, mode), target, bounds)


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", MODES)
def test_two_with_everything_around_the_lock(mode: LockMode) -> None:
    bounds = Bounds(preemptions=1, faults=1, kinds=DEATHS | STOPS)
    holds(f"{mode}, whole, {bounds}", setting(ONE, mode, mode, whole=True), ONE, bounds)


@pytest.mark.exhaustive
@pytest.mark.parametrize("one", MODES)
@pytest.mark.parametrize("other", MODES)
def test_three_that_come_again_at_random(one: LockMode, other: LockMode) -> None:
    made = setting(TWO, one, other, one, times=2, whole=True, every=True, reuse=True)
    bounds = Bounds(faults=3, kinds=DEATHS | STOPS)
    holds_at_random(f"{one} and {other}, three processes twice, 3 faults", made, TWO, bounds, 10_000)
