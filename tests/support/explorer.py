"""Which runs of a `World` there are: all with so many preemptions and faults, or many at random.

`explore` goes through them depth first. A run is had again from its beginning for each further choice; where the state
(everything on disk, everything that each process has seen) was met before with as much left to spend, it is not
followed again. `wander` chooses at random, by a seed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.support.simulated import FAULTS, Choice, Chooser, Kind, Process, World
from tests.support.simulation import Simulation

Setting = Callable[[Chooser], World]
"""Makes a fresh world, always the same, for a chooser."""
Check = Callable[[World], str | None]
"""What is wrong with a world that has come to its end; None: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much may happen in one run.

    Attributes:
        preemptions: How often somebody is interrupted who could go on.
        faults: How many deaths, pauses and clock steps there are.
        kinds: Which.
    """

    preemptions: int = 2
    faults: int = 0
    kinds: frozenset[Kind] = frozenset({Kind.KILL, Kind.TEAR})


@dataclass(slots=True, kw_only=True)
class Found:
    """What an exploration came to.

    Attributes:
        runs: Runs that were begun; ``cut`` of them met what was known.
        states: Different states in which there was a choice.
        steps: Of the longest run.
        violation: What was broken first, None if nothing; ``schedule`` how it came to it.
        complete: All runs within the bounds were had.
    """

    runs: int = 0
    cut: int = 0
    states: int = 0
    steps: int = 0
    violation: str | None = None
    schedule: list[str] = field(default_factory=list)
    complete: bool = True

    def __str__(self) -> str:
        told = (
            f"{self.runs} runs, {self.cut} cut short"
            + (f", {self.states} states" if self.states else "")
            + ("" if self.complete else ", not all")
        )
        return told if self.violation is None else "\n".join((f"{self.violation} ({told})", *self.schedule))


@dataclass(slots=True)
class _Fork:
    """A point of the current run where there was a choice."""

    choices: list[Choice]
    taken: int = 0


class _DepthFirst:
    """Follows the current run's forks, then takes the first choice everywhere."""

    def __init__(self, bounds: Bounds, found: Found) -> None:
        self.forks: list[_Fork] = []
        self._bounds = bounds
        self._found = found
        self._known: dict[object, list[tuple[int, int]]] = {}
        self.begin()

    def begin(self) -> None:
        """A run begins."""
        self._at = 0
        self._preemptions = self._bounds.preemptions
        self._faults = self._bounds.faults

    def kinds(self) -> frozenset[Kind]:
        """All, while there are any left."""
        return self._bounds.kinds if self._faults else frozenset()

    def choose(self, world: World, choices: Sequence[Choice]) -> Choice | None:
        """As before as far as the run is prescribed; then on."""
        affordable = [each for each in choices if self._affordable(each)]
        if len(affordable) > 1:
            if self._at == len(self.forks):
                if self._is_known(world):
                    self._found.cut += 1
                    return None
                self.forks.append(_Fork(affordable))
            fork = self.forks[self._at]
            assert fork.choices == affordable, "a run could not be had again"
            self._at += 1
            chosen = fork.choices[fork.taken]
        else:
            chosen = affordable[0]
        self._preemptions -= chosen.preempts
        self._faults -= chosen.kind in FAULTS
        return chosen

    def _affordable(self, choice: Choice) -> bool:
        return not choice.preempts or self._preemptions > 0

    def _is_known(self, world: World) -> bool:
        left = (self._preemptions, self._faults)
        before = self._known.setdefault(world.key, [])
        if any(each[0] >= left[0] and each[1] >= left[1] for each in before):
            return True
        if not before:
            self._found.states += 1
        before.append(left)
        return False

    def advance(self) -> bool:
        """On to the next run; False: there is none."""
        while self.forks:
            self.forks[-1].taken += 1
            if self.forks[-1].taken < len(self.forks[-1].choices):
                return True
            self.forks.pop()
        return False


def explore(setting: Setting, check: Check, bounds: Bounds, *, limit: int = 1_000_000) -> Found:
    """Every run within the bounds, until one breaks a rule.

    Args:
        setting: Makes the world.
        check: Asked at the end of each run that came to its end.
        bounds: How much may happen.
        limit: Give up after so many runs; `Found.complete` says so.
    """
    found = Found()
    with Simulation() as simulation:
        search = _DepthFirst(bounds, found)
        while True:
            search.begin()
            if (what := run(setting(search), simulation, check, found)) is not None:
                search.begin()
                retold(setting(search), simulation, check, found, what)
                return found
            if not search.advance():
                return found
            if found.runs >= limit:
                found.complete = False
                return found


