"""Whether files can be locked in a file system, asked by locking one; what follows for the lock's mode, and the words.

The only place that decides it: the lock itself asks here when no mode was asked for, and so does ``holdfast doctor``.

**Guarantees**: a refusal is what the file system says for certain; what may pass (ENOLCK, EINTR) is tried three times.

**On crash**: changes nothing.

**Limits**: a lock that was granted says nothing about other hosts: that is told by the file system's type alone, from
documentation where it could not be tested (docs/explanation/locking.md). The environment lock never relies on it.
"""

from __future__ import annotations

import errno
import os
import time
from enum import StrEnum

from holdfast import disk
from holdfast.envlock import lease
from holdfast.errors import LockUnavailableError
from holdfast.model.transaction import LOCK_NAME

_TRIED_AGAIN = frozenset({errno.ENOLCK, errno.EINTR})
_NO_LOCKS = _TRIED_AGAIN | {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL, 524}
_TRIES = 3

_ONE_HOST = frozenset(
    {"bcachefs", "devtmpfs", "exfat", "f2fs", "fuse.fuse-overlayfs", "fuseblk", "hfsplus", "jfs", "nilfs2", "ntfs3"}
    | {"ramfs", "reiserfs", "vfat", "zfs"}
)
"""Besides those that `disk.FileSystem.locks_are_here` knows: nobody else can have them mounted."""
_COHERENT = frozenset(
    {"nfs", "nfs4", "ceph", "fuse.ceph", "gpfs", "gfs2", "ocfs2", "cifs", "smb3", "fuse.glusterfs", "fuse.mfs"}
)
_LOCAL_OPTIONS = frozenset({"nolock", "local_lock=flock", "local_lock=all", "localflock", "nobrl"})


class Reach(StrEnum):
    """Who notices that a file is locked."""

    EVERYBODY = "everybody"
    THIS_HOST = "this host only"
    UNKNOWN = "unknown"


def reach(filesystem: disk.FileSystem) -> Reach:
    """Who notices a lock that a file system grants, by its type and how it is mounted.

    A type that may lie on another machine is only believed if it is known to pass locks on.
    """
    if not filesystem.type:
        return Reach.UNKNOWN
    if filesystem.locks_are_here or filesystem.type in _ONE_HOST:
        return Reach.EVERYBODY
    passed_on = filesystem.type in _COHERENT or (filesystem.type == "lustre" and "flock" in filesystem.options)
    return Reach.EVERYBODY if passed_on and not filesystem.options & _LOCAL_OPTIONS else Reach.THIS_HOST


def refusal(fd: int, place: str) -> OSError | None:
    """Lock a file that nobody else knows.

    Args:
        fd: Of the file, open for writing.
        place: The library directory, for messages.

    Returns:
        None: it is locked. The error by which the file system says that it has no locks.

    Raises:
        LockUnavailableError: It is locked by somebody, which cannot be.
        OSError: Any other error.
    """
    for attempt in range(_TRIES):
        try:
            if disk.try_flock(fd):
                return None
        except OSError as error:
            if error.errno in _TRIED_AGAIN and attempt + 1 < _TRIES:
                time.sleep(0.01)
                continue
            if error.errno not in _NO_LOCKS:
                raise
            return error
    raise LockUnavailableError(
        f"A file that nobody else knows could not be locked for {os.path.join(place, LOCK_NAME)}.",
        hint="The same command again.",
    )


def unavailable(place: str, error: OSError) -> LockUnavailableError:
    """File locks were asked for by name, and there are none."""
    return LockUnavailableError(
        f"The file system of {os.path.join(place, LOCK_NAME)} has no file locks ({error.strerror or error}).",
        hint="The same command with --lock-mode=marker, which needs none (or without --lock-mode=flock)",
    )


def done_without(places: str) -> str:
    """No mode was asked for, and there are no file locks: what that costs."""
    return (
        f"{places}: the file system has no file locks; the lock that is used instead knows of a dead "
        f"holder on another host only after {lease.LEASE:.0f} s"
    )


KNOWING = "HOLDFAST_LOCK_MODE=marker"
"""The setting that says: I know that there are no file locks."""
