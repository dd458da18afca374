"""What the client of a network file system remembers of a directory, and how it is made to ask the server again.

Clients show times and listings that are up to a second old (FUSE, GlusterFS, MooseFS), or twenty (sshfs), as long as
nobody on the same host changes the directory. Opening it helps on NFS. Giving a directory the mode that it has makes
the others forget what they remembered of it; its modification time stays.

**Guarantees**: changes nothing but the time of the last change of status.

**On crash**: nothing to leave.

**Limits**: only the owner may do it; for others the client's memory has to run out. A cache that forgets for nothing
but time (rclone's, a caching proxy) is not reached.
"""

from __future__ import annotations

import stat as modes
from contextlib import suppress

from holdfast.disk import calls


def ask_again(fd: int) -> None:
    """Make the client forget what it knows of a directory, as far as it can be made to."""
    with suppress(OSError):
        calls.current.fchmod(fd, modes.S_IMODE(calls.current.fstat(fd).st_mode))
