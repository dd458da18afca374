"""The steps of a commit, one by one: each is one rename with one side in ``new/`` or ``old/`` of the transaction.

**Guarantees**: what is expected absent is never overwritten (`disk.rename_exclusive`). A file that is replaced is never
absent: its old version was linked into ``old/`` before, and the new one is renamed over it.

**On crash**: between any two calls the journal and what lies in ``new/``, ``old/`` and the target say how far it came;
`undo` reads just that.

**Limits**: where the old version cannot be linked (another user's file under fs.protected_hardlinks, too many links, a
file system without links) the file is absent between two renames. A directory always is; one that cannot be renamed is
there in part for as long as it takes to move every file in it (`carry`).
"""

from __future__ import annotations

import errno
import stat as modes
from collections.abc import Callable, Iterable
from contextlib import suppress

from holdfast import disk
from holdfast.commit.carry import take_out
from holdfast.commit.journal import Identity
from holdfast.commit.rooms import Doors, Rooms
from holdfast.model.changes import Step, StepKind

_NO_LINK = frozenset(
    {errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EACCES, errno.EXDEV}
)


def keep_old(steps: Iterable[Step], doors: Doors, rooms: Rooms, *, between: Callable[[], None]) -> frozenset[int]:
    """Link the old versions of all files that will be replaced into ``old/``.

    ``between`` is called between the steps, here and below.

    Returns:
        The numbers of those that could be linked; the others will be renamed.
    """
    linked = set()
    for step in steps:
        between()
        if step.kind is StepKind.REPLACE:
            parent, name = doors.parent(step.place)
            try:
                disk.link(name, str(step.n), src_dir_fd=parent, dst_dir_fd=rooms.of_place(step.place).old)
            except OSError as error:
                if error.errno not in _NO_LINK:
                    raise
            else:
                linked.add(step.n)
    return frozenset(linked)


def forget_old(steps: Iterable[Step], rooms: Rooms) -> None:
    """Unlink what `keep_old` linked, while the lock is held and nothing is changed (or everything taken back).

    Later, when somebody else has replaced such a file, its second name would look like the only one of a foreign file.
    """
    for step in steps:
        if step.kind is StepKind.REPLACE:
            room = rooms.of_place(step.place).old
            with suppress(OSError):  # not linked, or taken back by a rename
                disk.unlink(str(step.n), dir_fd=room)


def identities_of(steps: Iterable[Step], rooms: Rooms) -> dict[int, Identity]:
    """Inode, size and mtime of every single file in ``new/``.

    Raises:
        OSError: A step has nothing to bring: the staging is not complete.
    """
    found = {}
    for step in steps:
        if step.kind is not StepKind.REMOVE:
            status = disk.lstat(str(step.n), dir_fd=rooms.of_place(step.place).new)
            if modes.S_ISDIR(status.st_mode) != step.directory:
                raise OSError(errno.EINVAL, "Not what was to be staged", str(step.n))
            if not step.directory:
                found[step.n] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def perform(
    step: Step, doors: Doors, rooms: Rooms, linked: frozenset[int], *, between: Callable[[], None] = lambda: None
) -> int:
    """Do one step.

    Returns:
        How many files had to be moved one by one.

    Raises:
        OSError: It was not done, or half of it; undo decides by looking.
    """
    room = rooms.of_place(step.place)
    n = str(step.n)
    parent, name = doors.parent(step.place)
    if step.kind is StepKind.REPLACE and step.n in linked:
        # DISK: old version in old/<n> and at its place, one inode; the new one comes over it
        disk.rename(n, name, src_dir_fd=room.new, dst_dir_fd=parent)
        return 0
    moved = 0
    if step.kind is not StepKind.PLACE:
        moved = take_out(name, parent, n, room, between)
        # DISK: old version in old/<n> only
    if step.kind is not StepKind.REMOVE:
        disk.rename_exclusive(n, name, src_dir_fd=room.new, dst_dir_fd=parent)
        # DISK: new version at its place, new/<n> is gone
    return moved


def sync_touched(steps: Iterable[Step], doors: Doors, rooms: Rooms, *, between: Callable[[], None]) -> None:
    """Sync every directory that a step changed, both sides."""
    synced = set()
    for step in steps:
        key = (step.place.scheme, step.place.path.rpartition("/")[0], bool(step.place.path))
        if key not in synced:
            synced.add(key)
            between()
            try:
                disk.fsync(doors.parent(step.place)[0])
            except (
                FileNotFoundError,
                NotADirectoryError,
            ):  # after an undo: gone by other hands; nothing was done there
                continue
    for room in rooms.all:
        disk.fsync(room.new)
        disk.fsync(room.old)