def smallest(setting: Setting, check: Check, bounds: Bounds) -> Found:
    """As `explore`, with less first, so that the first schedule that is found has the fewest interruptions."""
    total = bounds.preemptions + bounds.faults
    found = Found()
    for spent in range(total + 1):
        for faults in range(min(spent, bounds.faults) + 1):
            if spent - faults <= bounds.preemptions:
                found = explore(setting, check, Bounds(preemptions=spent - faults, faults=faults, kinds=bounds.kinds))
                if found.violation is not None:
                    return found
    return found


class _Wanderer:
    """Chooses at random: mostly goes on, sometimes interrupts, seldom strikes."""

    def __init__(self, seed: object, bounds: Bounds) -> None:
        self._random = random.Random(str(seed))
        self._bounds = bounds
        self._left = bounds.faults
        self._restless = self._random.choice((0.02, 0.1, 0.3))
        self._deadly = self._random.choice((0.005, 0.02))

    def kinds(self) -> frozenset[Kind]:
        """All, while there are any left; seldom."""
        return self._bounds.kinds if self._left and self._random.random() < self._deadly else frozenset()

    def choose(self, _world: World, choices: Sequence[Choice]) -> Choice | None:
        """Any of them."""
        if faults := [each for each in choices if each.kind in FAULTS]:
            self._left -= 1
            return self._random.choice(faults)
        going = [each for each in choices if each.kind not in FAULTS]
        forced = [each for each in going if not each.preempts]
        if self._random.random() < self._restless or not forced:
            return self._random.choice(going)
        return self._random.choice(forced)


def wander(setting: Setting, check: Check, bounds: Bounds, *, runs: int, seed: int = 4711) -> Found:
    """Runs at random, the same for the same seed; `Bounds.preemptions` is not looked at."""
    found = Found()
    with Simulation() as simulation:
        for n in range(runs):
            what = run(setting(_Wanderer((seed, n), bounds)), simulation, check, found)
            if what is not None:
                retold(setting(_Wanderer((seed, n), bounds)), simulation, check, found, what)
                return found
    return found


class Scripted:
    """Chooses as it is told: one process until something holds of it, then the next one.

    Args:
        parts: (number of a process, until when); at the end, whoever comes first.
    """

    def __init__(self, *parts: tuple[int, Callable[[Process], bool]]) -> None:
        self._parts = list(parts)

    def kinds(self) -> frozenset[Kind]:
        """No faults."""
        return frozenset()

    def choose(self, world: World, choices: Sequence[Choice]) -> Choice | None:
        """Whoever's turn it is."""
        able = {each.who: each for each in choices}
        if any(each.preparing for each in world.processes):
            return choices[0]
        while self._parts:
            who, until = self._parts[0]
            if who in able and not until(world.processes[who]):
                return able[who]
            self._parts.pop(0)
        return choices[0]


def replay(setting: Setting, check: Check, *parts: tuple[int, Callable[[Process], bool]]) -> Found:
    """One run, as it is told."""
    found = Found()
    with Simulation() as simulation:
        what = run(setting(Scripted(*parts)), simulation, check, found)
        if what is not None:
            retold(setting(Scripted(*parts)), simulation, check, found, what)
    return found


def tell(what: str, found: Found) -> None:
    """Show the counts, to who runs the tests with ``-s``."""
    sys.stdout.write(f"\n{what}: {found}\n")


def run(
    world: World,
    simulation: Simulation,
    check: Check,
    found: Found,
    then: Callable[[World], None] = lambda _: None,
) -> str | None:
    """One run; what it broke. ``then`` is called before its end is checked."""
    found.runs += 1
    simulation.world = world
    world.run()
    then(world)
    found.steps = max(found.steps, world.steps)
    if world.violation is None and not world.given_up:
        return check(world)
    return world.violation


def retold(world: World, simulation: Simulation, check: Check, found: Found, what: str) -> None:
    """Have the run again, and write it down."""
    world.trace = found.schedule
    simulation.world = world
    world.run()
    if world.violation is None and not world.given_up:
        check(world)  # what comes after it belongs to the schedule
    found.violation = what
