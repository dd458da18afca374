"""Looking at files without being caught: nothing here follows a planted symlink, waits for a FIFO or reads on for ever.

**Guarantees**: `open_regular` and `read_regular` open with O_NOFOLLOW, O_NONBLOCK and O_CLOEXEC and look with fstat
before anything else (design section 3, safe opening). `read_regular` reads at most as much as it is told.

**On crash**: changes nothing.

**Limits**: O_NOFOLLOW is about the last component only; go down by descriptor where the parents are not trusted.
"""

from __future__ import annotations

import errno
import os
import stat as modes
from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.disk import calls

_REGULAR = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class NotRegularError(OSError):
    """What lies there is not a regular file (errno EINVAL)."""


def open_dir(path: str, *, dir_fd: int | None = None) -> int:
    """Open a directory for reading and as ``dir_fd``; never through a symlink as last component.

    Raises:
        NotADirectoryError: It is something else, or a symlink.
    """
    return calls.current.open(path, _DIRECTORY, dir_fd=dir_fd)


@contextmanager
def opened(path: str, *, dir_fd: int | None = None) -> Iterator[int]:
    """A directory for a block, as `open_dir` gives it."""
    fd = open_dir(path, dir_fd=dir_fd)
    try:
        yield fd
    finally:
        calls.current.close(fd)


def is_private(fd: int) -> bool:
    """Whether only its owner may use it: what this process just made with mode 0700 and nobody has exchanged.

    Who finds it otherwise gives it no rights: another user may have put a directory there that is not ours, or the
    file system has but one mode for all.
    """
    return calls.current.fstat(fd).st_mode & (modes.S_IRWXG | modes.S_IRWXO) == 0


def open_regular(path: str, *, write: bool = False, dir_fd: int | None = None) -> int:
    """Open a regular file for reading, safely.

    Args:
        path: Relative to ``dir_fd`` if given.
        write: Open for writing too (NFS grants an exclusive flock on no other descriptor).
        dir_fd: Directory descriptor.

    Raises:
        NotRegularError: A FIFO, device, socket or directory.
        OSError: ELOOP for a symlink; what open(2) says otherwise.
    """
    fd = calls.current.open(path, _REGULAR | os.O_RDWR if write else _REGULAR, dir_fd=dir_fd)
    try:
        if not modes.S_ISREG(calls.current.fstat(fd).st_mode):
            raise NotRegularError(errno.EINVAL, "Not a regular file", path)
    except BaseException:
        calls.current.close(fd)
        raise
    return fd


def read(fd: int, count: int) -> bytes:
    """Read up to ``count`` bytes: fewer only at the end."""
    data = calls.current.read(fd, count)
    if not data or len(data) == count:
        return data
    parts = [data]
    left = count - len(data)
    while left and (data := calls.current.read(fd, left)):
        parts.append(data)
        left -= len(data)
    return b"".join(parts)


def read_regular(path: str, *, limit: int, dir_fd: int | None = None) -> bytes:
    """The first ``limit`` bytes of a regular file, opened safely; raises as `open_regular`."""
    fd = open_regular(path, dir_fd=dir_fd)
    try:
        return read(fd, limit)
    finally:
        calls.current.close(fd)


def close(fd: int) -> None:
    """Close a descriptor."""
    calls.current.close(fd)


def listdir(path: str | int) -> list[str]:
    """The names in a directory (path or descriptor), in no order."""
    return calls.current.listdir(path)


def nearest_directory(path: str) -> str:
    """The real path of a directory, or of its nearest parent that exists and is one."""
    while not modes.S_ISDIR(_mode(path)):
        path = os.path.dirname(path) or "."
    return calls.current.realpath(path)


def _mode(path: str) -> int:
    try:
        return calls.current.stat(path).st_mode
    except OSError:
        return 0


def scandir(path: str | int) -> list[os.DirEntry[str]]:
    """The entries of a directory (path or descriptor), in no order, with their kinds where the system gives them."""
    return calls.current.scandir(path)


def lstat(path: str, *, dir_fd: int | None = None) -> os.stat_result:
    """What lies at a path, not following a symlink there."""
    return calls.current.stat(path, dir_fd=dir_fd, follow_symlinks=False)


def stat(path: str, *, dir_fd: int | None = None) -> os.stat_result:
    """What a path leads to."""
    return calls.current.stat(path, dir_fd=dir_fd)


def fstat(fd: int) -> os.stat_result:
    """What a descriptor stands for."""
    return calls.current.fstat(fd)


def lexists(path: str, *, dir_fd: int | None = None) -> bool:
    """Whether anything lies at a path, a dangling symlink included."""
    try:
        calls.current.stat(path, dir_fd=dir_fd, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def readlink(path: str, *, dir_fd: int | None = None) -> str:
    """The text of a symlink."""
    return calls.current.readlink(path, dir_fd=dir_fd)


def is_directory(path: str) -> bool:
    """Whether a directory lies at a path, and no symlink to one."""
    try:
        return modes.S_ISDIR(calls.current.stat(path, follow_symlinks=False).st_mode)
    except OSError:
        return False


def realpath(path: str) -> str:
    """The canonical path, symlinks resolved as far as they exist."""
    return calls.current.realpath(path)


def may_write(path: str) -> bool:
    """Whether this process (by its effective ids) may make entries in a directory."""
    return calls.current.access(path, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def has_acl(path: str) -> bool:
    """Whether an access control list says more than the mode; False where there is no such thing."""
    try:
        return "system.posix_acl_access" in os.listxattr(path)
    except (OSError, AttributeError):
        return False
