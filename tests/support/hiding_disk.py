"""A disk on which, as on NFS, a file that is removed while it is open stays for so long, under a hidden name."""

from __future__ import annotations

import os

from holdfast.disk import calls


class HidingDisk(calls.Calls):
    """The real disk; what is unlinked while this process has it open becomes ``.nfs<n>``, and goes with its close."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[int, int]] = {}
        self._hidden: dict[tuple[int, int], str] = {}

    def create(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:  # type: ignore[override]
        return self._opened(os.open(path, flags, mode, dir_fd=dir_fd))

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:  # type: ignore[override]
        return self._opened(os.open(path, flags, mode, dir_fd=dir_fd))

    def unlink(self, path: str, *, dir_fd: int | None = None) -> None:  # type: ignore[override]
        status = os.stat(path, dir_fd=dir_fd, follow_symlinks=False)
        key = (status.st_dev, status.st_ino)
        if key not in self._open.values():
            os.unlink(path, dir_fd=dir_fd)
            return
        name = os.path.join(os.path.dirname(path), f".nfs{len(self._hidden)}")
        os.rename(path, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        above = os.path.realpath(f"/proc/self/fd/{dir_fd}") if dir_fd is not None else ""
        self._hidden[key] = os.path.join(above, name)

    def close(self, fd: int) -> None:
        key = self._open.pop(fd, None)
        os.close(fd)
        if key in self._hidden and key not in self._open.values():
            os.unlink(self._hidden.pop(key))

    def _opened(self, fd: int) -> int:
        status = os.fstat(fd)
        self._open[fd] = (status.st_dev, status.st_ino)
        return fd
