"""What a person can do about an error of the operating system: one thing to type. Pure."""

from __future__ import annotations

import errno

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
        return f"Make room there, then repeat the command: df -h {place}"
    if error.errno in _REFUSED:
        return f"Look at its owner and rights, and at how it is mounted: ls -ld {place}"
    if error.errno == errno.EIO:
        return "Look what the system says of that disk (dmesg), then repeat the command."
    return "Repeat the command."
