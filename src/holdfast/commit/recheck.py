"""Is the world still as the change set assumes? Asked under the lock, answered by looking only.

**Guarantees**: only what this change is about is looked at: its projects' dist-infos, its paths, the directories that
move whole. A directory whose mtime moved is listed again; new bytecode in it is no reason to plan again. Where the file
system can be mounted elsewhere too, what it shows may be old: there every such directory is asked for and listed again.

**On crash**: changes nothing.

**Limits**: who writes without the lock can still come between this look and the steps. The steps themselves fail onto
anything unexpected at a path that should be free; the sweep puts back what was carried off in a directory.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat as modes
from collections.abc import Iterable

from holdfast import disk
from holdfast.commit.paths import is_bytecode
from holdfast.commit.rooms import Doors
from holdfast.model.changes import (
    EntryKind,
    ExpectAbsent,
    Expectation,
    ExpectDirectory,
    ExpectFile,
    ExpectInfo,
    Place,
)
from holdfast.model.places import absolute, place_of
from holdfast.model.target import Target

RECORD_LIMIT = 64 * 1024 * 1024
_INFO = ".dist-info"
_SEPARATORS = re.compile(r"[-_.]+")


def infos_by_project(target: Target) -> dict[str, set[Place]]:
    """Every dist-info in the target's library directories, by normalised project name."""
    found: dict[str, set[Place]] = {}
    for library in target.library_directories:
        for name in disk.listdir(library):
            if name.endswith(_INFO):
                project = _SEPARATORS.sub("-", name.removesuffix(_INFO).rpartition("-")[0]).lower()
                found.setdefault(project, set()).add(place_of(target.scheme, f"{library}/{name}"))
    return found


def record_digest(path: str, *, dir_fd: int | None = None) -> str:
    """The sha256 hex of a RECORD; empty if it cannot be read."""
    try:
        return hashlib.sha256(disk.read_regular(path, limit=RECORD_LIMIT, dir_fd=dir_fd)).hexdigest()
    except OSError:
        return ""


def recheck(expectations: Iterable[Expectation], target: Target, doors: Doors) -> str | None:
    """Compare; None: all holds.

    Returns:
        The first thing that moved, for -v.
    """
    infos = infos_by_project(target)
    news = _News()
    for expected in expectations:
        match expected:
            case ExpectInfo():
                why = _infos(expected, infos.get(expected.name, set()), target)
            case ExpectAbsent(place=place):
                why = _entry(place, doors, target, absent=True)
            case ExpectFile(place=place):
                why = _entry(place, doors, target, absent=False)
            case ExpectDirectory():
                why = _directory(expected, target, news)
        if why:
            return why
    return None


def _infos(expected: ExpectInfo, found: set[Place], target: Target) -> str | None:
    if found != {place for place, _ in expected.infos}:
        return f"another version of {expected.name} came or went"
    for place, digest in expected.infos:
        path = absolute(target.scheme, place)
        if digest and record_digest(f"{path}/RECORD") != digest:
            return f"{path} changed"
    return None


def _entry(place: Place, doors: Doors, target: Target, *, absent: bool) -> str | None:
    try:
        parent, name = doors.parent(place)
    except OSError:
        return f"the directory of {absolute(target.scheme, place)} is gone"
    try:
        status = disk.lstat(name, dir_fd=parent)
    except FileNotFoundError:
        return None if absent else f"{absolute(target.scheme, place)} is gone"
    if absent:
        return f"{absolute(target.scheme, place)} came"
    return f"{absolute(target.scheme, place)} became a directory" if modes.S_ISDIR(status.st_mode) else None


def _directory(expected: ExpectDirectory, target: Target, news: _News) -> str | None:
    path = absolute(target.scheme, expected.place)
    try:
        status = disk.lstat(path)
        if not modes.S_ISDIR(status.st_mode) or status.st_ino != expected.inode:
            return f"{path} is another one"
        if news.are_told(path, status) and status.st_mtime_ns == expected.mtime_ns:
            return None
        entries = news.listing(path, status)
    except FileNotFoundError:
        return f"{path} is gone"
    for entry in entries:
        known = expected.entries.get(entry.name)
        is_directory = entry.is_dir(follow_symlinks=False)
        if known is not None and (known is EntryKind.DIRECTORY) == is_directory:
            continue
        if not is_directory and is_bytecode(path, entry.name):
            continue
        if is_directory and entry.name == "__pycache__" and _only_bytecode(f"{path}/__pycache__"):
            continue
        return f"{path}/{entry.name} came"
    return None


def _only_bytecode(cache: str) -> bool:
    return all(
        is_bytecode(cache, entry.name) and not entry.is_dir(follow_symlinks=False) for entry in disk.scandir(cache)
    )


class _News:
    """Whether what is seen is what is there: a client of a network file system may remember what is not so any more."""

    def __init__(self) -> None:
        self._systems: dict[int, disk.FileSystem] = {}

    def are_told(self, path: str, status: os.stat_result) -> bool:
        """Whether a change that was made elsewhere shows at once: there is no elsewhere."""
        return self._system(path, status).locks_are_here

    def listing(self, path: str, status: os.stat_result) -> list[os.DirEntry[str]]:
        """What is in a directory now."""
        if not self._system(path, status).is_in_user_space:
            return disk.scandir(path)
        fd = disk.open_dir(path)
        try:
            disk.ask_again(fd)
        finally:
            disk.close(fd)
        return disk.scandir(path)

    def _system(self, path: str, status: os.stat_result) -> disk.FileSystem:
        if status.st_dev not in self._systems:
            self._systems[status.st_dev] = disk.filesystem(path)
        return self._systems[status.st_dev]
