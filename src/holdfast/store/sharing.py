"""Directories of the store, made with the rights that a cache shared by a group needs (design section 5).

**Guarantees**: below a directory that is setgid and group-writable, everything made is so too, whatever the umask:
who shares the cache can add, drop and clean. Elsewhere the umask decides.

**On crash**: a directory may be left with the umask's rights.

**Limits**: ACLs are the administrator's business.
"""

from __future__ import annotations

import os
import stat

from holdfast import disk

_SHARED = stat.S_ISGID | 0o775


def make_directories(path: str, *, shared: bool) -> None:
    """Make a directory and its missing parents."""
    for made in disk.make_parents(path):
        if shared:
            _share(made)


def share_tree(path: str) -> None:
    """Give every directory of a tree of ours the group's rights."""
    _share(path)
    for entry in disk.scandir(path):
        if entry.is_dir(follow_symlinks=False):
            share_tree(os.path.join(path, entry.name))


def _share(path: str) -> None:
    fd = disk.open_dir(path)
    try:
        disk.fchmod(fd, _SHARED)
    finally:
        disk.close(fd)
