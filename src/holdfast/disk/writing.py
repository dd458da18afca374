"""Content, rights and times of files, and making them last.

**Guarantees**: a file is only ever made new (O_EXCL, never through a symlink), with mode 0600 until its rights are
set on the descriptor, so that the umask is never consulted. A write is whole or raises.

**On crash**: `write_new` may leave a part of the file: write where nobody looks, then rename.

**Limits**: `fsync_path` cannot sync a file that it may not open for reading. `syncfs` reports errors of older writes
only on Linux 5.8 and later. A file system that cannot sync (directories on some SMB and FUSE mounts: EINVAL) keeps what
it keeps.
"""

from __future__ import annotations

import errno
import os
import stat as modes

from holdfast.disk import calls

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_EXISTING = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20
_GROUP_REFUSED = frozenset({errno.EPERM, errno.EINVAL})
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
_NO_COPY = frozenset({errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM})


def open_new(path: str, *, mode: int = 0o600, read: bool = False, dir_fd: int | None = None) -> int:
    """Make a file that must not exist and open it for writing (``read``: for both).

    Args:
        path: Relative to ``dir_fd`` if given.
        mode: At creation, masked by the umask: set exact rights with `fchmod` afterwards.
        read: Open for reading too.
        dir_fd: Directory descriptor.

    Raises:
        FileExistsError: Anything lies there, a dangling symlink included.
    """
    flags = (_NEW & ~os.O_WRONLY) | os.O_RDWR if read else _NEW
    return calls.current.create(path, flags, mode, dir_fd=dir_fd)


def open_for_writing(path: str, *, dir_fd: int | None = None) -> int:
    """Open an existing file for reading and writing; never a symlink, never blocking on a FIFO."""
    return calls.current.create(path, _EXISTING, dir_fd=dir_fd)


def open_stream(path: str) -> int:
    """Open what is no file (a terminal, a pipe, a device) for writing; symlinks are followed (``/dev/stdout``)."""
    return calls.current.create(path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)


def write(fd: int, data: bytes) -> None:
    """Write all of ``data``."""
    done = calls.current.write(fd, data)
    if done < len(data):
        view = memoryview(data)
        while done < len(data):
            done += calls.current.write(fd, view[done:])


def pwrite(fd: int, data: bytes, offset: int = 0) -> None:
    """Write all of ``data`` at ``offset``."""
    view = memoryview(data)
    done = 0
    while done < len(data):
        done += calls.current.pwrite(fd, view[done:], offset + done)


def write_new(path: str, data: bytes, *, mode: int = 0o600, sync: bool = False, dir_fd: int | None = None) -> None:
    """Make a file with this content and exactly this mode.

    Raises:
        FileExistsError: Anything lies there.
    """
    fd = open_new(path, dir_fd=dir_fd)
    try:
        write(fd, data)
        if mode != 0o600:  # noqa: PLR2004 - the mode that it was made with
            calls.current.fchmod(fd, mode)
        if sync:
            calls.current.fsync(fd)
    finally:
        calls.current.close(fd)


def truncate(fd: int, length: int = 0) -> None:
    """Cut the file behind ``fd``."""
    calls.current.truncate(fd, length)


def fchmod(fd: int, mode: int) -> None:
    """Set exactly this mode; S_ISGID must be in it, a directory loses it otherwise."""
    calls.current.fchmod(fd, mode)


def fchown(fd: int, uid: int, gid: int) -> None:
    """Set owner and group; -1 leaves one as it is."""
    calls.current.fchown(fd, uid, gid)


def give_rights(fd: int, mode: int, gid: int) -> bool:
    """Give a new file or directory its group, then its mode (a change of group clears set-id bits).

    Returns:
        False: the group was refused (user namespaces, root_squash, not a member), and that took something from it: the
        one that it has got no more than everybody. In a shared target that is to be said.
    """
    if calls.current.fstat(fd).st_gid != gid:
        try:
            calls.current.fchown(fd, -1, gid)
        except OSError as error:
            if error.errno not in _GROUP_REFUSED:
                raise
            everybodys = (mode & modes.S_IRWXO) << 3
            calls.current.fchmod(fd, mode & ~(modes.S_IRWXG | modes.S_ISGID) | everybodys)
            return everybodys == mode & modes.S_IRWXG
    calls.current.fchmod(fd, mode)
    return True


def utime(path: str | int, times_ns: tuple[int, int] | None = None, *, dir_fd: int | None = None) -> None:
    """Set (access, modification) times in ns; None: now, by the clock of the machine that keeps the file."""
    if isinstance(path, int):
        calls.current.utime(path, ns=times_ns) if times_ns else calls.current.utime(path)
    elif times_ns:
        calls.current.utime(path, ns=times_ns, dir_fd=dir_fd, follow_symlinks=False)
    else:
        calls.current.utime(path, dir_fd=dir_fd, follow_symlinks=False)


def fsync(fd: int) -> None:
    """Sync one file or directory; does nothing where the file system has no such call for it."""
    try:
        calls.current.fsync(fd)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def fsync_path(path: str, *, dir_fd: int | None = None) -> None:
    """Sync one file or directory by name; a symlink has nothing to sync and is ELOOP."""
    fd = calls.current.open(path, _READ | os.O_NOFOLLOW, dir_fd=dir_fd)
    try:
        fsync(fd)
    finally:
        calls.current.close(fd)


def syncfs(fd: int) -> None:
    """Sync the whole file system of ``fd``; OSError ENOSYS where there is no such call."""
    calls.current.syncfs(fd)


def reflink(src_fd: int, dst_fd: int) -> None:
    """Make the new file ``dst_fd`` share the blocks of ``src_fd``.

    Raises:
        OSError: EOPNOTSUPP, EXDEV, EINVAL, ENOTTY and others: not here; copy instead.
    """
    calls.current.ficlone(dst_fd, src_fd)


def copy(src_fd: int, dst_fd: int) -> int:
    """Copy from the offset of ``src_fd`` to its end, in the kernel where that works; the number of bytes."""
    total = 0
    try:
        while count := calls.current.copy_file_range(src_fd, dst_fd, _CHUNK * 64):
            total += count
    except OSError as error:
        if total or error.errno not in _NO_COPY:
            raise
        while data := calls.current.read(src_fd, _CHUNK):
            write(dst_fd, data)
            total += len(data)
    return total
