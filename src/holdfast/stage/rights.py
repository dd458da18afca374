"""Makes files and directories with the rights of the directory in which they will lie (``model.rights``).

**Guarantees**: nothing is writable for somebody who may not write in the final parent, unless that was asked for: where
the group cannot be given, its bits are those of all others. Rights are set on descriptors, never through a symlink.

**On crash**: what was just made has mode 0700 or 0600, which is less than it will have; a new root what the umask left.

**Limits**: access control lists are inherited by the file system or not at all; the sticky bit is not mirrored.
"""

from __future__ import annotations

import os

from holdfast import disk
from holdfast.model.rights import Rights, Sharing, mirror, new_root


def inside(directory: str | int, sharing: Sharing | None = None) -> Rights:
    """The rights of what is made inside an existing directory (path or descriptor)."""
    status = disk.fstat(directory) if isinstance(directory, int) else disk.stat(directory)
    return mirror(status, uid=os.geteuid(), gid=os.getegid(), sharing=sharing)


def make_directory(path: str, rights: Rights, *, dir_fd: int | None = None) -> bool:
    """Make a directory with these rights, or none; returns as ``disk.give_rights``.

    Raises:
        FileExistsError: Something lies there.
    """
    return disk.make_directory(path, lambda fd: disk.give_rights(fd, rights.directory_mode, rights.gid), dir_fd=dir_fd)


def write_file(path: str, data: bytes, rights: Rights, *, executable: bool = False, dir_fd: int | None = None) -> bool:
    """Make a file with these rights and this content; returns as ``disk.give_rights``.

    Raises:
        FileExistsError: Something lies there.
    """
    fd = disk.open_new(path, dir_fd=dir_fd)
    try:
        disk.write(fd, data)
        return disk.give_rights(fd, rights.mode(executable=executable), rights.gid)
    finally:
        disk.close(fd)


def make_missing(path: str, *, root: str, sharing: Sharing | None = None) -> tuple[str, ...]:
    """Make a directory of a target and its missing parents: mirrored inside the root, which may be a new one.

    Args:
        path: Absolute.
        root: Of the target: what is missing above it, and itself, are new roots.
        sharing: What is asked for besides.

    Returns:
        What it made, outermost first.
    """
    nearest = disk.nearest_directory(path)
    if nearest == disk.realpath(path):
        return ()
    if nearest == root or nearest.startswith(f"{root.rstrip('/')}/"):
        given = inside(nearest, sharing)
        return disk.make_parents(path, lambda each: make_directory(each, given))
    return disk.make_parents(path, lambda each: _make_root(each, sharing))


def _make_root(path: str, sharing: Sharing | None) -> bool:
    parent = disk.stat(os.path.dirname(path))

    def give(fd: int) -> bool:
        return disk.give_rights(fd, *new_root(parent, disk.fstat(fd), sharing=sharing))

    return disk.make_directory(path, give, 0o777)
