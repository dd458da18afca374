"""Look at the parts of a target that a change can touch, once, outside the lock.

**Guarantees**: only reads. Every directory between a scheme directory and an asked path is listed once; its inode and
mtime are read before the listing, so that a change during the listing shows under the lock. An mtime so young that a
later change could leave the same one says nothing, and is not told.

**On crash**: changes nothing.

**Limits**: what changes after a look is found by the commit's re-check, not here.
"""

from __future__ import annotations

import hashlib
import os
import stat as modes
import time
from collections.abc import Iterable

from holdfast.errors import TargetError
from holdfast.model.changes import DirectorySight, EntryKind, Survey
from holdfast.model.hashes import record_text
from holdfast.model.places import place_of
from holdfast.model.target import Scheme

_TEXT_LIMIT = 64 * 1024
_CHUNK = 1 << 20
_GRAIN_NS = 2_010_000_000
"""The coarsest clock of a file system (FAT: 2 s), and a tick by which the kernel's stamps lag behind."""
_EFFECTIVE = os.access in os.supports_effective_ids


def survey(scheme: Scheme, paths: Iterable[str], *, digests: Iterable[str] = (), texts: Iterable[str] = ()) -> Survey:
    """Look at every directory that leads to one of ``paths``.

    Args:
        scheme: Of the target, its directories resolved.
        paths: Absolute files that come or go; those outside of the scheme are not followed.
        digests: Those whose hash is wanted if they are regular files.
        texts: Absolute files whose text is wanted; they need not lie in the scheme.

    Raises:
        TargetError: A directory exists and cannot be listed.
    """
    walker = _Walker(scheme)
    for directory in dict.fromkeys(path.rpartition("/")[0] for path in paths):
        walker.visit(directory)
    return Survey(
        directories=walker.directories,
        links=walker.links,
        digests=walker.digests_of(digests),
        texts={path: text for path in texts if (text := _text(path)) is not None},
    )


class _Walker:
    """Lists directories downwards from the scheme's, each at most once."""

    def __init__(self, scheme: Scheme) -> None:
        self._scheme = scheme
        self._bases = scheme.anchors()
        self._real: dict[str, str] = {}
        self.directories: dict[str, DirectorySight] = {}
        self.links: dict[str, str] = {}

    def visit(self, directory: str) -> str:
        """List a directory and what leads to it; returns its real path, whether it exists or not."""
        if directory not in self._real:
            real = self._real[directory] = self._resolve(directory)
            if real != directory:
                self.links[directory] = real
        return self._real[directory]

    def _resolve(self, directory: str) -> str:
        if not self._inside(directory):
            return directory
        if directory in self._bases and self._look(directory):
            return directory
        parent, _, name = directory.rpartition("/")
        if not self._inside(parent):
            self._look_above(directory)
            return directory
        real = f"{self.visit(parent)}/{name}"
        above = self.directories.get(real.rpartition("/")[0])
        match above.entries.get(name) if above else None:
            case EntryKind.DIRECTORY:
                self._look(real)
            case EntryKind.SYMLINK:
                return self._follow(real)
            case _:
                pass
        return real

    def _follow(self, link: str) -> str:
        real = os.path.realpath(link)
        if not os.path.isdir(real):
            return link  # a dangling link, or one to a file, is an entry like any other
        return self.visit(real) if self._inside(real) else real

    def _inside(self, directory: str) -> bool:
        try:
            place_of(self._scheme, directory)
        except ValueError:
            return False
        return True

    def _look_above(self, directory: str) -> None:
        """A scheme directory that lies in no other and is missing: the nearest parent is where it will be made."""
        while directory not in {"", "/"} and not self._look(directory):
            directory = directory.rpartition("/")[0] or "/"

    def _look(self, directory: str) -> bool:
        if directory in self.directories:
            return True
        asked_ns = time.time_ns()
        try:
            status = os.lstat(directory)
            if not modes.S_ISDIR(status.st_mode):
                return False
            with os.scandir(directory) as listing:
                entries = {entry.name: _kind(entry) for entry in listing}
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise TargetError(f"{directory} cannot be read: {error.strerror}.") from error
        self.directories[directory] = DirectorySight(
            inode=status.st_ino,
            mtime_ns=status.st_mtime_ns if status.st_mtime_ns < asked_ns - _GRAIN_NS else None,
            entries=entries,
            closed=not os.access(directory, os.W_OK | os.X_OK, effective_ids=_EFFECTIVE),
        )
        if entries.get("__pycache__") is EntryKind.DIRECTORY:
            self._look(f"{directory}/__pycache__")
        return True

    def digests_of(self, paths: Iterable[str]) -> dict[str, str]:
        """Hash those of the paths that are regular files."""
        found = {}
        for path in paths:
            parent, _, name = path.rpartition("/")
            real = self._real.get(parent, parent)
            sight = self.directories.get(real)
            if sight and sight.entries.get(name) is EntryKind.FILE and (digest := _digest(f"{real}/{name}")):
                found[f"{real}/{name}"] = digest
        return found


def _kind(entry: os.DirEntry[str]) -> EntryKind:
    if entry.is_symlink():
        return EntryKind.SYMLINK
    if entry.is_dir(follow_symlinks=False):
        return EntryKind.DIRECTORY
    return EntryKind.FILE if entry.is_file(follow_symlinks=False) else EntryKind.OTHER


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""  # not readable: it counts as different
    with os.fdopen(fd, "rb") as file:
        try:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        except OSError:
            return ""
    return record_text(digest.digest())


def _text(path: str) -> str | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            content = file.read(_TEXT_LIMIT + 1)
        return content.decode("utf-8") if len(content) <= _TEXT_LIMIT else None
    except (OSError, UnicodeDecodeError):
        return None
