"""Looks after the cache directory: what is in it, whether it is what it was, and what nobody needs goes.

**Guarantees**: what goes is renamed aside first, and only if it is still what was judged, so that an entry is met whole
or not at all; who was about to use it gets it again from its source. Entries of strangers are not looked at.

**On crash**: a ``.adding-*`` directory with the rest is left; the next sweep takes it.

**Limits**: what is used through symlinks (``--link-mode=symlink``) looks unused after the time of `UNUSED_NS`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

from holdfast import disk
from holdfast.errors import TargetError
from holdfast.model.stored import Manifest
from holdfast.store import bytecode, keys, manifest, sweep, verify
from holdfast.store.access import Access, access_to, check_way
from holdfast.store.sweep import Cleaned

UNUSED_NS = 30 * 24 * 3600 * 1_000_000_000
"""How long nothing must have been installed from an entry before it is pruned."""

_SMALL = ("pages-v1", "metadata-v1")
_LIMIT = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the store.

    Attributes:
        path: Of its directory.
        identity: See `sweep.identity`.
        manifest: What is in it; None for one that cannot be read.
        used_ns: When something was last installed from it, or it was added.
    """

    path: str
    identity: tuple[int, int] | None
    manifest: Manifest | None
    used_ns: int

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(file.size for file in self.manifest.files) if self.manifest else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What ``cache verify`` found: entries that it looked at, and those that were damaged and are gone.

    Attributes:
        left: Damaged ones that could not be removed.
    """

    entries: int
    damaged: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def wheels(cache_dir: str) -> tuple[Entry, ...]:
    """Every wheel in the store, by its path; none where the cache may not be read."""
    access = access_to(cache_dir)
    return tuple(_entry(path) for path in _entries(cache_dir, keys.WHEELS, access)) if access.read else ()


def usage(cache_dir: str) -> dict[str, tuple[int, int]]:
    """Files and bytes of each directory of ours in the cache, by its name."""
    return {name: sweep.measure(os.path.join(cache_dir, name)) for name in sweep.ours(cache_dir)}


def prune(cache_dir: str) -> Cleaned:
    """Remove what no environment shares and nobody installed from for long, with its bytecode; and old pages.

    Raises:
        TargetError: The cache may not be changed.
    """
    access = access_to(cache_dir)
    if not disk.lexists(cache_dir):
        return Cleaned()
    if not access.add:
        raise TargetError(
            f"The cache {cache_dir} cannot be pruned: {access.reason}.", hint=f"See who may: ls -ld {cache_dir}"
        )
    pruning = _Pruning(cache_dir, access)
    pruning.wheels()
    pruning.bytecode()
    pruning.pages()
    return Cleaned(files=pruning.files, bytes=pruning.bytes, left=tuple(pruning.left))


def verify_all(cache_dir: str) -> Verified:
    """Hash every file of every wheel and of its bytecode, and drop the entries that are not what they were."""
    access = access_to(cache_dir)
    if not access.read:
        return Verified(entries=0)
    count = 0
    damaged: list[str] = []
    for kind, is_sound in ((keys.WHEELS, _is_sound_wheel), (keys.BYTECODE, _is_sound_bytecode)):
        for path in _entries(cache_dir, kind, access):
            count += 1
            judged = sweep.identity(path)
            if not is_sound(path, renew=access.add):
                damaged.append(path)
                if access.add:
                    sweep.drop(os.path.join(cache_dir, kind), path, judged)
    return Verified(entries=count, damaged=tuple(damaged), left=tuple(filter(disk.lexists, damaged)))


class _Pruning:
    """What goes, counted."""

    def __init__(self, cache_dir: str, access: Access) -> None:
        self._cache = cache_dir
        self._access = access
        self._now_ns = _now(cache_dir)
        self.files = 0
        self.bytes = 0
        self.left: list[str] = []

    def wheels(self) -> None:
        for entry in wheels(self._cache):
            if self._is_old(entry.used_ns) and not _is_shared(os.path.join(entry.path, keys.TREE)):
                self._drop(keys.WHEELS, entry.path, entry.identity)
        self._sweep(keys.WHEELS)

    def bytecode(self) -> None:
        for path in _entries(self._cache, keys.BYTECODE, self._access):
            wheel = os.path.join(self._cache, keys.wheel_entry(os.path.basename(path)))
            if not disk.lexists(wheel) and not disk.lexists(f"{wheel}-unverified"):
                self._drop(keys.BYTECODE, path, sweep.identity(path))
        self._sweep(keys.BYTECODE)

    def pages(self) -> None:
        for kind in _SMALL:
            for path in _entries(self._cache, kind, self._access):
                identity = sweep.identity(path)
                if identity is not None and self._is_old(identity[1]):
                    self._drop(kind, path, identity)
            self._sweep(kind)

    def _is_old(self, used_ns: int) -> bool:
        return self._now_ns - used_ns > UNUSED_NS

    def _sweep(self, kind: str) -> None:
        sweep.sweep(os.path.join(self._cache, kind), now_ns=self._now_ns)

    def _drop(self, kind: str, path: str, judged: tuple[int, int] | None) -> None:
        files, size = sweep.measure(path)
        sweep.drop(os.path.join(self._cache, kind), path, judged)
        if disk.lexists(path):
            self.left.append(path)
        else:
            self.files, self.bytes = self.files + files, self.bytes + size


def _entries(cache_dir: str, kind: str, access: Access) -> Iterator[str]:
    """The entries of one kind that those made who are believed: ``<kind>/ab/abcdef...``."""
    versioned = os.path.join(cache_dir, kind)
    for first in _names(versioned):
        parent = os.path.join(versioned, first)
        try:
            check_way(parent, cache_dir, access.trusted)
        except OSError:
            continue
        yield from (os.path.join(parent, name) for name in _names(parent))


def _names(directory: str) -> list[str]:
    try:
        return sorted(name for name in disk.listdir(directory) if not name.startswith("."))
    except OSError:
        return []


def _entry(path: str) -> Entry:
    identity, listed = sweep.identity(path), os.path.join(path, keys.MANIFEST)
    try:
        used_ns = disk.lstat(listed).st_mtime_ns
        found = manifest.from_bytes(disk.read_regular(listed, limit=_LIMIT))
    except OSError:
        used_ns, found = 0, None
    return Entry(path=path, identity=identity, manifest=found, used_ns=used_ns)


def _is_sound_wheel(path: str, *, renew: bool) -> bool:
    found = _entry(path).manifest
    if found is None or not os.path.basename(path).startswith(found.sha256):
        return False
    try:
        with disk.opened(os.path.join(path, keys.TREE)) as tree:
            return verify.compare(tree, found, sealed_ns=None, renew=renew) is not verify.Health.DAMAGED
    except (OSError, ValueError):
        return False


def _is_sound_bytecode(path: str, *, renew: bool) -> bool:
    del renew
    try:
        return all(_is_sound_tag(os.path.join(path, tag)) for tag in disk.listdir(path))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return False


def _is_sound_tag(entry: str) -> bool:
    listed = json.loads(disk.read_regular(os.path.join(entry, bytecode.FILES), limit=_LIMIT))
    for member, (size, digest) in listed.items():
        fd = disk.open_regular(f"{entry}/{member}c")
        try:
            if disk.fstat(fd).st_size != size or verify.digest_of(fd) != digest:
                return False
        finally:
            disk.close(fd)
    return True


def _is_shared(directory: str) -> bool:
    """Whether a file in a tree has another name somewhere: in an environment."""
    if not disk.is_directory(directory):
        return False
    for entry in disk.scandir(directory):
        path = os.path.join(directory, entry.name)
        if _is_shared(path) if entry.is_dir(follow_symlinks=False) else disk.lstat(path).st_nlink > 1:
            return True
    return False


def _now(cache_dir: str) -> int:
    """The time by the clock of the machine that keeps the files."""
    fresh = sweep.fresh_path(cache_dir)
    disk.mkdir(fresh)
    try:
        return disk.lstat(fresh).st_mtime_ns
    finally:
        disk.rmdir(fresh)
