"""flock(2): the bell of the environment lock, and uv's lock.

**Guarantees**: never blocks.

**On crash**: the kernel releases it with the last descriptor of the open file.

**Limits**: on network file systems it may be local to the host without saying so (design section 3).
"""

from __future__ import annotations

import errno
import fcntl

from holdfast.disk import calls

_BUSY = frozenset({errno.EWOULDBLOCK, errno.EAGAIN})


def try_flock(fd: int) -> bool:
    """Take the exclusive lock if it is free.

    Returns:
        False: somebody else has it.

    Raises:
        OSError: The file system has no such locks, or the call was interrupted.
    """
    try:
        calls.current.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise
    return True


def unflock(fd: int) -> None:
    """Give the lock back."""
    calls.current.flock(fd, fcntl.LOCK_UN)
