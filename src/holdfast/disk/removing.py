"""Removing whole directories, by descriptor.

**Guarantees**: never follows a symlink; never leaves the tree that was named, whoever exchanges what inside it
meanwhile. Removes what it can before it raises. A tree of any depth goes: somebody else may have made it.

**On crash**: a part of the tree is left; call it again.

**Limits**: one descriptor is open for each level of depth, up to `DEEPEST`.
"""

from __future__ import annotations

import errno
import os
import stat as modes
import time

from holdfast.disk import calls, reading

DEEPEST = 100
"""Levels that are gone down; what lies deeper is moved up before."""
_REPLACED = frozenset({errno.ENOTDIR, errno.ELOOP})
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})
_PAUSES = (0.01, 0.05, 0.2, 0.0)
"""Seconds between tries to remove a directory that was emptied: on NFS and in user space a file that was closed a
moment ago stays for another under a hidden name (``.nfs*``, ``.fuse_hidden*``)."""


def remove_tree(path: str, *, dir_fd: int | None = None) -> None:
    """Remove a directory with everything in it, or a single file or symlink; nothing there is fine.

    Raises:
        OSError: The first thing that went wrong; everything else has been removed.
    """
    removal = _Removal()
    removal.remove(path, dir_fd, 0)
    if removal.faults:
        raise removal.faults[0]


class _Removal:
    def __init__(self) -> None:
        self.faults: list[OSError] = []
        self._top = -1
        self._raised: list[str] = []

    def remove(self, name: str, dir_fd: int | None, depth: int) -> None:
        try:
            fd = reading.open_dir(name, dir_fd=dir_fd)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno in _REPLACED:
                self._unlink(name, dir_fd)
            else:
                self._rmdir(name, dir_fd, error)
            return
        try:
            _open_up(fd)
            if depth == 0:
                self._top = fd
            self._empty(fd, depth)
            while depth == 0 and self._raised:
                self.remove(self._raised.pop(), fd, 1)
        finally:
            calls.current.close(fd)
        self._rmdir(name, dir_fd, None)

    def _empty(self, fd: int, depth: int) -> None:
        for entry in self._entries(fd):
            if not entry.is_dir(follow_symlinks=False):
                self._unlink(entry.name, fd)
            elif depth < DEEPEST:
                self.remove(entry.name, fd, depth + 1)
            else:
                self._raise(entry.name, fd)

    def _raise(self, name: str, fd: int) -> None:
        """Move what lies too deep into the uppermost directory, to be removed from there."""
        fresh = f"deep-{os.urandom(16).hex()}"
        try:
            calls.current.rename(name, fresh, src_dir_fd=fd, dst_dir_fd=self._top)
        except OSError as error:
            self.faults.append(error)
        else:
            self._raised.append(fresh)

    def _entries(self, fd: int) -> list[os.DirEntry[str]]:
        try:
            return reading.scandir(fd)
        except OSError as error:
            self.faults.append(error)
            return []

    def _unlink(self, name: str, dir_fd: int | None) -> None:
        try:
            calls.current.unlink(name, dir_fd=dir_fd)
        except FileNotFoundError:
            pass
        except OSError as error:
            self.faults.append(error)

    def _rmdir(self, name: str, dir_fd: int | None, cause: OSError | None) -> None:
        for pause in _PAUSES:
            try:
                calls.current.rmdir(name, dir_fd=dir_fd)
            except FileNotFoundError:
                return
            except OSError as error:
                if pause and cause is None and error.errno in _NOT_EMPTY and not self.faults:
                    time.sleep(pause)
                    continue
                self.faults.append(cause or error)
            return


def _open_up(fd: int) -> None:
    """A directory of ours without its owner's w or x cannot be emptied: give them."""
    status = calls.current.fstat(fd)
    if status.st_uid == os.geteuid() and status.st_mode & modes.S_IRWXU != modes.S_IRWXU:
        calls.current.fchmod(fd, modes.S_IMODE(status.st_mode) | modes.S_IRWXU)
