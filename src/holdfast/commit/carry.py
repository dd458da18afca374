"""Take an old version out of the target where its directory cannot be renamed (design section 4, overlayfs).

overlayfs answers EXDEV to renaming a directory of a lower layer: every ``RUN`` that upgrades what an earlier layer
installed. That shows only at the step. Then the directory moves entry by entry into ``old/<n>.part``, which becomes
``old/<n>`` when nothing is left at its place.

**Guarantees**: ``old/<n>`` says what it says everywhere, that the old version has left whole; while there is an
``old/<n>.part`` nothing new lies at the place, and what is in it belongs there. Each file moves by one rename with one
side in ``old/``: the fence stops it like any step.

**On crash**: the old version lies on both sides; `undo` merges them.

fuse-overlayfs renames any directory, but shows again what a lower layer has in its place: there all are carried.

**Limits**: under the lock each file costs a rename, and overlayfs copies it then: the report counts them. Who imports
from the package meanwhile finds a part of it. On fuse-overlayfs a single file that replaced one of a lower layer
uncovers that one when it leaves by a second change in the same layer.
"""

from __future__ import annotations

import errno
import stat as modes
from collections.abc import Callable

from holdfast import disk
from holdfast.commit.making import Forge
from holdfast.commit.rooms import JOURNAL, Room

PART = ".part"
"""``old/<n>.part``: what of an old directory is on its way out, or back. ``new/<n>.part``: of a new one, taken back."""
MADE = "made"
"""Where directories are made before they come to their place."""
_FIRST, _LAST = "RECORD", "__pycache__"


def take_out(name: str, parent: int, n: str, room: Room, between: Callable[[], None]) -> int:
    """Move the entry ``name`` of the open directory ``parent`` to ``old/<n>``.

    Returns:
        How many files had to be moved one by one: 0 wherever a directory can be renamed.
    """
    if room.whole or not modes.S_ISDIR(disk.lstat(name, dir_fd=parent).st_mode):
        try:
            # Not exclusive: nobody else puts anything there; and it may mean link and unlink, which no fence stops.
            disk.rename(name, n, src_dir_fd=parent, dst_dir_fd=room.old)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        else:
            return 0
    moved = disk.carry(
        name,
        n + PART,
        src_dir_fd=parent,
        dst_dir_fd=room.old,
        make=Forge(fd=room.own, name=MADE).make,
        order=in_turn,
        between=between,
        whole=room.whole,
    )
    # DISK: old version in old/<n>.part only, nothing at its place
    disk.rename(n + PART, n, src_dir_fd=room.old, dst_dir_fd=room.old)
    return moved


def in_turn(name: str) -> tuple[int, str]:
    """In which order entries of one directory move.

    A RECORD leaves first, as everywhere. Bytecode after the sources, so that no import writes it again; a journal
    after everything that it is about.
    """
    if name == JOURNAL or name.startswith(f"{JOURNAL}-"):
        return 3, name
    return (0 if name == _FIRST else 2 if name == _LAST else 1), name
