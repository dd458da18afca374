"""What may be done with a cache directory: nothing, only read, or read and add; and whose entries are believed.

**Guarantees**: only looks.

**On crash**: changes nothing.

**Limits**: a look at rights, so a full or failing disk shows only when something is written.
"""

from __future__ import annotations

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
    shared = exists and is_shared(status, uid=uid, gid=os.getegid())
    trusted = (
        None
        if shared and not status.st_mode & stat.S_IWOTH
        else frozenset({uid, 0, *([status.st_uid] if exists else [])})
    )
    path = directory
    while not disk.lexists(path):
        path = os.path.dirname(path)
    if disk.may_write(path):
        return Access(read=True, add=True, shared=shared, trusted=trusted)
    return Access(read=exists, add=False, reason="it is not writable", shared=shared, trusted=trusted)


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
