"""What a person can do about an error of the operating system: one thing to type."""

from __future__ import annotations

import errno

from holdfast.disk.mounts import room
from holdfast.disk.reading import nearest_directory

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def is_full(error: OSError) -> bool:
    """Whether an error says that there is no room, or none for this user."""
    return error.errno in _FULL


def remedy(error: OSError, place: str) -> str:
    """The hint that goes with an error.

    Args:
        error: Of a call.
        place: The directory that was to change.
    """
    if is_full(error):
        return f"Make room there, then repeat the command: df {'-i' if _lacks_inodes(place) else '-h'} {place}"
    if error.errno in _REFUSED:
        return f"Look at its owner and rights, and at how it is mounted: ls -ld {place}"
    if error.errno == errno.EIO:
        return "Look what the system says of that disk (dmesg), then repeat the command."
    return "Repeat the command."


def _lacks_inodes(place: str) -> bool:
    """Whether it is not bytes that a full file system lacks."""
    try:
        return room(nearest_directory(place)).inodes == 0
    except OSError:
        return False
