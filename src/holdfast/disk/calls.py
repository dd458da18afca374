"""The system calls that holdfast makes on files, as one object that can be exchanged.

Every function of ``holdfast.disk`` goes through `current()`'s object. Tests put another one there: one that fails or
stops at the n-th call named in `MUTATING`, or a whole file system in memory.

**Guarantees**: with nothing exchanged, each call is the system call of that name, at the cost of one attribute look-up
(a listing by descriptor is three).

**On crash**: nothing of its own.

**Limits**: the exchange is for the whole process, not for a thread. ``/proc`` is always read from the real system.
"""

from __future__ import annotations

import fcntl
import os
import sys
from types import TracebackType

from holdfast.disk import syscalls

MUTATING = (
    "rename",
    "rename_noreplace",
    "rename_exchange",
    "link",
    "symlink",
    "unlink",
    "rmdir",
    "mkdir",
    "create",
    "write",
    "pwrite",
    "truncate",
    "fsync",
    "syncfs",
    "fchmod",
    "fchown",
    "utime",
    "ficlone",
    "copy_file_range",
)
"""The names of the calls that change something, or make a change last: where a crash can be told from no crash."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def _fsync(fd: int) -> None:
    """Sync to the medium: on macOS fsync() alone stops at the drive's cache."""
    if sys.platform == "darwin":
        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        except OSError:  # file systems without it (network, FUSE)
            os.fsync(fd)
    else:
        os.fsync(fd)


def _listdir(path: str | int) -> list[str]:
    return [entry.name for entry in _scandir(path)] if isinstance(path, int) else os.listdir(path)


def _scandir(path: str | int) -> list[os.DirEntry[str]]:
    if isinstance(path, int):
        return _scandir_afresh(path)
    with os.scandir(path) as entries:
        return list(entries)


def _scandir_afresh(directory: int) -> list[os.DirEntry[str]]:
    """List through a descriptor of its own: sshfs without its cache shows a directory once, and then as empty."""
    try:
        fd = os.open(".", _DIRECTORY, dir_fd=directory)
    except OSError:  # removed meanwhile, or it may not be searched
        fd = os.dup(directory)
    try:
        with os.scandir(fd) as entries:
            listed = list(entries)
        for entry in listed:  # whose kind the listing does not tell: it is asked for while there is the descriptor
            entry.is_dir(follow_symlinks=False)
        return listed
    finally:
        os.close(fd)


def _realpath(path: str) -> str:
    return os.path.realpath(path)


class Calls:
    """The operating system's own calls. A subclass or an instance may put others in their place.

    ``create`` is open() with O_CREAT or for writing; ``open`` never changes anything.
    """

    rename = staticmethod(os.rename)
    rename_noreplace = staticmethod(syscalls.rename_noreplace)
    rename_exchange = staticmethod(syscalls.rename_exchange)
    link = staticmethod(os.link)
    symlink = staticmethod(os.symlink)
    unlink = staticmethod(os.unlink)
    rmdir = staticmethod(os.rmdir)
    mkdir = staticmethod(os.mkdir)
    create = staticmethod(os.open)
    write = staticmethod(os.write)
    pwrite = staticmethod(os.pwrite)
    truncate = staticmethod(os.ftruncate)
    fsync = staticmethod(_fsync)
    syncfs = staticmethod(syscalls.syncfs)
    fchmod = staticmethod(os.fchmod)
    fchown = staticmethod(os.fchown)
    utime = staticmethod(os.utime)
    ficlone = staticmethod(syscalls.ficlone)
    copy_file_range = staticmethod(syscalls.copy_file_range)

    open = staticmethod(os.open)
    close = staticmethod(os.close)
    read = staticmethod(os.read)
    fstat = staticmethod(os.fstat)
    stat = staticmethod(os.stat)
    listdir = staticmethod(_listdir)
    scandir = staticmethod(_scandir)
    readlink = staticmethod(os.readlink)
    realpath = staticmethod(_realpath)
    access = staticmethod(os.access)
    statvfs = staticmethod(os.statvfs)
    flock = staticmethod(fcntl.flock)


current = Calls()
"""The object in force. Read as ``calls.current`` at each call, never kept."""


class using:  # noqa: N801 - reads as a phrase: with calls.using(backend)
    """Put another object in force for a block, for tests.

    Args:
        backend: Usually a subclass of `Calls`.
    """

    def __init__(self, backend: Calls) -> None:
        self._backend = backend
        self._kept = current

    def __enter__(self) -> Calls:
        global current
        self._kept, current = current, self._backend
        return self._backend

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        global current  # noqa: PLW0603 - the one place where it is exchanged
        current = self._kept
