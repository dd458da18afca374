"""Makes a staged tree last: on the medium before the lock is asked for (design section 4, durability).

**Guarantees**: after `make_lasting` every file and directory of the tree is synced, or the file system is one that
keeps nothing (memory, overlay mounted volatile).

**On crash**: a part is synced.

**Limits**: one syncfs() is far cheaper than thousands of fsync(), but writes out what others have written too: it is
only taken while there is not much of that. Where ``/proc/meminfo`` cannot be read, that is believed to be little.
"""

from __future__ import annotations

import errno
import os

from holdfast import disk

OTHERS_LIMIT = 256 << 20
"""Bytes not yet written out, beyond the staged ones, up to which syncfs() is taken."""

_NO_SYNCFS = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM})


def make_lasting(path: str, staged: int) -> None:
    """Sync a tree.

    Args:
        path: Its directory.
        staged: Bytes in it, roughly.

    Raises:
        OSError: It could not be written to the medium.
    """
    if disk.filesystem(path).keeps_nothing:
        return
    if _unwritten() <= staged + OTHERS_LIMIT and _sync_all(path):
        return
    _sync_each(path)


def _sync_all(path: str) -> bool:
    fd = disk.open_dir(path)
    try:
        disk.syncfs(fd)
    except OSError as error:
        if error.errno not in _NO_SYNCFS:
            raise
        return False
    finally:
        disk.close(fd)
    return True


def _sync_each(path: str) -> None:
    for entry in disk.scandir(path):
        below = os.path.join(path, entry.name)
        if entry.is_dir(follow_symlinks=False):
            _sync_each(below)
        elif entry.is_file(follow_symlinks=False):
            disk.fsync_path(below)
    disk.fsync_path(path)


def _unwritten() -> int:
    """Bytes of the whole system that are dirty or on their way out."""
    try:
        text = disk.read_regular("/proc/meminfo", limit=1 << 16).decode()
    except OSError:
        return 0
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return sum(int(fields.get(key, "0 kB").split()[0]) * 1024 for key in ("Dirty", "Writeback"))
