"""What leaves a shared target is first given the group's rights, so that whoever may install may recover.

Recovery moves directories back out of ``old/``, and who takes over moves everything in them into fresh ones: for both
he must be able to write in each of them. Only its owner can see to that, and only before he may die.

**Guarantees**: only adds rights, and only those that the target's directory has, to directories that this user owns and
that are about to leave. Their times and contents stay as they are.

**On crash**: some have the group's rights already; that is what the target asks for anyway.

**Limits**: a directory of somebody else that the group may not write is refused before (``writable.check_writable``).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from holdfast import disk
from holdfast.model.changes import ChangeSet, ExpectDirectory
from holdfast.model.places import absolute
from holdfast.model.rights import Rights, Sharing
from holdfast.model.target import Target
from holdfast.stage import rights


def share_leaving(changes: ChangeSet, target: Target, *, sharing: Sharing | None = None) -> None:
    """Give the directories that will leave the group's rights.

    Args:
        changes: What will be committed.
        target: Where.
        sharing: What is asked for with ``--shared``.
    """
    places = (each.place for each in changes.expectations if isinstance(each, ExpectDirectory))
    leaving = {absolute(target.scheme, place): place for place in places}
    given: dict[str, Rights] = {}
    for path, place in sorted(leaving.items()):  # parents before children: what is inside follows the outermost
        parent = os.path.dirname(path)
        with suppress(OSError):  # gone by now, or a group that is not ours: the commit will see
            given[path] = given.get(parent) or rights.inside(parent, sharing)
            if given[path].shared and _lacks(disk.lstat(path), given[path]):
                _share(target.scheme.directory(place.scheme), place.path, given[path])


def _lacks(status: os.stat_result, given: Rights) -> bool:
    """Whether we may and should give it rights."""
    complete = stat.S_IMODE(status.st_mode) == _with_group(status, given) and status.st_gid == given.gid
    return not complete and os.geteuid() in {0, status.st_uid}


def _with_group(status: os.stat_result, given: Rights) -> int:
    return stat.S_IMODE(status.st_mode) | given.directory_mode & (stat.S_IRWXG | stat.S_ISGID)


def _share(base: str, path: str, given: Rights) -> None:
    """Component by component: who may write in the target may exchange a directory in it for a symlink."""
    fd = disk.open_dir(base)
    try:
        for name in path.split("/"):
            below = disk.open_dir(name, dir_fd=fd)
            disk.close(fd)
            fd = below
        status = disk.fstat(fd)
        if _lacks(status, given):
            if status.st_gid != given.gid:
                disk.fchown(fd, -1, given.gid)
            disk.fchmod(fd, _with_group(status, given))
    finally:
        disk.close(fd)
