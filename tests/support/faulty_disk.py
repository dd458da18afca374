"""A disk that stops at the n-th call: put into ``holdfast.disk.calls``, it fails, kills or signals there.

Count first, then stop at every one::

    made = recorded(lambda: install(fresh()))
    for point in points(made):
        with FaultyDisk(point, Kill()) as disk, stopped():
            install(fresh())
        assert disk.fired
        check()

A `Kill` in the process stands for the process's end: whatever the code does after it (``finally``, undo) meets
`Killed` again at its next call, and the descriptors it left open are closed, which gives up their flocks. The
process itself lives, though: where its death must be seen by pid, run `tests.support.faulty_main` and `Signal`.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Self, assert_never

from holdfast.disk import calls

TWO_PATHS = frozenset({"rename", "rename_noreplace", "rename_exchange", "link"})
ONE_PATH = frozenset({"unlink", "rmdir", "mkdir", "create", "open", "utime"})
TORN = frozenset({"write", "pwrite"})
ROOMY = frozenset({"mkdir", "create", "write", "pwrite", "link", "symlink", "copy_file_range", "ficlone"})
"""The calls that a full disk refuses; what frees or only moves goes on."""
ALL = tuple(
    name for name, value in vars(calls.Calls).items() if not name.startswith("_") and isinstance(value, staticmethod)
)


class Killed(BaseException):
    """The process ended here. Not an Exception: nothing but a test may catch it."""


class When(StrEnum):
    """Where in the call."""

    BEFORE = "before"
    MIDWAY = "midway"  # half of the bytes are written
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that was made: its name and the absolute paths that it changes, as far as they are known."""

    name: str
    paths: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.paths)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The n-th counted call, from 0, and where in it."""

    n: int
    when: When = When.BEFORE
    call: Call | None = None

    def __str__(self) -> str:
        return f"{self.n}-{self.when}" + (f"-{self.call.name}" if self.call else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """The call fails with this errno. With `lasting`, every later counted call fails too, those in `spared` apart."""

    number: int = errno.EIO
    lasting: bool = False
    spared: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """The end: `Killed` here and at everything after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A signal to this very process; whether it goes on is the signal's business."""

    number: signal.Signals = signal.SIGKILL


Fault = Fail | Kill | Signal


class FaultyDisk(calls.Calls):
    """Counts the calls of a block, and stops at one of them. A context manager that puts itself in force.

    Args:
        point: where to stop; None: nowhere, only count.
        fault: what happens there.
        names: the calls that count.
        only: further condition for a call to count.
    """

    def __init__(
        self,
        point: Point | None = None,
        fault: Fault | None = None,
        *,
        names: Iterable[str] = calls.MUTATING,
        only: Callable[[Call], bool] = lambda _: True,
    ) -> None:
        self.made: list[Call] = []
        self.fired: Call | None = None
        self._point = point
        self._fault = fault or Kill()
        self._names = frozenset(names)
        self._only = only
        self._dead = False
        self._lock = threading.RLock()
        self._open: dict[int, tuple[str, tuple[int, int]]] = {}
        self._using = calls.using(self)
        for name in ALL:
            setattr(self, name, self._wrapped(name, getattr(calls.Calls, name)))

    def __enter__(self) -> Self:
        self._using.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._using.__exit__(kind, error, trace)
        if self._dead:  # as the kernel does for the dead
            for fd, (_, inode) in self._open.items():
                if _inode(fd) == inode:
                    os.close(fd)

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - any of the calls
            if name == "close":
                self._open.pop(args[0], None)
                return real(*args)
            if self._dead:
                raise Killed(name)
            made = Call(name=name, paths=self._paths(name, args, options))
            when = self._due(made)
            if when is When.BEFORE or (when is When.MIDWAY and name not in TORN):  # threads: another call comes n-th
                self._stop(made)
            if when is When.MIDWAY:
                real(args[0], args[1][: len(args[1]) // 2], *args[2:])
                self._stop(made)
            result = real(*args, **options)
            if name in {"create", "open"}:
                self._open[result] = (made.paths[0], _inode(result))
            if when is When.AFTER:
                self._stop(made)
            return result

        return call

    def _due(self, made: Call) -> When | None:
        """Count the call; where in it to stop, if at all."""
        if made.name not in self._names or not self._only(made):
            return None
        with self._lock:
            n = len(self.made)
            self.made.append(made)
        if self._point is None:
            return None
        lasting = isinstance(self._fault, Fail) and self._fault.lasting and made.name not in self._fault.spared
        if n > self._point.n and lasting:
            return When.BEFORE
        return self._point.when if n == self._point.n else None

    def _stop(self, made: Call) -> None:
        self.fired = self.fired or made
        match self._fault:
            case Fail(number=number):
                raise OSError(number, os.strerror(number), made.paths[0] if made.paths else None)
            case Kill():
                self._dead = True
                raise Killed(str(made))
            case Signal(number=number):
                os.kill(os.getpid(), number)
            case _:
                assert_never(self._fault)

    def _paths(self, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[str, ...]:
        if name in TWO_PATHS:
            return (
                self._path(args[0], options.get("src_dir_fd")),
                self._path(args[1], options.get("dst_dir_fd")),
            )
        if name == "symlink":
            return (self._path(args[1], options.get("dir_fd")),)
        if name in ONE_PATH:
            return (self._path(args[0], options.get("dir_fd")),)
        if name == "copy_file_range":
            return (self._path(args[1], None),)
        return (self._path(args[0], None),) if args else ()

    def _path(self, path: str | int, dir_fd: int | None) -> str:
        """The absolute path behind a path or descriptor; ``fd N`` for one that we did not see opened."""
        if isinstance(path, int):
            return self._open[path][0] if path in self._open else f"fd {path}"
        if dir_fd is None:
            return os.path.abspath(path)
        return os.path.join(self._path(dir_fd, None), path)


def recorded(
    action: Callable[[], object],
    *,
    names: Iterable[str] = calls.MUTATING,
    only: Callable[[Call], bool] = lambda _: True,
) -> tuple[Call, ...]:
    """The counted calls of an action that nothing stops."""
    with FaultyDisk(names=names, only=only) as disk:
        action()
    return tuple(disk.made)


def points(made: Iterable[Call], *whens: When) -> tuple[Point, ...]:
    """Every place to stop: before, midway (of writes) and after each call, or only the named ones."""
    wanted = whens or tuple(When)
    return tuple(
        Point(n=n, when=when, call=call)
        for n, call in enumerate(made)
        for when in wanted
        if when is not When.MIDWAY or call.name in TORN
    )


def share(of: tuple[Point, ...], limit: int) -> tuple[Point, ...]:
    """At most `limit` points, evenly spread, always the same, the first and the last among them."""
    if len(of) <= limit:
        return of
    return tuple(of[round(i * (len(of) - 1) / (limit - 1))] for i in range(limit))


def stopped() -> AbstractContextManager[None]:
    """Ends the block at `Killed`, quietly."""
    return suppress(Killed)


def _inode(fd: int) -> tuple[int, int]:
    try:
        status = os.fstat(fd)
    except OSError:
        return (-1, -1)
    return (status.st_dev, status.st_ino)
