"""Simulated processes over one file system in memory: threads of which exactly one runs, until its next disk call.

A `World` has a tree, and processes with clocks, each running a program: an ordinary function that calls the product.
Before each of its disk calls, and before it looks at a process, a program's thread asks the world's `Chooser` what
happens next: the call, another process's call, a death, an error, a clock that goes on or back. What is chosen is a
*step*, from there to the next question. So a run is a list of choices, and can be had again; and of each step there is
a `Footprint`, which says what it commutes with. A process ends with its last call.

A program is a function of what it sees: time, pids and random bytes are answered for the process that runs
(``simulation``), and the order of processes decides about nothing else.

**Waiting.** Who sleeps goes on when something that it has looked at since it slept last was changed. Without such a
change another look would find what the last one found, except for the time: it would be the last look, stretched. So
nobody spins, and every run ends. Where all who are left sleep, time passes until the first of them wakes (`Kind.TIME`).

**Pauses.** Whoever is not chosen is paused. How long, only clocks can tell, and each process has clocks of its own,
which no two compare: that a waiter sees the lease of a paused holder run out is that his clock goes on by more than a
lease between two looks (`Kind.EXPIRE`), wherever the holder stands. That a holder works so slowly that he has to say
that he lives is that his goes on by more than a refresh (`Kind.LATE`). Both are faster clocks than any real ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from holdfast.disk import calls
from tests.support.faulty_disk import Killed
from tests.support.footprints import Footprint, Place
from tests.support.memory_disk import Descriptors, MemoryDisk
from tests.support.memory_tree import Tree

SIGHT = "sight"
"""Looking at a process; with the disk's calls, all that one process learns of others."""
HARMLESS = frozenset({"close", "fsync", "syncfs", "fchmod", "fchown"})
KILLED_BEFORE = frozenset(calls.MUTATING) - HARMLESS | {"flock"}
"""Calls before which a death is another death than before the call that follows: the others leave no trace."""
FAILING = KILLED_BEFORE - {"flock", "write", "pwrite"}
START = 1_800_000_000.0
STEPS = 20_000
LAPSE, DELAY, STEP_BACK = 31.0, 6.0, -7200.0
"""Seconds: more than a lease, more than a refresh, and by how much a wall clock is put back."""
BUDGET: Place = ("budget",)
"""How much may still happen: a fault here is one less elsewhere."""


class Kind(StrEnum):
    """What may happen next."""

    GO = "go"
    KILL = "kill"
    TEAR = "tear"  # killed in the middle of a write
    ERROR = "error"  # the call fails: EIO
    EXPIRE = "expire"  # the lease of whomever it waits for runs out
    LATE = "late"  # its work takes longer than a refresh
    CLOCK = "clock"  # its wall clock is put back
    TIME = "time"  # all sleep: the first wakes


