"""The rights of what holdfast creates (design section 5), from the rights of where it is created. Pure.

Inside an existing directory its rights are mirrored, and the umask has no say. A new root (an environment, a missing
``--target`` directory, a directory of the store) follows the umask, and the group writes where its parent asks for it;
what lies below the new root mirrors the root.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import Protocol

_RWX = 0o777
_READ_WRITE = 0o666


class Status(Protocol):
    """What is asked of a directory; ``os.stat_result`` is one."""

    @property
    def st_mode(self) -> int:
        """Kind and mode."""

    @property
    def st_uid(self) -> int:
        """Owner."""

    @property
    def st_gid(self) -> int:
        """Group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """Asked for with ``--shared[=GROUP]``: what is created is the group's, with g+w and setgid.

    Attributes:
        gid: Of the group; None: that of the directory in which it is created.
    """

    gid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What is given to entries whose final parent is one directory.

    Attributes:
        directory_mode: With S_ISGID where the parent has it.
        file_mode: For data.
        executable_mode: For what may be executed.
        gid: The group.
        shared: A group shares the parent: bytecode is compiled, no hard links into the store.
    """

    directory_mode: int
    file_mode: int
    executable_mode: int
    gid: int
    shared: bool

    def mode(self, *, executable: bool) -> int:
        """The mode of a file."""
        return self.executable_mode if executable else self.file_mode


def mirror(parent: Status, *, uid: int, gid: int, sharing: Sharing | None = None) -> Rights:
    """The rights inside an existing directory.

    Args:
        parent: The final parent.
        uid: Who creates.
        gid: His own group.
        sharing: What he asks for besides.
    """
    bits = parent.st_mode & _RWX
    if _is_everybodys(parent):
        bits &= ~(stat.S_IWGRP | stat.S_IWOTH)
    setgid, group = parent.st_mode & stat.S_ISGID, parent.st_gid
    if sharing is not None:
        bits |= stat.S_IRWXG
        setgid, group = stat.S_ISGID, group if sharing.gid is None else sharing.gid
    file_mode = bits & _READ_WRITE | stat.S_IRUSR | stat.S_IWUSR
    return Rights(
        directory_mode=bits | stat.S_IRWXU | setgid,
        file_mode=file_mode,
        executable_mode=file_mode | (file_mode & 0o444) >> 2,
        gid=group,
        shared=sharing is not None or is_shared(parent, uid=uid, gid=gid),
    )


def new_root(parent: Status, made: Status, *, sharing: Sharing | None = None) -> tuple[int, int]:
    """The mode and the group of a new root.

    Args:
        parent: In which it is made. Setgid is a request to share, also where the group may not write in the parent.
        made: The root as the umask left it.
        sharing: What is asked for besides.
    """
    mode = made.st_mode & _RWX | stat.S_IRWXU
    if not parent.st_mode & stat.S_IWOTH or _is_everybodys(parent):
        mode &= ~stat.S_IWOTH
    gid = made.st_gid
    if parent.st_mode & (stat.S_ISGID | stat.S_IWGRP) and not _is_everybodys(parent):
        mode |= stat.S_IRWXG | parent.st_mode & stat.S_ISGID
        gid = parent.st_gid
    if sharing is not None:
        mode |= stat.S_IRWXG | stat.S_ISGID
        gid = gid if sharing.gid is None else sharing.gid
    return mode, gid


def is_shared(directory: Status, *, uid: int, gid: int) -> bool:
    """Whether a group shares a directory.

    Who has a group of his own (of the same number, not root's) makes group-writable what he owns under umask 002,
    without anybody sharing it.

    Args:
        directory: An existing one.
        uid: Who asks.
        gid: His own group.
    """
    own = directory.st_uid == uid == gid == directory.st_gid != 0 and not directory.st_mode & stat.S_ISGID
    return bool(directory.st_mode & stat.S_IWGRP) and not own and not _is_everybodys(directory)


def _is_everybodys(directory: Status) -> bool:
    """``/tmp``: everybody makes entries there, and each has his own; that is no group that shares."""
    everybody = stat.S_ISVTX | stat.S_IWOTH
    return directory.st_mode & (everybody | stat.S_ISGID) == everybody
