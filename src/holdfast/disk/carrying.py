"""Moving a directory that cannot be renamed: overlayfs answers EXDEV for every one that a lower layer has a part in.

**Guarantees**: each entry moves by one rename, a directory inside whole where that works. A directory that is made on
the other side is made by the caller's hand, with the rights of the one it stands for. Nothing that lies in the way is
replaced. The old directories go last, when everything that was in them has moved, so that the way back needs no room.

**On crash**: every entry is on one of the two sides; `carry` again, in either direction, goes on.

**Limits**: overlayfs copies each file of a lower layer when it moves. Who looks meanwhile sees a part of the directory.
"""

from __future__ import annotations

import errno
import os
import stat as modes
from collections.abc import Callable

from holdfast.disk import entries, reading, writing

Maker = Callable[[str, int | None, os.stat_result], None]
"""Makes a directory (name, descriptor) with the rights of its model; it may be there already."""
Order = Callable[[str], tuple[int, str]]
"""Key by which the names in each directory are sorted before they move."""

_NOT_WHOLE = frozenset({errno.EXDEV, errno.ENOTEMPTY, errno.EEXIST})
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})
_TRIES = 1000


def make_alike(name: str, dir_fd: int | None, model: os.stat_result) -> None:
    """Make a directory with mode and group of its model; it may be there already."""
    if not reading.lexists(name, dir_fd=dir_fd):
        mode = modes.S_IMODE(model.st_mode)
        entries.make_directory(name, lambda fd: writing.give_rights(fd, mode, model.st_gid), dir_fd=dir_fd)


def carry(
    name: str,
    to: str,
    *,
    src_dir_fd: int | None = None,
    dst_dir_fd: int | None = None,
    make: Maker = make_alike,
    order: Order = lambda name: (0, name),
    between: Callable[[], None] = lambda: None,
    whole: bool = True,
) -> int:
    """Move a directory entry by entry, into another one if that is there already.

    Args:
        name: The directory.
        to: Its new name.
        src_dir_fd: What ``name`` is relative to.
        dst_dir_fd: What ``to`` is relative to.
        make: Makes directories on the other side.
        order: What leaves first.
        between: Called before each move.
        whole: Try to move the directories inside by one rename.

    Returns:
        How many files were moved one by one.

    Raises:
        FileExistsError: A file lies in the way.
        OSError: Something could not be moved; what was, stays moved.
    """
    moved = 0
    for _ in range(_TRIES):  # somebody may put something new into it meanwhile
        moved += _Carrying(make, order, between, whole=whole).fill(name, src_dir_fd, to, dst_dir_fd)
        if remove_empty(name, dir_fd=src_dir_fd):
            return moved
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), name)


def remove_empty(name: str, *, dir_fd: int | None = None) -> bool:
    """Remove a directory and those in it, as far as there is nothing else in them.

    Returns:
        Whether it is gone.
    """
    fd = reading.open_dir(name, dir_fd=dir_fd)
    try:
        for entry in reading.scandir(fd):
            if entry.is_dir(follow_symlinks=False):
                remove_empty(entry.name, dir_fd=fd)
    finally:
        reading.close(fd)
    try:
        entries.rmdir(name, dir_fd=dir_fd)
    except OSError as error:
        if error.errno not in _NOT_EMPTY:
            raise
        return False
    return True


class _Carrying:
    def __init__(self, make: Maker, order: Order, between: Callable[[], None], *, whole: bool) -> None:
        self._make = make
        self._order = order
        self._between = between
        self._whole = whole

    def fill(self, name: str, src_dir_fd: int | None, to: str, dst_dir_fd: int | None) -> int:
        """Move everything in a directory but directories, which are left empty."""
        moved = 0
        source = reading.open_dir(name, dir_fd=src_dir_fd)
        try:
            self._make(to, dst_dir_fd, reading.fstat(source))
            destination = reading.open_dir(to, dir_fd=dst_dir_fd)
            try:
                kinds = {entry.name: entry.is_dir(follow_symlinks=False) for entry in reading.scandir(source)}
                for each in sorted(kinds, key=self._order):
                    self._between()
                    moved += self._move(each, source, destination, directory=kinds[each])
            finally:
                reading.close(destination)
        finally:
            reading.close(source)
        return moved

    def _move(self, name: str, source: int, destination: int, *, directory: bool) -> int:
        if not directory:
            # Not `rename_exclusive`, which may be a link and an unlink: one call does it, or nothing is done.
            if reading.lexists(name, dir_fd=destination):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
            entries.rename(name, name, src_dir_fd=source, dst_dir_fd=destination)
            return 1
        if not self._whole:
            return self.fill(name, source, name, destination)
        try:
            entries.rename(name, name, src_dir_fd=source, dst_dir_fd=destination)
        except OSError as error:
            if error.errno not in _NOT_WHOLE:
                raise
            return self.fill(name, source, name, destination)
        return 0
