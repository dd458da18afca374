"""Take ``new/`` and ``old/`` away from a process that may still work in them: their entries go to fresh directories.

**Guarantees**: after `rotate` the two are gone, and a late step in them fails, by path and by an open descriptor. What
such a process takes out of them, or removes, while this works is no error: it is looked again, until they are gone.

**On crash**: entries lie in the old and in the fresh directories; the next `rotate` finds both.

**Limits**: a process that puts something in for ever would be met a thousand times, then it is EBUSY.
"""

from __future__ import annotations

import errno
import os

from holdfast import disk
from holdfast.commit.carry import MADE
from holdfast.commit.making import Forge, make
from holdfast.commit.rooms import NEW, OLD
from holdfast.envlock.held import HeldLock

_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})
_TRIES = 1000
_TAKEN = ".taken"
"""``<n>.taken<number>``: a directory whose entries are on their way to ``<n>``; who dies meanwhile leaves it."""


def rotate(path: str, suffix: str, held: HeldLock, *, deep: bool) -> None:
    """Move the entries of every ``new`` and ``old`` into fresh directories, and remove them.

    Args:
        path: Of a transaction directory.
        suffix: Of the fresh ones' names.
        held: The lock of who fences.
        deep: Directories in them are made anew as well: an undo may hold a descriptor to one of them.

    Raises:
        InterruptedTransactionError: Who fences was himself taken over meanwhile.
        OSError: Something may not be moved by this user.
    """
    fd = disk.open_dir(path)
    try:
        for kind in (NEW, OLD):
            make(kind + suffix, fd)
            fresh = disk.open_dir(kind + suffix, dir_fd=fd)
            try:
                for name in disk.listdir(fd):
                    if name == kind or (name.startswith(f"{kind}-") and name != kind + suffix):
                        forge = Forge(fd=fd, name=MADE + suffix) if deep else None
                        _drain(name, fd, fresh, held, forge=forge, top=True)
            finally:
                disk.close(fresh)
    finally:
        disk.close(fd)


def _drain(name: str, dir_fd: int, to: int, held: HeldLock, *, forge: Forge | None, top: bool = False) -> None:
    """Move everything in a directory into another and remove it, again until it is gone."""
    for _ in range(_TRIES):
        try:
            _empty(name, dir_fd, to, held, forge=forge, top=top)
            disk.rmdir(name, dir_fd=dir_fd)
        except FileNotFoundError:
            if disk.lexists(name, dir_fd=dir_fd):
                raise
            held.check()  # its owner, late, removed it himself: he had ended
            return
        except OSError as error:
            if error.errno not in _NOT_EMPTY:
                raise
        else:
            return
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), name)


def _empty(name: str, dir_fd: int, to: int, held: HeldLock, *, forge: Forge | None, top: bool) -> None:
    source = disk.open_dir(name, dir_fd=dir_fd)
    try:
        for entry in disk.scandir(source):
            held.refresh()
            try:
                if forge and entry.is_dir(follow_symlinks=False):
                    _renew(entry.name, source, to, held, forge, top=top)
                else:
                    disk.rename(entry.name, entry.name, src_dir_fd=source, dst_dir_fd=to)
            except FileNotFoundError:
                held.check()
                if disk.lexists(entry.name, dir_fd=source):
                    raise
                # a late step took it, and was the last that could
    finally:
        disk.close(source)


def _renew(name: str, source: int, to: int, held: HeldLock, forge: Forge, *, top: bool) -> None:
    """Move what is in a directory into one that is made for it, in which nobody has a descriptor.

    ``new/<n>`` and ``old/<n>`` are taken first, by one rename: whether a late step has it or we, it is never half of
    each. And where it is in the target none of that name may be found here: undo takes that for a step not made.
    """
    final, taken, at = name, name, source
    if top:
        final = name.partition(_TAKEN)[0]
        names = (f"{final}{_TAKEN}{n}" for n in range(_TRIES))
        free = next(each for each in names if not disk.lexists(each, dir_fd=to))
        try:
            disk.rename(name, free, src_dir_fd=source, dst_dir_fd=to)
            taken, at = free, to
        except OSError as error:
            if error.errno != errno.EXDEV:  # a lower layer of an overlay: nobody who could be late has ever seen it
                raise
    forge.make(final, to, disk.lstat(taken, dir_fd=at))
    below = disk.open_dir(final, dir_fd=to)
    try:
        _drain(taken, at, below, held, forge=forge)
    finally:
        disk.close(below)
