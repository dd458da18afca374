"""Directories of the store, with the rights that a cache shared by a group needs (design section 5).

**Guarantees**: where a group shares a directory, everything made below is as that is, whatever the umask: who shares
the cache can add, drop and clean. Elsewhere the umask decides; a new cache is its group's where its parent asks for it.

**On crash**: a directory may be left with the umask's rights.

**Limits**: ACLs are the administrator's business. A group that may not be given is left as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

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
    if path.startswith(inside):
        with suppress(FileNotFoundError):  # from there on it is made
            check_way(path, root, trusted_in(disk.stat(root)))
    return disk.make_parents(path, lambda each: _make(each, below=each.startswith(inside)))


def make_inside(directory: int, names: Iterable[str]) -> None:
    """Make directories in one of ours.

    Args:
        directory: Descriptor.
        names: Relative paths, parents before children; nothing lies there.
    """
    parent, uid, gid = disk.fstat(directory), os.geteuid(), os.getegid()
    if not is_shared(parent, uid=uid, gid=gid):
        for name in names:
            disk.mkdir(name, dir_fd=directory)
        return
    given = mirror(parent, uid=uid, gid=gid)
    for name in names:
        disk.make_directory(name, lambda fd: disk.give_rights(fd, given.directory_mode, given.gid), dir_fd=directory)


def _make(path: str, *, below: bool) -> None:
    parent, uid, own = disk.stat(os.path.dirname(path)), os.geteuid(), os.getegid()

    def give(fd: int) -> bool:
        if below and is_shared(parent, uid=uid, gid=own):
            given = mirror(parent, uid=uid, gid=own)
            return disk.give_rights(fd, given.directory_mode, given.gid)
        return disk.give_rights(fd, *new_root(parent, disk.fstat(fd)))

    disk.make_directory(path, give, 0o777)
