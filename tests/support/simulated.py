"""Simulated processes over one file system in memory: threads of which exactly one runs, until its next disk call.

A `World` has a tree, hosts with clocks, and processes, each running a program: an ordinary function that calls the
product. Before each of its disk calls a program's thread asks the world's `Chooser` what happens next: the call,
another process's call, a death, a pause, a step of the wall clock. So a run is a list of choices, and can be had again.

`Simulation` puts it all in force: the disk calls, pid, ids, random bytes, clocks and sleep, and what is seen of
processes, answered for the simulated process that runs.

Time passes in sleeps and pauses only. Whoever sleeps is woken when nobody else can go on, or when something was changed
on the disk since: a look that finds what the last one found decides nothing. Whoever is paused stays so for his time,
and then until it is his turn.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from types import SimpleNamespace, TracebackType
from typing import Any, Protocol, Self
from unittest import mock

from holdfast import disk
from holdfast.disk import calls, process
from holdfast.target import survey
from tests.support.faulty_disk import ALL, Killed
from tests.support.memory_disk import Descriptors, MemoryDisk
from tests.support.memory_tree import Tree

QUIET = frozenset({"close", "fsync", "syncfs", "fchmod", "fchown", "fstat", "realpath", "access", "statvfs", "read"})
"""Calls whose place among others' calls decides nothing: what is read of an open file was there when it was opened."""
KILLED_BEFORE = frozenset(calls.MUTATING) - QUIET | {"flock"}
"""Calls before which a death is another death than before the call that follows."""
START = 1_800_000_000.0
STEPS = 20_000
_GRACE = 30.0
"""Seconds after which who was paused must go on, if all others do is wait."""


