"""What may be done with a cache directory: nothing, only read, or read and add; and whose entries are believed.

**Guarantees**: only looks.

**On crash**: changes nothing.

**Limits**: a look at rights, so a full or failing disk shows only when something is written. Where everybody may write
and nothing is sticky, who exchanges directories while they are used is not kept from it.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass

from holdfast import disk
from holdfast.model.rights import is_shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What may be done with one cache directory.

    Attributes:
        read: Entries are used.
        add: Entries are made.
        reason: Why not both, as a clause; empty otherwise.
        shared: A group shares the directory.
        trusted: User ids whose entries are believed; None: everybody's, because the group shares it.
    """

    read: bool
    add: bool
    reason: str = ""
    shared: bool = False
    trusted: frozenset[int] | None = None


NOWHERE = Access(read=False, add=False)


def access_to(directory: str) -> Access:
    """Look at a cache directory, or at the parent in which it would be made.

    Root neither reads nor fills a cache of somebody else: what it would install was not its own, and what it would
    leave could not be removed by the owner (as pip does it).
    """
    try:
        status, exists = _nearest(directory)
    except OSError as error:
        return Access(read=False, add=False, reason=f"it cannot be reached ({error.strerror})")
    if not stat.S_ISDIR(status.st_mode):
        return Access(read=False, add=False, reason="it is no directory")
    uid = os.geteuid()
    if uid == 0 and status.st_uid != 0:
        return Access(read=False, add=False, reason=f"it belongs to uid {status.st_uid} and this runs as root")
    if (stranger := _stranger_above(directory)) is not None:
        return Access(read=False, add=False, reason=f"uid {stranger} put it into a directory of everybody's")
    shared = exists and is_shared(status, uid=uid, gid=os.getegid())
    trusted = trusted_in(status) if exists else frozenset({uid, 0})
    path = directory
    while not disk.lexists(path):
        path = os.path.dirname(path)
    if disk.may_write(path):
        return Access(read=True, add=True, shared=shared, trusted=trusted)
    return Access(read=exists, add=False, reason="it is not writable", shared=shared, trusted=trusted)


def trusted_in(cache: os.stat_result) -> frozenset[int] | None:
    """The user ids whose entries in a cache directory are believed; None: everybody's, because a group shares it."""
    uid = os.geteuid()
    if is_shared(cache, uid=uid, gid=os.getegid()) and not cache.st_mode & stat.S_IWOTH:
        return None
    return frozenset({uid, 0, cache.st_uid})


def check_way(path: str, root: str, trusted: frozenset[int] | None) -> None:
    """See that what leads from a cache directory to a directory in it was made by those who are believed.

    Raises:
        FileNotFoundError: It is not there.
        NotADirectoryError: Something else lies on the way, a symlink too.
        PermissionError: Somebody else made it.
    """
    here = root.rstrip("/")
    for name in path.removeprefix(f"{here}/").split("/"):
        here = f"{here}/{name}"
        status = disk.lstat(here)
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", here)
        if trusted is not None and status.st_uid not in trusted:
            raise PermissionError(errno.EPERM, f"{here} was made by uid {status.st_uid}", here)


def is_foreign(error: Exception, entry: str) -> bool:
    """Whether an entry was not read because of a stranger, or of something on the way to it: it is not ours to drop."""
    if not isinstance(error, OSError):
        return False
    return error.errno == errno.EPERM or entry.startswith(f"{error.filename}/")


def _stranger_above(directory: str) -> int | None:
    """Who put the directory, or what leads to it, into one where everybody may put something (``/tmp``)."""
    path, everybodys, known = "", False, (0, os.geteuid())
    for name in directory.split("/")[1:]:
        path = f"{path}/{name}"
        try:
            status = disk.lstat(path)
        except OSError:
            return None
        if everybodys and status.st_uid not in known:
            return status.st_uid
        everybodys = bool(status.st_mode & stat.S_IWOTH) and not stat.S_ISLNK(status.st_mode)
    return None


def _nearest(directory: str) -> tuple[os.stat_result, bool]:
    """The directory's status, or that of its nearest parent that exists; and which of the two."""
    path = directory
    while True:
        try:
            return disk.stat(path), path == directory
        except FileNotFoundError:
            parent = os.path.dirname(path)
            if parent == path:
                raise
            path = parent
