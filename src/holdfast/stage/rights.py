"""The rights of what holdfast creates inside an existing directory: mirrored from that directory (design section 5).

**Guarantees**: the umask is not consulted. Nothing is writable for somebody who may not write in the final parent:
where the group cannot be given, its bits are those of all others. Rights are set on descriptors, never through a
symlink, the group before the mode (a change of group clears set-id bits).

**On crash**: what was just made has mode 0700 or 0600, which is less than it will have.

**Limits**: access control lists are inherited by the file system or not at all; the sticky bit is not mirrored.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass

from holdfast import disk

_RWX = 0o777
_READ_WRITE = 0o666
_REFUSED = frozenset({errno.EPERM, errno.EINVAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What is given to entries whose final parent is one directory.

    Attributes:
        directory_mode: With S_ISGID where the parent has it.
        file_mode: For data.
        executable_mode: For what may be executed.
        gid: The parent's group.
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


def mirror(st_mode: int, gid: int, *, uid: int) -> Rights:
    """The rights inside a directory with this mode and group.

    Args:
        st_mode: Of the final parent.
        gid: Of the final parent.
        uid: Who asks. A group of his own (same number, not root's, no setgid) makes a directory group-writable under
            umask 002 without anybody sharing it.
    """
    bits = st_mode & _RWX
    file_mode = bits & _READ_WRITE | stat.S_IRUSR | stat.S_IWUSR
    own_group = gid == uid != 0 and not st_mode & stat.S_ISGID
    return Rights(
        directory_mode=bits | stat.S_IRWXU | st_mode & stat.S_ISGID,
        file_mode=file_mode,
        executable_mode=file_mode | (file_mode & 0o444) >> 2,
        gid=gid,
        shared=bool(bits & stat.S_IWGRP) and not own_group,
    )


def inside(directory: str | int) -> Rights:
    """The rights of what is made inside an existing directory (path or descriptor)."""
    status = disk.fstat(directory) if isinstance(directory, int) else disk.stat(directory)
    return mirror(status.st_mode, status.st_gid, uid=os.geteuid())


def give(fd: int, mode: int, gid: int) -> bool:
    """Give a new file or directory its group, then its mode.

    Returns:
        False: the group was refused (user namespaces, root_squash); it got no more than everybody. In a shared target
        that is to be said.
    """
    if disk.fstat(fd).st_gid != gid:
        try:
            disk.fchown(fd, -1, gid)
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
            disk.fchmod(fd, without_group(mode))
            return False
    disk.fchmod(fd, mode)
    return True


def without_group(mode: int) -> int:
    """A mode for an entry whose group is not the wanted one: the group gets what everybody gets."""
    return mode & ~(stat.S_IRWXG | stat.S_ISGID) | (mode & stat.S_IRWXO) << 3


def make_directory(path: str, rights: Rights, *, dir_fd: int | None = None) -> bool:
    """Make a directory with mirrored rights, or none; returns as `give`.

    Raises:
        FileExistsError: Something lies there.
    """
    disk.mkdir(path, 0o700, dir_fd=dir_fd)
    try:
        fd = disk.open_dir(path, dir_fd=dir_fd)
        try:
            return give(fd, rights.directory_mode, rights.gid)
        finally:
            disk.close(fd)
    except BaseException:
        disk.rmdir(path, dir_fd=dir_fd)
        raise


def write_file(path: str, data: bytes, rights: Rights, *, executable: bool = False, dir_fd: int | None = None) -> bool:
    """Make a file with mirrored rights and this content; returns as `give`.

    Raises:
        FileExistsError: Something lies there.
    """
    fd = disk.open_new(path, dir_fd=dir_fd)
    try:
        disk.write(fd, data)
        return give(fd, rights.mode(executable=executable), rights.gid)
    finally:
        disk.close(fd)
