"""Every run of a `World` but for the order of what commutes: dynamic partial-order reduction.

Two runs that differ only in the order of neighbouring steps which commute (``footprints``) come to the same end and
show every process the same; it is enough to follow one of them. `exhaust` follows at least one of each such class,
however often the processes are interrupted, by the method of source sets and sleep sets (Abdulla, Aronis, Jonsson,
Sagonas: "Optimal dynamic partial order reduction", POPL 2014, algorithm 1):

- A run is followed to its end. For any two steps of different processes in it that do not commute, and of which neither
  must come first for another reason (a *race*), some process is noted to be tried first at the place of the earlier
  one, from which the later one can be reached without it (`_note_races`).
- When a place is left for another step there, the step that was tried is put to sleep: it is not tried again below,
  until something happens with which it does not commute (`_Node.sleep`).

**Why this holds here.** What a step does depends only on what its process has seen, and on the places that it notes
(``simulated``: clocks change by steps of the process itself, and when all sleep; numbers are given out per process).
So two steps commute if their footprints do. A process has several next steps: its call, and what may strike it instead;
where it is to be tried, all of them are. What may strike in all is bounded: every fault writes the place ``BUDGET``, so
that no two commute. A process that sleeps can go on only after a step that stirred it: there is no race with the only
one. When nobody can go on time passes, which commutes with nothing: what was before is before. Runs end, for nobody who
sleeps goes on without a change (``simulated``). ``test_support_reduction.py`` compares it with the plain search.

Nothing is remembered but the current run: no two states are held to be equal because their fingerprints are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.support.explorer import Bounds, Check, Found, Setting, retold, run
from tests.support.footprints import Footprint, Place
from tests.support.simulated import FAULTS, Choice, Kind, World
from tests.support.simulation import Simulation

_TIME = -1
_Step = tuple[int, Kind]
Clock = dict[int, int]


@dataclass(slots=True)
class _Node:
    """One step of the current run, and what else is to be tried in its place.

    Attributes:
        open: What each process may do there.
        tried: The processes that are tried there, or will be; ``todo`` what is left of that.
        sleep: Steps that need not be tried there (any more).
    """

    open: dict[int, tuple[Kind, ...]]
    sleep: dict[_Step, Footprint]
    tried: set[int] = field(default_factory=set)
    todo: list[_Step] = field(default_factory=list)
    step: _Step = (_TIME, Kind.TIME)
    number: int = 0
    footprint: Footprint = field(default_factory=Footprint)
    woken_by: tuple[int, ...] = ()
    clock: Clock = field(default_factory=dict)

    def add(self, who: int) -> None:
        """Try a process there, with all that it may do."""
        if who not in self.tried:
            self.tried.add(who)
            self.todo += [(who, kind) for kind in self.open[who] if (who, kind) not in self.sleep]

    def next(self) -> bool:
        """Take the next thing to try; False: there is none."""
        while self.todo:
            self.step = self.todo.pop(0)
            if self.step not in self.sleep:
                return True
        return False


class _Search:
    """The chooser: follows the prescribed part of a run, then whoever runs."""

    def __init__(self, bounds: Bounds, found: Found) -> None:
        self.nodes: list[_Node] = []
        self._bounds = bounds
        self._found = found
        self.prescribed = 0
        self.begin()

    def begin(self) -> None:
        """A run begins."""
        self._at = 0
        self._left = self._bounds.faults
        self._fresh = self.prescribed

    def kinds(self) -> frozenset[Kind]:
        """All, while there are any left."""
        return self._bounds.kinds if self._left else frozenset()

    def choose(self, world: World, choices: Sequence[Choice]) -> Choice | None:
        """The prescribed step; beyond, one that is not asleep, of whoever runs if possible."""
        if self._at:
            self._note(self.nodes[self._at - 1], world)
        if self._at == len(self.nodes):
            node = self._made(choices)
            if not node.next():
                self._found.cut += 1
                return None
            self.nodes.append(node)
        node = self.nodes[self._at]
        self._at += 1
        who, kind = node.step
        if kind in FAULTS:
            self._left -= 1
        assert kind in node.open[who]
        return next(each for each in choices if (each.who, each.kind) == node.step)

    def end(self, world: World) -> None:
        """The run came to its end, or was given up: note the last step."""
        if self._at:
            self._note(self.nodes[self._at - 1], world)

    def _note(self, node: _Node, world: World) -> None:
        node.number, node.footprint, node.woken_by = world.steps, world.footprint, world.woken_by

    def _made(self, choices: Sequence[Choice]) -> _Node:
        may: dict[int, tuple[Kind, ...]] = {}
        for each in choices:
            may[each.who] = (*may.get(each.who, ()), each.kind)
        before = self.nodes[-1] if self.nodes else None
        asleep: dict[_Step, Footprint] = {}
        if before is not None and before.step[0] != _TIME:
            asleep = {
                step: footprint
                for step, footprint in before.sleep.items()
                if step[0] != before.step[0] and footprint.commutes(before.footprint)
            }
        node = _Node(open=may, sleep=asleep)
        if _TIME in may:  # nobody can go on: what strikes before time passes strikes elsewhere than after it
            for who in may:
                node.add(who)
            return node
        going = [each.who for each in choices if each.kind is Kind.GO]
        awake = [who for who in (*going, *may) if any((who, kind) not in asleep for kind in may[who])]
        if awake:
            first = next((who for who in going if (who, Kind.GO) not in asleep), awake[0])
            node.add(first)
        return node

    def advance(self) -> bool:
        """Look at the run that was had, then on to the next; False: there is none."""
        _Races(self.nodes, self._fresh).note()
        while self.nodes:
            node = self.nodes[-1]
            node.sleep[node.step] = node.footprint
            if node.next():
                self.prescribed = len(self.nodes) - 1
                return True
            self.nodes.pop()
        return False


class _Races:
    """Which steps of a run could have come the other way round.

    Args:
        nodes: Of the run.
        fresh: From here on they were not looked at before.
    """

    def __init__(self, nodes: list[_Node], fresh: int) -> None:
        self._nodes = nodes
        self._fresh = fresh
        self._by_number = {node.number: n for n, node in enumerate(nodes)}
        changed: set[Place] = set()
        for node in nodes:
            changed |= node.footprint.writes
            changed |= node.footprint.touches
        self._changed = changed
        self._writes: dict[Place, int] = {}
        self._touches: dict[Place, dict[int, int]] = {}
        self._reads: dict[Place, dict[int, int]] = {}

    def note(self) -> None:
        """Go through the run; note at earlier places what is to be tried there."""
        last: dict[int, int] = {}
        barrier: Clock = {}
        for n, node in enumerate(self._nodes):
            who = node.step[0]
            if who == _TIME:
                barrier = dict(last)
                self._writes, self._touches, self._reads = {}, {}, {}
                node.clock = dict(barrier)
                continue
            before = dict(barrier)
            if who in last:
                _join(before, self._nodes[last[who]].clock)
            earlier = self._dependencies(n, node)
            if n >= self._fresh:
                self._note(n, before, earlier)
            for each in earlier:
                _join(before, self._nodes[each].clock)
            before[who] = n
            node.clock = before
            last[who] = n
            self._remember(n, node)

    def _dependencies(self, n: int, node: _Node) -> set[int]:
        """The last steps of others that this one does not commute with."""
        who, found = node.step[0], set()
        for place in node.footprint.reads & self._changed:
            if place in self._writes:
                found.add(self._writes[place])
            found.update(self._touches.get(place, {}).values())
        for place in node.footprint.touches:
            if place in self._writes:
                found.add(self._writes[place])
            found.update(self._reads.get(place, {}).values())
        for place in node.footprint.writes:
            if place in self._writes:
                found.add(self._writes[place])
            found.update(self._touches.get(place, {}).values())
            found.update(self._reads.get(place, {}).values())
        if node.woken_by and (first := self._by_number.get(node.woken_by[0])) is not None:
            found.add(first)
        return {each for each in found if each != n and self._nodes[each].step[0] != who}

    def _remember(self, n: int, node: _Node) -> None:
        who = node.step[0]
        for place in node.footprint.writes:
            self._writes[place] = n
            self._touches.pop(place, None)
            self._reads.pop(place, None)
        for place in node.footprint.touches:
            self._touches.setdefault(place, {})[who] = n
        for place in node.footprint.reads & self._changed:
            self._reads.setdefault(place, {})[who] = n

    def _note(self, n: int, before: Clock, earlier: set[int]) -> None:
        nodes = self._nodes
        for each in earlier:
            if before.get(nodes[each].step[0], -1) >= each:
                continue  # it comes before for a reason of its own
            if any(other != each and _after(nodes[other], nodes[each], each) for other in earlier):
                continue
            self._reverse(each, n)

    def _reverse(self, at: int, n: int) -> None:
        """Let what does not depend on step ``at``, and then step ``n``, come before it."""
        nodes = self._nodes
        rest = [each for each in range(at + 1, n) if not _after(nodes[each], nodes[at], at)]
        node, late = nodes[at], nodes[n]
        if late.woken_by:
            stirring = {self._by_number[each] for each in late.woken_by if each in self._by_number}
            if not any(each < at or each in rest for each in stirring):
                return  # nothing else wakes it
        initials: list[int] = []
        seen: set[int] = set()
        for each in (*rest, n):
            who = nodes[each].step[0]
            if who in seen:
                continue
            seen.add(who)
            if not self._has_predecessor(each, rest, n):
                initials.append(who)
        if node.tried.intersection(initials):
            return
        able = [who for who in initials if who in node.open]
        for who in able[:1] or node.open:
            node.add(who)

    def _has_predecessor(self, each: int, rest: Iterable[int], n: int) -> bool:
        """Whether one of the rest has to come before it."""
        nodes = self._nodes
        if each == n:
            # its own clock is not complete yet: by its process's last step, and by what it does not commute with
            late = nodes[n]
            return any(
                nodes[other].step[0] == late.step[0]
                or not nodes[other].footprint.commutes(late.footprint)
                or nodes[other].number in late.woken_by
                for other in rest
            )
        return any(other < each and _after(nodes[each], nodes[other], other) for other in rest)


def _join(clock: Clock, other: Clock) -> None:
    for who, at in other.items():
        if at > clock.get(who, -1):
            clock[who] = at


def _after(late: _Node, early: _Node, at: int) -> bool:
    """Whether one step comes after another for a reason."""
    return late.clock.get(early.step[0], -1) >= at


def exhaust(setting: Setting, check: Check, bounds: Bounds, *, limit: int = 10_000_000) -> Found:
    """A run of every class within the bounds, until one breaks a rule; `Bounds.preemptions` is not looked at.

    Args:
        setting: Makes the world.
        check: Asked at the end of each run that came to its end.
        bounds: How many faults there may be, and which.
        limit: Give up after so many runs; `Found.complete` says so.
    """
    found = Found()
    with Simulation() as simulation:
        search = _Search(bounds, found)
        while True:
            search.begin()
            world = setting(search)
            what = run(world, simulation, check, found, then=search.end)
            if what is not None:
                search.begin()
                retold(setting(search), simulation, check, found, what)
                return found
            if not search.advance():
                return found
            if found.runs >= limit:
                found.complete = False
                return found
