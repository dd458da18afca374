"""Removes from the cache directory: damaged entries, what dead adders left, and everything for ``cache clean``.

**Guarantees**: only directories whose names this program gives are touched, so that a directory of other things that is
mistaken for the cache loses nothing. What goes is renamed aside first, so that
nobody finds a half removed entry.

**On crash**: a ``.adding-*`` directory with the rest is left; the next sweep takes it.

**Limits**: an adder that is suspended for an hour loses what it was adding, and adds it again or fails. What lies in a
lower layer of an overlay cannot be renamed: it may be met half removed, and is found damaged then.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from dataclasses import dataclass

from holdfast import disk
from holdfast.store import keys

LITTER_AGE_NS = 3600 * 1_000_000_000
"""How long nobody must have touched what an adder left before it is litter."""

_VERSIONED = re.compile(rf"({'|'.join(keys.KINDS)})-v[0-9]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What ``cache clean`` removed: files, and the bytes that they took.

    Attributes:
        left: Paths that could not be removed, with the reason each.
    """

    files: int = 0
    bytes: int = 0
    left: tuple[str, ...] = ()


def fresh_path(directory: str) -> str:
    """A path for what is being made in a directory of the cache, or on its way out: nobody's until now."""
    return os.path.join(directory, keys.LITTER_PREFIX + os.urandom(16).hex())


def identity(entry: str) -> tuple[int, int] | None:
    """What tells an entry from the next one of its name; None where nothing lies there."""
    try:
        status = disk.lstat(entry)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def drop(versioned: str, entry: str, judged: tuple[int, int] | None) -> None:
    """Take a damaged entry away in one rename, so that nobody meets it half removed.

    Args:
        versioned: The directory of the cache that it is in.
        entry: Its path.
        judged: Its `identity` before it was looked at: what somebody else has made anew since is left alone.
    """
    with contextlib.suppress(OSError):  # gone already, or not ours to remove: it is not used in any case
        if identity(entry) == judged:
            disk.remove_tree(_aside(entry, versioned))


def sweep(versioned: str, *, now_ns: int) -> None:
    """Remove the litter of dead adders from one versioned directory; what cannot be removed stays.

    Args:
        versioned: ``wheels-v1`` of a cache directory, or the like.
        now_ns: The time by the clock of the machine that keeps the files: the mtime of something just made there.
    """
    try:
        names = disk.listdir(versioned)
    except OSError:
        return
    for name in names:
        if not name.startswith(keys.LITTER_PREFIX):
            continue
        path = os.path.join(versioned, name)
        try:
            if now_ns - disk.lstat(path).st_mtime_ns > LITTER_AGE_NS:
                disk.remove_tree(path)
        except OSError:
            continue


def clean(cache_dir: str) -> Cleaned:
    """Empty the cache directory: every directory of ours in it, of older and newer layouts too.

    Returns:
        What was removed; nothing for a cache that is not there.
    """
    files = size = 0
    left: list[str] = []
    for name in ours(cache_dir, litter=True):
        path = os.path.join(cache_dir, name)
        try:
            away = _aside(path, cache_dir)
            counted = measure(away)
            disk.remove_tree(away)
        except OSError as error:
            left.append(f"{path}: {error.strerror}")
        else:
            files, size = files + counted[0], size + counted[1]
    with contextlib.suppress(OSError):  # somebody's own files are in it, or it is a mount point
        disk.rmdir(cache_dir)
    return Cleaned(files=files, bytes=size, left=tuple(left))


def _aside(path: str, directory: str) -> str:
    """Rename what goes, and say where it is; in a lower layer of an overlay it stays, and goes where it lies."""
    away = fresh_path(directory)
    try:
        disk.rename(path, away)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return path
    return away


def ours(cache_dir: str, *, litter: bool = False) -> list[str]:
    """The names of our directories in the cache, of other layouts too; with ``litter`` what is on its way out too."""
    try:
        names = sorted(disk.listdir(cache_dir))
    except OSError:
        return []
    return [name for name in names if _VERSIONED.match(name) or (litter and name.startswith(keys.LITTER_PREFIX))]


def measure(path: str) -> tuple[int, int]:
    """Files and bytes of a tree."""
    files = size = 0
    if not disk.is_directory(path):
        return 1, 0
    for entry in disk.scandir(path):
        if entry.is_dir(follow_symlinks=False):
            below = measure(os.path.join(path, entry.name))
            files, size = files + below[0], size + below[1]
        else:
            status = disk.lstat(os.path.join(path, entry.name))
            files, size = files + 1, size + (status.st_size if stat.S_ISREG(status.st_mode) else 0)
    return files, size
