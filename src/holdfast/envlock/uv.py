"""uv's own lock of an environment, ``.lock`` in its root: honoured, so that uv and holdfast never change it together.

**Guarantees**: flocked as uv does, where it exists; never created, never unlinked, never waited for in a system call.
Opened safely: no symlink followed, no FIFO waited for.

**On crash**: the kernel gives it back.

**Limits**: uv locks system interpreters by a file in the system temp dir, whose name depends on its cache of the
interpreter: not honoured. A symlink at ``.lock`` is not followed, though uv would.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from holdfast import disk

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_READ_ONLY = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@dataclass(frozen=True, slots=True, kw_only=True)
class UvTaken:
    """It is ours until `give_back`. ``file`` is (device, inode)."""

    fd: int
    file: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class UvAbsent:
    """There is nothing to take. ``why``: a line for -v, when something lies there that cannot be locked."""

    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UvBusy:
    """Somebody else has it, or an earlier one of the same name is ours."""


UvLock = UvTaken | UvAbsent | UvBusy


def path_of(root: str) -> str:
    """Where uv's lock of an environment lies."""
    return os.path.join(root, ".lock")


def take(root: str) -> UvLock:
    """Try once to take uv's lock."""
    path = path_of(root)
    try:
        fd = _open(path)
    except OSError as error:
        return UvAbsent() if error.errno in _ABSENT else UvAbsent(why=_why(path, error))
    try:
        if disk.try_flock(fd):
            status = disk.fstat(fd)
            return UvTaken(fd=fd, file=(status.st_dev, status.st_ino))
    except OSError as error:
        disk.close(fd)
        return UvAbsent(why=_why(path, error))
    disk.close(fd)
    return UvBusy()


def look_again(root: str, first: UvTaken | UvAbsent) -> UvLock:
    """With our own lock held, look whether a ``.lock`` came meanwhile (uv made it), and try it once.

    Args:
        root: Of the environment.
        first: What `take` said. It stays ours when it is UvTaken and still the file of that name.

    Returns:
        What is to be given back in the end; UvBusy: ``first`` is still to be given back.
    """
    try:
        status = disk.lstat(path_of(root))
    except OSError:
        return first
    if isinstance(first, UvTaken) and first.file == (status.st_dev, status.st_ino):
        return first
    second = take(root)
    if isinstance(second, UvAbsent) and not second.why:
        return first
    if not isinstance(second, UvBusy):
        give_back(first)
    return second


def give_back(lock: UvTaken | UvAbsent) -> None:
    """Give uv's lock back, if it was taken."""
    if isinstance(lock, UvTaken):
        disk.close(lock.fd)


def _open(path: str) -> int:
    try:
        return disk.open_regular(path, write=True)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
    return disk.open_regular(path)


def _why(path: str, error: OSError) -> str:
    return f"uv's lock {path} could not be taken and is not honoured: {error.strerror or error}"
