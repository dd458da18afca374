"""A file of lines that only grows at its end, and begins anew with the later half when it has become long.

**Guarantees**: the files are the user's alone (0600, in directories of 0700), and only such a file is read or written.
Of two that append at the same time each has its line. A file has at most `LIMIT` bytes, unless its last line alone has
more, and there are at most `FILES` of them.

**On crash**: a line that was cut off is not a line; the next one begins on a line of its own. A file that was being
shortened stays as it was, beside one named ``.new`` that the next shortening replaces.

**Limits**: where there is no flock, two that append at the same instant may lose a line.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator

from holdfast import disk

LIMIT = 4 * 1024 * 1024
"""Bytes of a file from which on it is shortened, to half of that."""
FILES = 1000
"""As many environments are remembered; of more, those that were changed longest ago are forgotten."""

_PATIENCE = 1.0
_ATTEMPTS = 20
_MOST = 64 * 1024 * 1024


def read_lines(path: str) -> Iterator[bytes]:
    """The lines of a file, oldest first; none where it is not there, or not ours.

    Raises:
        OSError: It cannot be read.
    """
    try:
        fd = disk.open_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        data = disk.read(fd, _MOST) if _is_ours(disk.fstat(fd)) else b""
    finally:
        disk.close(fd)
    yield from filter(None, data.split(b"\n"))


def append(path: str, line: bytes) -> None:
    """Add a line; does nothing where another's file lies.

    Raises:
        OSError: It cannot be written.
    """
    disk.make_parents(os.path.dirname(path), lambda directory: disk.mkdir(directory, 0o700))
    for _ in range(_ATTEMPTS):
        fd = _opened(path)
        try:
            status = disk.fstat(fd)
            if not _is_ours(status):
                return
            _wait_for_turn(fd)
            if not _lies_at(path, status):
                continue  # another one has shortened it meanwhile
            data = b"\n" + line + b"\n"
            end = disk.fstat(fd).st_size
            disk.pwrite(fd, data, end)
            if end + len(data) > LIMIT:
                _shorten(path, fd)
        finally:
            disk.close(fd)
        return


def _opened(path: str) -> int:
    try:
        return disk.open_for_writing(path)
    except FileNotFoundError:
        _forget_oldest(os.path.dirname(path))
    try:
        return disk.open_new(path, read=True)
    except FileExistsError:  # by another one meanwhile
        return disk.open_for_writing(path)


def _is_ours(status: os.stat_result) -> bool:
    """A file of our own that has one name: neither a pipe nor what somebody put there."""
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink <= 1


def _lies_at(path: str, status: os.stat_result) -> bool:
    try:
        there = disk.lstat(path)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (status.st_dev, status.st_ino)


def _wait_for_turn(fd: int) -> None:
    """Two that end at once must not write at the same place; where there is no flock, or after a while, go on."""
    deadline = time.monotonic() + _PATIENCE
    try:
        while not disk.try_flock(fd) and time.monotonic() < deadline:
            time.sleep(0.005)
    except OSError:
        return


def _shorten(path: str, fd: int) -> None:
    """Keep the later half, from the beginning of a line on; the last line in any case."""
    data = disk.read(fd, _MOST)
    start = data.find(b"\n", len(data) - LIMIT // 2)
    last = data.rfind(b"\n", 0, len(data) - 1)
    fresh = f"{path}.new"
    if disk.lexists(fresh):
        disk.unlink(fresh)
    disk.write_new(fresh, data[max(min(start, last), 0) :])
    disk.rename(fresh, path)


def _forget_oldest(directory: str) -> None:
    """Make room for one more."""
    names = [os.path.join(directory, name) for name in disk.listdir(directory)]
    if len(names) < FILES:
        return
    ages = sorted((disk.lstat(path).st_mtime_ns, path) for path in names)
    for _, path in ages[: len(names) - FILES + 1]:
        disk.unlink(path)
