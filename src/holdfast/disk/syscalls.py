"""System calls that Python's ``os`` does not offer, or not everywhere: ENOSYS or ENOTSUP where one is absent.

**Guarantees**: errors are OSError with the system's errno. ctypes is imported at the first call that needs it, or by
`preload` (a commit may not import anything under the lock).

**On crash**: each is one system call.

**Limits**: macOS has no syncfs, no FICLONE (its clonefile works on paths) and no copy_file_range: refused there, and
callers fall back. renameatx_np has not been tested.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys
from typing import Any

_AT_FDCWD = -2 if sys.platform == "darwin" else -100
_RENAME_NOREPLACE = 1
_RENAME_EXCL = 4
_RENAME_EXCHANGE = 2  # RENAME_SWAP of macOS has the same number
_FICLONE = 0x40049409
_STATX_BTIME = 0x800

_libc: Any = None


def preload() -> None:
    """Load what the calls of this module need, so that none of them imports anything later."""
    global _libc  # noqa: PLW0603 - loaded once
    if _libc is None:
        import ctypes  # noqa: PLC0415 - 5 ms that most commands need not pay

        _libc = (ctypes.CDLL(None, use_errno=True), ctypes.get_errno)


def rename_noreplace(src: str, dst: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
    """Rename that fails onto anything (renameat2 RENAME_NOREPLACE, renameatx_np RENAME_EXCL).

    Raises:
        FileExistsError: Something lies at ``dst``.
        OSError: EINVAL or ENOSYS or ENOTSUP where system or file system cannot do it.
    """
    _rename(src, dst, src_dir_fd, dst_dir_fd, _RENAME_EXCL if sys.platform == "darwin" else _RENAME_NOREPLACE)


def rename_exchange(src: str, dst: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
    """Exchange what lies at two paths (renameat2 RENAME_EXCHANGE, renameatx_np RENAME_SWAP).

    Raises:
        FileNotFoundError: Nothing lies at one of them.
        OSError: EINVAL or ENOSYS or ENOTSUP where system or file system cannot do it.
    """
    _rename(src, dst, src_dir_fd, dst_dir_fd, _RENAME_EXCHANGE)


def _rename(src: str, dst: str, src_dir_fd: int | None, dst_dir_fd: int | None, flags: int) -> None:
    if _libc is None:
        preload()
    library, last_error = _libc
    function = getattr(library, "renameatx_np" if sys.platform == "darwin" else "renameat2", None)
    if function is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), src)
    result = function(
        _AT_FDCWD if src_dir_fd is None else src_dir_fd,
        os.fsencode(src),
        _AT_FDCWD if dst_dir_fd is None else dst_dir_fd,
        os.fsencode(dst),
        flags,
    )
    if result != 0:
        number = last_error()
        raise OSError(number, os.strerror(number), src, None, dst)


def born_ns(path: str) -> int:
    """When what a path leads to was made, in ns since the epoch (statx, ``st_birthtime``); 0: nothing tells.

    An inode number alone is no identity: ext4 gives it to the next directory that is made.
    """
    if sys.platform == "darwin":
        return int(os.stat(path).st_birthtime * 1e9)
    import ctypes  # noqa: PLC0415 - as in `preload`

    preload()
    function = getattr(_libc[0], "statx", None)
    buffer = ctypes.create_string_buffer(256)
    if function is None or function(_AT_FDCWD, os.fsencode(path), 0, _STATX_BTIME, buffer) != 0:
        return 0
    (known,) = struct.unpack_from("=I", buffer, 0)
    seconds, ns = struct.unpack_from("=qI", buffer, 80)
    return seconds * 10**9 + ns if known & _STATX_BTIME else 0


def syncfs(fd: int) -> None:
    """Sync the whole file system that ``fd`` lies in."""
    if _libc is None:
        preload()
    library, last_error = _libc
    function = getattr(library, "syncfs", None)
    if function is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if function(fd) != 0:
        number = last_error()
        raise OSError(number, os.strerror(number))


def ficlone(dst_fd: int, src_fd: int) -> None:
    """Make ``dst_fd`` share the extents of ``src_fd`` (btrfs, XFS, bcachefs)."""
    if sys.platform == "darwin":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    fcntl.ioctl(dst_fd, _FICLONE, src_fd)


def copy_file_range(src_fd: int, dst_fd: int, count: int) -> int:
    """Copy at both file offsets, inside the kernel; the number of bytes copied, 0 at the end."""
    if sys.platform == "darwin":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return os.copy_file_range(src_fd, dst_fd, count)
