"""Directories of the store, with the rights that a cache shared by a group needs (design section 5).

**Guarantees**: where a group shares a directory, everything made below is as that is, whatever the umask: who shares
the cache can add, drop and clean. Elsewhere the umask decides; a new cache is its group's where its parent asks for it.

**On crash**: a directory may be left with the umask's rights.

**Limits**: ACLs are the administrator's business. A group that may not be given is left as it is.
"""

from __future__ import annotations

import os

from holdfast import disk
from holdfast.model.rights import is_shared, mirror, new_root
from holdfast.store.access import check_way, trusted_in


def make_directories(path: str, *, root: str) -> tuple[str, ...]:
    """Make a directory and its missing parents.

    Args:
        path: Absolute.
        root: What is made above it, and itself, is a new root (``model.rights``).

    Returns:
        What was made, outermost first.

    Raises:
        OSError: It cannot be made, or something lies on the way that somebody else put there.
    """
    inside = os.path.join(root, "")
    made = disk.make_parents(path, lambda each: _make(each, below=each.startswith(inside)))
    if path.startswith(inside):
        check_way(path, root, trusted_in(disk.stat(root)))
    return made


def share_tree(path: str) -> None:
    """Give the directories in a tree of ours what its top asks for."""
    for entry in disk.scandir(path):
        if entry.is_dir(follow_symlinks=False):
            below = os.path.join(path, entry.name)
            fd = disk.open_dir(below)
            try:
                given = _give(fd, disk.stat(path), below=True)
            finally:
                disk.close(fd)
            if given:
                share_tree(below)


def _make(path: str, *, below: bool) -> None:
    parent = disk.stat(os.path.dirname(path))

    def give(fd: int) -> bool:
        _give(fd, parent, below=below)
        return True

    disk.make_directory(path, give, 0o777)


def _give(fd: int, parent: os.stat_result, *, below: bool) -> bool:
    """Whether there was anything to give: if not at the top of a tree, then nowhere in it."""
    made, uid, own = disk.fstat(fd), os.geteuid(), os.getegid()
    mode, gid = new_root(parent, made)
    if below and is_shared(parent, uid=uid, gid=own):
        given = mirror(parent, uid=uid, gid=own)
        mode, gid = given.directory_mode, given.gid
    if (mode, gid) == (made.st_mode & 0o7777, made.st_gid):
        return False
    disk.give_rights(fd, mode, gid)
    return True
