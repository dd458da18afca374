"""What kind of file system a path lies in, and how much room is left.

**Guarantees**: answers for the mount that the path really lies in (by mount id, not by name).

**On crash**: changes nothing.

**Limits**: Linux only; elsewhere `filesystem` says that it does not know. ``/proc`` is read from the real system.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from holdfast.disk import calls

_O_PATH = getattr(os, "O_PATH", os.O_RDONLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSystem:
    """Where a path lies.

    Attributes:
        type: As in mountinfo: ``ext4``, ``tmpfs``, ``overlay``, ``nfs4``; empty when unknown.
        options: Of the mount and of the file system (overlay's ``volatile``, newer: ``fsync=volatile``, is among them).
    """

    type: str = ""
    options: frozenset[str] = frozenset()

    @property
    def keeps_nothing(self) -> bool:
        """Whether syncing is in vain: memory, or overlay that was mounted ``volatile``."""
        volatile = self.type == "overlay" and not self.options.isdisjoint({"volatile", "fsync=volatile"})
        return volatile or self.type in {"tmpfs", "ramfs"}

    @property
    def locks_are_here(self) -> bool:
        """Whether this kernel knows of every flock in it: nobody else can have it mounted."""
        return self.type in {"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "overlay"}

    @property
    def uncovers(self) -> bool:
        """Whether a directory that is renamed away uncovers what a lower layer has in its place (as of 1.10)."""
        return self.type == "fuse.fuse-overlayfs"

    @property
    def is_in_user_space(self) -> bool:
        """Whether a process answers for it, which may remember what was so (sshfs: for 20 s)."""
        return self.type.partition(".")[0] in {"fuse", "fuseblk"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What this process may still write. None where the file system does not say, or has no fixed number."""

    bytes: int | None
    inodes: int | None


def filesystem(path: str) -> FileSystem:
    """The file system that ``path`` lies in."""
    try:
        fd = os.open(path, _O_PATH | os.O_CLOEXEC)
        try:
            fdinfo = _read(f"/proc/self/fdinfo/{fd}")
        finally:
            os.close(fd)
        mount = next(line.split()[1] for line in fdinfo.splitlines() if line.startswith("mnt_id:"))
        for line in _read("/proc/self/mountinfo").splitlines():
            fields = line.split(" ")
            if fields[0] == mount:
                kind, _, options = fields[fields.index("-", 6) + 1 :][:3]
                return FileSystem(type=kind, options=frozenset((fields[5] + "," + options).split(",")))
    except (OSError, StopIteration, ValueError):
        pass
    return FileSystem()


def room(path: str) -> Room:
    """The room left in the file system of ``path``."""
    status = calls.current.statvfs(path)
    reserve = os.geteuid() == 0  # what a file system keeps back, it keeps for root
    blocks, inodes = (status.f_bfree, status.f_ffree) if reserve else (status.f_bavail, status.f_favail)
    return Room(bytes=blocks * status.f_frsize if status.f_blocks else None, inodes=inodes if status.f_files else None)


def is_read_only(path: str) -> bool:
    """Whether the file system of ``path`` is mounted read-only."""
    return bool(calls.current.statvfs(path).f_flag & os.ST_RDONLY)


def moves_lower_directories(filesystem: FileSystem) -> bool:
    """Whether an overlay may rename a directory of a lower layer; what is the kernel's default is not in mountinfo."""
    for option in filesystem.options:
        if option.startswith("redirect_dir="):
            return option == "redirect_dir=on"
    try:
        return _read("/sys/module/overlay/parameters/redirect_dir").strip() == "Y"
    except OSError:
        return False


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()
