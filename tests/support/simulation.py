"""Everything that a program may ask of its system, answered for the simulated process that runs (``simulated``)."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace, TracebackType
from typing import Any, Self
from unittest import mock

from holdfast import disk
from holdfast.commit import fence, recheck, recover
from holdfast.disk import calls, process
from holdfast.model.owner import OwnerRecord
from holdfast.stage import litter
from holdfast.target import survey
from tests.support.faulty_disk import ALL
from tests.support.footprints import ALL_NAMES, Names
from tests.support.memory_tree import failure
from tests.support.simulated import HARMLESS, SIGHT, START, Process, World

INTERESTED = {
    recover: frozenset({Names.TRANSACTION}),
    fence: frozenset({Names.TRANSACTION}),
    litter: frozenset({Names.LOCK, Names.TRANSACTION}),
    recheck: frozenset({Names.INFO}),
}
"""Modules that list library directories and drop all names but those of one kind: they are shown no others, so that
other names may come and go without making a difference to what they do."""


class _Disk(calls.Calls):
    """The calls of whoever runs, each with a question before it."""

    def __init__(self, simulation: Simulation) -> None:
        for name in ALL:
            setattr(self, name, _asked(simulation, name))


def _asked(simulation: Simulation, name: str) -> Callable[..., Any]:  # noqa: C901 - all that belongs to one call
    def call(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - any of the calls
        world = simulation.world
        me = world.running
        made = getattr(world.memory, name)
        if me is None:
            return made(*args, **options)
        if name in {"write", "pwrite"}:
            me.notes["tear"] = lambda: made(args[0], bytes(args[1])[: len(args[1]) // 2], *args[2:])
        me.notes["call"] = (name, *args)
        world.before(me, name)
        world.memory.process = me.kernel
        looked_at = set(world.footprint.reads)
        try:
            if me.failing:
                me.failing = False
                raise failure(errno.EIO, args[0] if isinstance(args[0], str) else None)
            result = made(*args, **options)
        except OSError as error:
            if error.errno == errno.ENOENT:
                world.footprint.found_nothing(looked_at)
            world.after(me, error.errno)
            if world.trace is not None:
                world.tell(f"   {me.name} {name}{_shown(args, options)} {error.strerror}")
            raise
        world.after(me, _plain(result))
        if world.trace is not None and name not in HARMLESS:
            world.tell(f"   {me.name} {name}{_shown(args, options)}")
        if name == "read":
            me.notes["last seen"] = OwnerRecord.from_bytes(result) or me.notes.get("last seen")
        if not me.preparing:
            world.look(me, name)
        return result

    return call


def _plain(result: object) -> object:
    if isinstance(result, os.stat_result):
        return (result.st_mode, result.st_ino, result.st_uid, result.st_gid, result.st_size, result.st_mtime_ns)
    if isinstance(result, list):
        return tuple(
            each if isinstance(each, str) else (each.name, each.is_dir(follow_symlinks=False)) for each in result
        )
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
            (time, "time", lambda me: START + self.world.elapsed + me.wall),
            (time, "time_ns", lambda me: int((START + self.world.elapsed + me.wall) * 1e9)),
            (time, "monotonic", lambda me: 1000.0 + self.world.elapsed + me.ahead),
            (time, "monotonic_ns", lambda me: int((1000.0 + self.world.elapsed + me.ahead) * 1e9)),
            (disk, "boot_id", lambda me: f"boot of {me.host}"),
            (disk, "pid_namespace", lambda me: me.namespace),
            (process, "boot_id", lambda me: f"boot of {me.host}"),
            (process, "pid_namespace", lambda me: me.namespace),
        ):
            enter(mock.patch.object(module, name, self._answered(getattr(module, name), answer)))
        for module in (disk, process):
            enter(mock.patch.object(module, "sight", self._sight))
        enter(mock.patch.object(fence, "fence", self._fence(fence.fence)))
        enter(mock.patch.object(os, "uname", self._uname(os.uname)))
        enter(mock.patch.object(os, "urandom", self._urandom(os.urandom)))
        enter(mock.patch.object(time, "sleep", self._sleep(time.sleep)))
        enter(mock.patch.object(disk, "filesystem", return_value=disk.FileSystem(type="ext4")))
        enter(mock.patch.object(survey, "os", _os_of_survey()))
        for module, kinds in INTERESTED.items():
            enter(mock.patch.object(module, "disk", _Narrow(self, kinds)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def me(self) -> Process | None:
        """The process in whose thread this is asked."""
        world: World | None = getattr(self, "world", None)
        me = world.running if world is not None else None
        return me if me is not None and threading.current_thread() is me.thread else None

    def _answered(self, real: Callable[[], object], answer: Callable[[Process], object]) -> Callable[[], object]:
        def answered() -> object:
            me = self.me()
            if me is None:
                return real()
            result = answer(me)
            me.seen = hash((me.seen, result))
            return result

        return answered

    def _sight(self, pid: int) -> disk.Sight:
        me, world = self.me(), self.world
        assert me is not None
        world.before(me, SIGHT)
        seen = disk.Sight(exists=False)
        for each in world.processes:
            if each.pid == pid and (each.host, each.namespace) == (me.host, me.namespace):
                world.footprint.reads.add(each.alive)
                if not each.visible and each is not me:
                    seen = disk.Sight(exists=not each.gone)
                elif not each.gone:
                    seen = disk.Sight(exists=True, state="S", started=1000 + each.number)
                elif each.notes.get("zombie"):
                    seen = disk.Sight(exists=True, state="Z", started=1000 + each.number)
        world.after(me, seen)
        return seen

    def _fence(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """The product's own, and a note of whom it fenced: everybody who was broken before it began."""

        def noted(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - as it is
            before = set(self.world.broken)
            result = real(*args, **options)
            self.world.fenced |= before
            return result

        return noted

    def _uname(self, real: Callable[[], Any]) -> Callable[[], object]:
        return lambda: SimpleNamespace(nodename=me.host) if (me := self.me()) else real()

    def _urandom(self, real: Callable[[int], bytes]) -> Callable[[int], bytes]:
        def urandom(size: int) -> bytes:
            if (me := self.me()) is None:
                return real(size)
            me.randoms += 1
            return (me.number * 10_000 + me.randoms).to_bytes(size, "big")

        return urandom

    def _sleep(self, real: Callable[[float], None]) -> Callable[[float], None]:
        def sleep(seconds: float) -> None:
            me = self.me()
            if me is None:
                real(seconds)
            else:
                self.world.sleep(me, seconds)

        return sleep


class _Narrow:
    """`disk`, whose listings of the library directories show what a module is interested in."""

    def __init__(self, simulation: Simulation, kinds: frozenset[Names]) -> None:
        self._simulation = simulation
        self._kinds = kinds

    def __getattr__(self, name: str) -> object:
        return getattr(disk, name)

    def listdir(self, path: str | int) -> list[str]:
        """Of a library directory, the names of these kinds; of others, all."""
        world = self._simulation.world
        if path not in world.libraries:
            return disk.listdir(path)
        # asked for here, not in force before the call is made: others may come between
        me = self._simulation.me()
        if me is not None:
            world.before(me, "listdir")
        world.memory.shown = self._kinds
        try:
            with me.undisturbed() if me is not None else ExitStack():
                return disk.listdir(path)
        finally:
            world.memory.shown = ALL_NAMES


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
