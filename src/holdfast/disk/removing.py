"""Removing whole directories, by descriptor.

**Guarantees**: never follows a symlink; never leaves the tree that was named, whoever exchanges what inside it
meanwhile. Removes what it can before it raises.

**On crash**: a part of the tree is left; call it again.

**Limits**: one descriptor is open for each level of depth.
"""

from __future__ import annotations

import errno
import os
import stat as modes

from holdfast.disk import calls, reading

_REPLACED = frozenset({errno.ENOTDIR, errno.ELOOP})


def remove_tree(path: str, *, dir_fd: int | None = None) -> None:
    """Remove a directory with everything in it, or a single file or symlink; nothing there is fine.

    Raises:
        OSError: The first thing that went wrong; everything else has been removed.
    """
    faults: list[OSError] = []
    _remove(path, dir_fd, faults)
    if faults:
        raise faults[0]


def _remove(name: str, dir_fd: int | None, faults: list[OSError]) -> None:
    try:
        fd = reading.open_dir(name, dir_fd=dir_fd)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno in _REPLACED:
            _unlink(name, dir_fd, faults)
        else:
            _rmdir(name, dir_fd, faults, error)
        return
    try:
        _open_up(fd)
        for entry in _entries(fd, faults):
            if entry.is_dir(follow_symlinks=False):
                _remove(entry.name, fd, faults)
            else:
                _unlink(entry.name, fd, faults)
    finally:
        calls.current.close(fd)
    _rmdir(name, dir_fd, faults, None)


def _open_up(fd: int) -> None:
    """A directory of ours without its owner's w or x cannot be emptied: give them."""
    status = calls.current.fstat(fd)
    if status.st_uid == os.geteuid() and status.st_mode & modes.S_IRWXU != modes.S_IRWXU:
        calls.current.fchmod(fd, modes.S_IMODE(status.st_mode) | modes.S_IRWXU)


def _entries(fd: int, faults: list[OSError]) -> list[os.DirEntry[str]]:
    try:
        return reading.scandir(fd)
    except OSError as error:
        faults.append(error)
        return []


def _unlink(name: str, dir_fd: int | None, faults: list[OSError]) -> None:
    try:
        calls.current.unlink(name, dir_fd=dir_fd)
    except FileNotFoundError:
        pass
    except OSError as error:
        faults.append(error)


def _rmdir(name: str, dir_fd: int | None, faults: list[OSError], cause: OSError | None) -> None:
    try:
        calls.current.rmdir(name, dir_fd=dir_fd)
    except FileNotFoundError:
        pass
    except OSError as error:
        faults.append(cause or error)