DEATHS = frozenset({Kind.KILL, Kind.TEAR})
CLOCKS = frozenset({Kind.EXPIRE, Kind.LATE, Kind.CLOCK})
FAULTS = DEATHS | CLOCKS | {Kind.ERROR}


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that may happen next, to or by one process (none: -1); whether it interrupts who could go on."""

    kind: Kind
    who: int
    preempts: bool = False


class Chooser(Protocol):
    """Decides what happens next."""

    def kinds(self) -> frozenset[Kind]:
        """Which faults may strike now."""

    def choose(self, world: World, choices: Sequence[Choice]) -> Choice | None:
        """One of them, never empty; None gives the run up."""


Program = Callable[["Process"], object]


@dataclass(slots=True, eq=False, kw_only=True)
class Process:
    """A simulated process.

    Attributes:
        host: Its machine and boot.
        preparing: It goes before all others, undisturbed, until it is `ready`; ``patient``: when the others are.
        seen: Stands for everything that it has seen so far, and so for what it will do.
        round: The places that it has looked at since it slept last.
        stirred_by: The steps of others that have changed any of them since.
        wall: By how much its wall clock is off; ``ahead``: its monotonic clock.
        failing: Its next call fails.
        result: Of its program; ``error`` what it raised.
        notes: For programs and rules.
        visible: Others in its namespace see its start time (no: hidepid).
    """

    name: str
    number: int
    program: Program
    host: str
    namespace: int
    pid: int
    kernel: Descriptors
    visible: bool = True
    seen: int = 0
    randoms: int = 0
    quiet: int = 0
    wake: float | None = None
    round: set[Place] = field(default_factory=set)
    stirred_by: list[int] = field(default_factory=list)
    wall: float = 0.0
    ahead: float = 0.0
    failing: bool = False
    preparing: bool = False
    patient: bool = False
    dead: bool = False
    ended: bool = False
    pending: str = "its start"
    result: object = None
    error: BaseException | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    baton: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread | None = None

    @property
    def gone(self) -> bool:
        """It takes no further step."""
        return self.dead or self.ended

    @property
    def alive(self) -> Place:
        """What others may see of it, as a place."""
        return ("alive", self.pid)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """A stretch in which nothing else happens, to make the space that is searched smaller."""
        self.quiet += 1
        try:
            yield
        finally:
            self.quiet -= 1


class First:
    """Takes what comes first."""

    def kinds(self) -> frozenset[Kind]:
        """None."""
        return frozenset()

    def choose(self, _world: World, choices: Sequence[Choice]) -> Choice | None:
        """Let whoever can go on do so."""
        return choices[0]


Monitor = Callable[["World", Process, str], None]
"""Looks at a world after a call of a process, and may say `World.violate`; ``World.footprint`` is of that step."""


class World:
    """One run.

    Args:
        tree: What lies on the disk in the beginning; it is changed.
        chooser: Decides.
        libraries: Directories of whose names each module of the product is shown what it is interested in.

    Attributes:
        footprint: Of the step that is made, or was made last; ``steps`` counts them.
        woken_by: The steps that stirred whoever goes on now, if it slept and time did not wake it.
        happened: Every fault that struck, with the process that it struck.
        broken: Ids of the owners whose locks others broke; ``fenced``: and then fenced (``model_rules`` notes them).
    """

    def __init__(self, tree: Tree, chooser: Chooser, *, libraries: Iterable[str] = ()) -> None:
        self.tree = tree
        self.libraries = frozenset(libraries)
        self.elapsed = 0.0
        self.tree.now = self._now_ns
        self.tree.steady = self._one_clock
        self.memory = MemoryDisk(tree)
        self.processes: list[Process] = []
        self.running: Process | None = None
        self.violation: str | None = None
        self.given_up = False
        self.trace: list[str] | None = None
        self.monitors: list[Monitor] = []
        self.steps = 0
        self.footprint = Footprint()
        self.woken_by: tuple[int, ...] = ()
        self.happened: list[tuple[Kind, Process]] = []
        self.broken: set[str] = set()
        self.fenced: set[str] = set()
        self._stepping = -1
        self._chooser = chooser
        self._done = threading.Lock()
        self._finishing = False

    def add(
        self,
        name: str,
        program: Program,
        *,
        host: str = "one",
        namespace: int = 1,
        visible: bool = True,
        prepares: bool = False,
    ) -> Process:
        """A process that will run a program; ``prepares``: the program says when it is `ready`."""
        number = len(self.processes) + 1
        made = Process(
            name=name,
            number=number,
            program=program,
            host=host,
            namespace=namespace,
            pid=100 + number,
            kernel=Descriptors(number=number),
            visible=visible,
            preparing=prepares,
        )
        self.processes.append(made)
        return made

    @property
    def key(self) -> object:
        """Equal when everything that can still happen is equal."""
        return (
            self.tree.state,
            self.elapsed,
            self.running.number if self.running else 0,
            tuple(
                (each.seen, each.dead, each.ended, each.wake, bool(each.stirred_by), each.wall, each.ahead)
                for each in self.processes
            ),
        )

    def run(self) -> None:
        """Until everybody has ended, or it is given up."""
        self._done.acquire()
        self._finishing = False
        for each in [each for each in self.processes if each.thread is None]:
            each.baton.acquire()
            each.thread = threading.Thread(target=self._body, args=(each,), daemon=True, name=each.name)
            each.thread.start()
        try:
            self._pass_on()
            self._done.acquire()
        finally:
            self._finishing = True
            for each in self.processes:
                assert each.thread is not None
                if each.thread.is_alive():
                    self.running = each
                    if not each.ended:
                        each.baton.release()
                    each.thread.join()
            self.running = None
            self.tree.noted = None
            self._done.release()

    def afterwards(self, name: str, program: Program) -> Process:
        """When everybody has ended or died: one more process, undisturbed; returns when it has ended."""
        added = self.add(name, program)
        self._chooser = First()
        self.run()
        return added

    def violate(self, what: str) -> None:
        """A rule was broken: the run ends here."""
        if self.violation is None:
            self.violation = what
        self.given_up = True

    def tell(self, text: str) -> None:
        """Write it down, if anybody wants to read it."""
        if self.trace is not None:
            self.trace.append(text)

    # -- in the thread of a process

    def _body(self, me: Process) -> None:
        me.baton.acquire()
        if not self._finishing and not me.dead:
            try:
                me.result = me.program(me)
            except Killed:
                pass
            except BaseException as error:  # noqa: BLE001 - the process's last word
                me.error = error
        if self._finishing:
            me.ended = True
            return
        if not me.dead:
            self._let_go(me)
            self.tell(f"{me.name} ends" + (f" with {me.error!r}" if me.error else ""))
        me.ended = True
        me.seen = hash((me.seen, "ended"))
        self._pass_on()

    def _let_go(self, who: Process) -> None:
        """The kernel takes back what a process had; others may see that it is gone."""
        self.memory.end(who.kernel)
        self.footprint.writes.add(who.alive)

    def _pass_on(self) -> None:
        """The one who ran cannot go on: somebody else, or the end."""
        self.running = None
        chosen = None if self.given_up else self._chosen()
        if chosen is None:
            self._done.release()
        else:
            self._become(chosen)
            chosen.baton.release()

    def _become(self, chosen: Process) -> None:
        self.running = chosen
        self.memory.become(chosen.kernel)
        chosen.wake = None

    def before(self, me: Process, name: str) -> None:
        """A call is about to be made: what happens first?"""
        if me.dead or self._finishing:
            raise Killed(name)
        if me.quiet or me.preparing:
            return
        me.pending = name
        self._yield(me)

    def _yield(self, me: Process) -> None:
        chosen = None if self.given_up else self._chosen()
        if chosen is me:
            self._become(me)
            return
        if chosen is None:
            self._done.release()
        else:
            self._become(chosen)
            chosen.baton.release()
        me.baton.acquire()
        if me.dead or self._finishing:
            raise Killed(me.pending)

    def ready(self, me: Process) -> None:
        """The preparations of a process are over."""
        self.look(me, "ready")
        me.preparing = False
        me.pending = "ready"
        self._end_step()
        me.round.clear()
        self._yield(me)
        me.stirred_by.clear()

    def look(self, me: Process, name: str) -> None:
        """Hold the rules against what a process has done."""
        for monitor in self.monitors:
            monitor(self, me, name)

    def stand_back(self, me: Process) -> None:
        """Let the others make their preparations first; whoever it waits for then is silent for longer than a lease."""
        me.patient = True
        self._yield(me)

    def after(self, me: Process, result: object) -> None:
        """A call was made: this was seen."""
        me.seen = hash((me.seen, result))

    def sleep(self, me: Process, seconds: float) -> None:
        """Let others work."""
        if me.dead or self._finishing:
            raise Killed("sleep")
        if me.preparing:
            self._silence(me)
            return
        me.wake = self.elapsed + max(seconds, LAPSE)
        me.pending = "sleep"
        self._yield(me)
        me.round.clear()
        me.stirred_by.clear()
        self.after(me, "slept")

    # -- choosing

    def _chosen(self) -> Process | None:
        """Ask, do what strikes at once, ask again; who goes on? None: nobody."""
        while True:
            self._end_step()
            choices = self._choices()
            if not choices or self.given_up:
                return None
            try:
                choice = self._chooser.choose(self, choices)
            except AssertionError as error:  # the chooser's own, not the program's
                self.violate(f"the chooser: {error}")
                return None
            if choice is None:
                self.given_up = True
                return None
            self._begin_step(choice)
            if choice.kind is Kind.TIME:
                self.elapsed = min(each.wake for each in self.processes if not each.gone and each.wake is not None)
                self.tell("time passes")
                continue
            who = self.processes[choice.who]
            if choice.kind is Kind.GO:
                if who is not self.running:
                    self.tell(f"-> {who.name}")
                return who
            self._strike(choice.kind, who)
            if choice.kind is Kind.ERROR:
                return who

    def _begin_step(self, choice: Choice) -> None:
        self.steps += 1
        if self.steps > STEPS:
            self.violate("it goes on for ever")
        self.footprint = self.tree.noted = Footprint()
        self._stepping = choice.who
        self.woken_by = ()
        if choice.kind is Kind.GO:
            who = self.processes[choice.who]
            if who.wake is not None and who.wake > self.elapsed:
                self.woken_by = tuple(who.stirred_by)

    def _end_step(self) -> None:
        done, self.tree.noted = self.footprint, None
        for n, each in enumerate(self.processes):
            if n == self._stepping:
                each.round |= done.reads
            elif done.changes(each.round):
                each.stirred_by.append(self.steps)
        self._stepping = -1

    def _strike(self, kind: Kind, who: Process) -> None:
        self.tell(f"{kind} {who.name} before {who.pending}")
        self.footprint.writes.add(BUDGET)
        if kind is not Kind.EXPIRE:
            self.happened.append((kind, who))
        match kind:
            case Kind.KILL | Kind.TEAR:
                if kind is Kind.TEAR:
                    self.memory.process = who.kernel
                    who.notes["tear"]()
                who.dead = True
                self._let_go(who)
            case Kind.ERROR:
                who.failing = True
            case Kind.EXPIRE:
                self._silence(who)
                if who.wake is not None:
                    who.stirred_by.append(self.steps)
            case Kind.LATE:
                who.ahead += DELAY
            case Kind.CLOCK:
                who.wall += STEP_BACK
            case Kind.GO | Kind.TIME:
                raise AssertionError(kind)

    def _silence(self, who: Process) -> None:
        """Whomever it waits for has said nothing for longer than a lease, by its clock."""
        self.happened.append((Kind.EXPIRE, who))
        who.ahead += LAPSE
        who.notes["silent"] = who.notes.get("last seen")

    def _choices(self) -> list[Choice]:
        preparing = [each for each in self.processes if each.preparing and not each.gone]
        for each in sorted(preparing, key=lambda each: each.patient):
            return [Choice(Kind.GO, each.number - 1)]
        left = [each for each in self.processes if not each.gone]
        ready = [each for each in left if each.wake is None or each.stirred_by or each.wake <= self.elapsed]
        current = self.running if self.running in ready else None
        can_go_on = current is not None and current.wake is None and current.pending != "ready"
        order = sorted(ready, key=lambda each: each is not current)
        going = [Choice(Kind.GO, each.number - 1, preempts=can_go_on and each is not current) for each in order]
        if left and not going:
            going = [Choice(Kind.TIME, -1)]
        kinds = self._chooser.kinds()
        return going + [choice for each in left for choice in self._faults(each, kinds)] if kinds else going

    def _faults(self, each: Process, kinds: frozenset[Kind]) -> Iterator[Choice]:
        """What may strike a process before its next call."""
        index, works = each.number - 1, each.pending in KILLED_BEFORE and each.wake is None
        if Kind.KILL in kinds and (works or each.wake is not None):
            yield Choice(Kind.KILL, index)
        if Kind.TEAR in kinds and works and each.pending in {"write", "pwrite"}:
            yield Choice(Kind.TEAR, index)
        if Kind.ERROR in kinds and works and each.notes.get("may fail") and each.pending in FAILING:
            yield Choice(Kind.ERROR, index)
        if Kind.EXPIRE in kinds and (each.wake is not None or each.pending == SIGHT):
            yield Choice(Kind.EXPIRE, index)
        if Kind.LATE in kinds and works and each.notes.get("may be late"):
            yield Choice(Kind.LATE, index)
        if Kind.CLOCK in kinds and works:
            yield Choice(Kind.CLOCK, index)

    def _now_ns(self) -> int:
        offset = self.running.wall if self.running else 0.0
        return int((START + self.elapsed + offset) * 1e9)

    def _one_clock(self) -> bool:
        return len({each.wall for each in self.processes}) == 1