class Kind(StrEnum):
    """What may happen next."""

    GO = "go"
    KILL = "kill"
    TEAR = "tear"  # killed in the middle of a write
    PAUSE = "pause"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that may happen next, to or by one process; whether it interrupts somebody who could go on."""

    kind: Kind
    who: int
    preempts: bool = False


class Chooser(Protocol):
    """Decides what happens next."""

    def choose(self, world: World, choices: Sequence[Choice]) -> Choice | None:
        """One of them, never empty; None gives the run up."""


@dataclass(slots=True, kw_only=True)
class Host:
    """A machine: its name and boot, how far its wall clock is off."""

    name: str = "one"
    offset: float = 0.0


Program = Callable[["Process"], object]


@dataclass(slots=True, eq=False, kw_only=True)
class Process:
    """A simulated process.

    Attributes:
        preparing: It goes before all others, undisturbed, until it is `ready`.
        seen: Stands for everything that it has seen so far, and so for what it will do.
        result: Of its program; ``error`` what it raised.
        notes: For programs and monitors.
        visible: Others in its namespace see its start time (no: hidepid).
    """

    name: str
    number: int
    program: Program
    host: Host
    namespace: int
    pid: int
    kernel: Descriptors
    visible: bool = True
    seen: int = 0
    made: int = 0
    randoms: int = 0
    quiet: int = 0
    wake: float | None = None
    slept_at: int = 0
    paused_until: float | None = None
    was_paused: bool = False
    preparing: bool = False
    dead: bool = False
    ended: bool = False
    pending: str = ""
    result: object = None
    error: BaseException | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    baton: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread | None = None

    @property
    def gone(self) -> bool:
        """It takes no further step."""
        return self.dead or self.ended

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """A stretch in which nothing else happens, to make the space that is searched smaller."""
        self.quiet += 1
        try:
            yield
        finally:
            self.quiet -= 1


class _First:
    """Takes what comes first."""

    def choose(self, _world: World, choices: Sequence[Choice]) -> Choice | None:
        """Let whoever can go on do so."""
        return choices[0]


class World:
    """One run.

    Args:
        tree: What lies on the disk in the beginning; it is changed.
        chooser: Decides.
        pause: How long, in seconds, somebody who is paused takes no step; then he may.
        step: By how many seconds a wall clock is put back.
        oversleep: Every sleep lasts at least so many seconds.
        every: Ask before every single call, the `QUIET` ones too.
    """

    def __init__(
        self,
        tree: Tree,
        chooser: Chooser,
        *,
        pause: float = 31.0,
        step: float = -7200.0,
        oversleep: float = 0.0,
        every: bool = False,
    ) -> None:
        self.tree = tree
        self.elapsed = 0.0
        self.tree.now = self._now_ns
        self.memory = MemoryDisk(tree)
        self.processes: list[Process] = []
        self.running: Process | None = None
        self.violation: str | None = None
        self.given_up = False
        self.trace: list[str] | None = None
        self.monitor: Callable[[Process, str, tuple[Any, ...], dict[str, Any]], None] | None = None
        self.steps = 0
        self._chooser = chooser
        self._pause = pause
        self._step = step
        self._oversleep = oversleep
        self._every = every
        self._deaths = 0
        self._done = threading.Lock()
        self._finishing = False

    def add(
        self,
        name: str,
        program: Program,
        *,
        host: Host | None = None,
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
            host=host or (self.processes[0].host if self.processes else Host()),
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
                (each.seen, each.dead, each.ended, each.paused_until, each.wake, each.wake and self._fruitless(each))
                for each in self.processes
            ),
        )

    def run(self) -> None:
        """Until everybody has ended, or it is given up."""
        self._done.acquire()
        self._finishing = False
        for each in self._beginning():
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
            self._done.release()

    def afterwards(self, name: str, program: Program) -> Process:
        """When everybody has ended or died: one more process, undisturbed; returns when it has ended."""
        added = self.add(name, program)
        self._chooser = _First()
        self.run()
        return added

    def _beginning(self) -> list[Process]:
        return [each for each in self.processes if each.thread is None]

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
            self.memory.end(me.kernel)
        me.ended = True
        self._deaths += 1
        me.seen = hash((me.seen, "ended"))
        self.tell(f"{me.name} ends" + (f" with {me.error!r}" if me.error else ""))
        self._pass_on()

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
        self.elapsed = max(self.elapsed, chosen.wake or 0.0, chosen.paused_until or 0.0)
        chosen.wake = chosen.paused_until = None

    def before(self, me: Process, name: str) -> None:
        """A call is about to be made: what happens first?"""
        if me.dead or self._finishing:
            raise Killed(name)
        if me.quiet or me.preparing or (not self._every and name in QUIET):
            return
        me.pending = name
        self._yield(me)

    def _yield(self, me: Process) -> None:
        self.steps += 1
        if self.steps > STEPS:
            self.violate("it goes on for ever")
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
        me.preparing = False
        me.pending = "ready"
        self._yield(me)

    def after(self, me: Process, result: object) -> None:
        """A call was made: this was seen."""
        me.seen = hash((me.seen, result))
        me.made += 1

    def sleep(self, me: Process, seconds: float) -> None:
        """Let others work."""
        if me.dead or self._finishing:
            raise Killed("sleep")
        me.wake = self.elapsed + max(seconds, self._oversleep)
        me.slept_at = self._version
        me.pending = "sleep"
        self._yield(me)
        self.after(me, "slept")

    # -- choosing

    @property
    def _version(self) -> int:
        return self.tree.version + self._deaths

    def _fruitless(self, each: Process) -> bool:
        return each.wake is not None and each.slept_at == self._version

    def _chosen(self) -> Process | None:
        """Ask, do what strikes at once, ask again; who goes on? None: nobody."""
        while True:
            choices = self._choices()
            if not choices:
                return None
            try:
                choice = choices[0] if len(choices) == 1 else self._chooser.choose(self, choices)
            except AssertionError as error:  # the chooser's own, not the program's
                self.violate(f"the chooser: {error}")
                return None
            if choice is None:
                self.given_up = True
                return None
            who = self.processes[choice.who]
            if choice.kind is Kind.GO:
                if who is not self.running:
                    self.tell(f"-> {who.name}")
                return who
            self._strike(choice.kind, who)

    def _strike(self, kind: Kind, who: Process) -> None:
        self.tell(f"{kind} {who.name} before {who.pending or 'its start'}")
        match kind:
            case Kind.KILL | Kind.TEAR:
                if kind is Kind.TEAR:
                    who.notes["tear"]()
                who.dead = True
                self.memory.end(who.kernel)
                self._deaths += 1
            case Kind.PAUSE:
                who.paused_until = self.elapsed + self._pause
                who.was_paused = True
            case Kind.CLOCK:
                who.host.offset += self._step
            case Kind.GO:
                raise AssertionError(kind)

    def _choices(self) -> list[Choice]:
        for each in self.processes:
            if each.preparing and not each.gone:
                return [Choice(Kind.GO, each.number - 1)]
        able = [each for each in self.processes if not each.gone and (each.paused_until or 0.0) <= self.elapsed]
        ready = [each for each in able if not self._fruitless(each)] or self._woken()
        current = self.running if self.running in ready else None
        can_go_on = current is not None and _until(current) == 0.0 and current.pending != "ready"
        order = sorted(ready, key=lambda each: each is not current)
        going = [Choice(Kind.GO, each.number - 1, preempts=can_go_on and each is not current) for each in order]
        return going + [choice for each in able if going for choice in self._faults(each, alone=len(able) == 1)]

    def _faults(self, each: Process, *, alone: bool) -> Iterator[Choice]:
        """What may strike a process that has not gone on yet."""
        index, current = each.number - 1, each is self.running
        if each.pending in KILLED_BEFORE or each.wake is not None:
            yield Choice(Kind.KILL, index)
        if current and each.pending in {"write", "pwrite"}:
            yield Choice(Kind.TEAR, index)
        if current and each.pending in KILLED_BEFORE and each.paused_until is None:
            if not alone and not each.was_paused:
                yield Choice(Kind.PAUSE, index)
            yield Choice(Kind.CLOCK, index)

    def _woken(self) -> list[Process]:
        """Nobody has anything new to see: time passes until the first sleep ends, or a pause."""
        waiting = [each for each in self.processes if not each.gone]
        paused = sorted((each for each in waiting if each.paused_until is not None), key=_until)
        asleep = sorted((each for each in waiting if each.paused_until is None), key=_until)
        if not asleep or (paused and _until(asleep[0]) > _until(paused[0]) + _GRACE):
            return paused[:1]
        return [asleep[0], *(each for each in paused if _until(each) <= _until(asleep[0]))]

    def _now_ns(self) -> int:
        offset = self.running.host.offset if self.running else 0.0
        return int((START + self.elapsed + offset) * 1e9)


def _until(each: Process) -> float:
    return max(each.wake or 0.0, each.paused_until or 0.0)


class _Disk(calls.Calls):
    """The calls of whoever runs, each with a question before it."""

    def __init__(self, simulation: Simulation) -> None:
        for name in ALL:
            setattr(self, name, _asked(simulation, name))


def _asked(simulation: Simulation, name: str) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - any of the calls
        world = simulation.world
        me = world.running
        made = getattr(world.memory, name)
        if me is None:
            return made(*args, **options)
        if name in {"write", "pwrite"}:
            me.notes["tear"] = lambda: made(args[0], bytes(args[1])[: len(args[1]) // 2], *args[2:])
        world.before(me, name)
        world.memory.process = me.kernel
        try:
            result = made(*args, **options)
        except OSError as error:
            world.after(me, error.errno)
            if world.trace is not None:
                world.tell(f"   {me.name} {name}{_shown(args, options)} {error.strerror}")
            raise
        world.after(me, _plain(result))
        if world.trace is not None and name not in QUIET:
            world.tell(f"   {me.name} {name}{_shown(args, options)}")
        if world.monitor is not None and name in calls.MUTATING:
            world.monitor(me, name, args, options)
        return result

    return call


def _plain(result: object) -> object:
    if isinstance(result, os.stat_result):
        return (tuple(result[:7]), result.st_mtime_ns)
    if isinstance(result, list):
        return tuple(each if isinstance(each, str) else (each.name, _plain(each.status)) for each in result)
    return result


def _shown(args: tuple[Any, ...], options: dict[str, Any]) -> str:
    words = [each if isinstance(each, (str, int)) else "..." for each in args]
    return f"({', '.join(map(str, [*words, *(f'{key}={value}' for key, value in options.items() if value)]))})"


class Simulation:
    """Everything that a program may ask of its system, answered for the simulated process that runs.

    A context manager. Threads that are no simulated process, such as the tests' own, are answered by the real system,
    except for the disk calls.

    Attributes:
        world: Set it before the world runs.
    """

    world: World

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        enter = self._stack.enter_context
        enter(calls.using(_Disk(self)))
        for module, name, answer in (
            (os, "getpid", lambda me: me.pid),
            (os, "geteuid", lambda me: me.kernel.uid),
            (os, "getegid", lambda me: me.kernel.gid),
            (time, "time", lambda me: START + self.world.elapsed + me.host.offset),
            (time, "time_ns", lambda me: int((START + self.world.elapsed + me.host.offset) * 1e9)),
            (time, "monotonic", lambda _: 1000.0 + self.world.elapsed),
            (time, "monotonic_ns", lambda _: int((1000.0 + self.world.elapsed) * 1e9)),
            (disk, "boot_id", lambda me: f"boot of {me.host.name}"),
            (disk, "pid_namespace", lambda me: me.namespace),
            (process, "boot_id", lambda me: f"boot of {me.host.name}"),
            (process, "pid_namespace", lambda me: me.namespace),
        ):
            enter(mock.patch.object(module, name, self._answered(getattr(module, name), answer)))
        for module in (disk, process):
            enter(mock.patch.object(module, "sight", self._sight))
        enter(mock.patch.object(os, "uname", self._uname(os.uname)))
        enter(mock.patch.object(os, "urandom", self._urandom(os.urandom)))
        enter(mock.patch.object(time, "sleep", self._sleep(time.sleep)))
        enter(mock.patch.object(disk, "filesystem", return_value=disk.FileSystem(type="ext4")))
        enter(mock.patch.object(survey, "os", _os_of_survey()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _me(self) -> Process | None:
        world: World | None = getattr(self, "world", None)
        me = world.running if world is not None else None
        return me if me is not None and threading.current_thread() is me.thread else None

    def _answered(self, real: Callable[[], object], answer: Callable[[Process], object]) -> Callable[[], object]:
        def answered() -> object:
            me = self._me()
            if me is None:
                return real()
            result = answer(me)
            me.seen = hash((me.seen, result))
            return result

        return answered

    def _sight(self, pid: int) -> disk.Sight:
        me = self._me()
        assert me is not None
        seen = disk.Sight(exists=False)
        for each in self.world.processes:
            if each.pid == pid and (each.host, each.namespace) == (me.host, me.namespace):
                if not each.visible and each is not me:
                    seen = disk.Sight(exists=not each.gone)
                elif not each.gone:
                    state = "T" if each.paused_until is not None else "S"
                    seen = disk.Sight(exists=True, state=state, started=1000 + each.number)
                elif each.notes.get("zombie"):
                    seen = disk.Sight(exists=True, state="Z", started=1000 + each.number)
        me.seen = hash((me.seen, seen))
        return seen

    def _uname(self, real: Callable[[], Any]) -> Callable[[], object]:
        return lambda: SimpleNamespace(nodename=me.host.name) if (me := self._me()) else real()

    def _urandom(self, real: Callable[[int], bytes]) -> Callable[[int], bytes]:
        def urandom(size: int) -> bytes:
            if (me := self._me()) is None:
                return real(size)
            me.randoms += 1
            return (me.number * 10_000 + me.randoms).to_bytes(size, "big")

        return urandom

    def _sleep(self, real: Callable[[float], None]) -> Callable[[float], None]:
        def sleep(seconds: float) -> None:
            me = self._me()
            if me is None:
                real(seconds)
            else:
                self.world.sleep(me, seconds)

        return sleep


def _os_of_survey() -> SimpleNamespace:
    """What ``target.survey`` asks of ``os`` itself, not of `disk`."""

    @contextmanager
    def scandir(path: str) -> Iterator[list[os.DirEntry[str]]]:
        yield disk.scandir(path)

    @contextmanager
    def fdopen(fd: int, _mode: str) -> Iterator[SimpleNamespace]:
        try:
            yield SimpleNamespace(read=lambda size: disk.read(fd, size))
        finally:
            disk.close(fd)

    def opened(path: str, flags: int) -> int:
        return calls.current.open(path, flags)

    def isdir(path: str) -> bool:
        try:
            calls.current.listdir(path)
        except OSError:
            return False
        return True

    def access(path: str, mode: int, *, effective_ids: bool = False) -> bool:
        return calls.current.access(path, mode, effective_ids=effective_ids)

    flags = {name: getattr(os, name) for name in dir(os) if name.startswith("O_") or name.endswith("_OK")}
    path = SimpleNamespace(realpath=disk.realpath, isdir=isdir)
    return SimpleNamespace(
        lstat=disk.lstat, scandir=scandir, open=opened, fdopen=fdopen, access=access, path=path, **flags
    )
