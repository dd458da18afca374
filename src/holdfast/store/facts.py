"""Remembered facts of interpreters, in the cache (``target.facts.FactsCache`` is what it implements).

**Guarantees**: a file is complete or not there; only what this user or root has written is believed, also where a group
shares the cache: facts say where things are installed. Nothing here ever raises: a cache that cannot be used remembers
nothing.

**On crash**: a file named ``.adding-*`` is left, which the next writer removes when it is an hour old.

**Limits**: nothing is ever forgotten by itself; ``holdfast cache clean`` takes the whole directory.
"""

from __future__ import annotations

import os

from holdfast import disk
from holdfast.store.access import access_to, check_way
from holdfast.store.sharing import make_directories
from holdfast.store.sweep import fresh_path, sweep

DIRECTORY = "interpreters-v1"
_LIMIT = 1024 * 1024


class StoredFacts:
    """Facts below a cache directory.

    Args:
        cache_dir: Absolute; need not exist.
    """

    def __init__(self, cache_dir: str) -> None:
        self._access = access_to(cache_dir)
        self._directory = os.path.join(cache_dir, DIRECTORY)

    def get(self, key: str) -> bytes | None:
        """What this user, or root, has put under a key."""
        if not self._access.read:
            return None
        for uid in dict.fromkeys((os.geteuid(), 0)):
            try:
                check_way(self._directory, os.path.dirname(self._directory), self._access.trusted)
                fd = disk.open_regular(self._path(key, uid))
            except OSError:
                continue
            try:
                if disk.fstat(fd).st_uid == uid:
                    return disk.read(fd, _LIMIT)
            except OSError:
                continue
            finally:
                disk.close(fd)
        return None

    def put(self, key: str, data: bytes) -> None:
        """Keep an answer; the last one wins."""
        if not self._access.add:
            return
        litter = fresh_path(self._directory)
        try:
            make_directories(self._directory, root=os.path.dirname(self._directory))
            try:
                disk.write_new(litter, data, mode=0o644)
                sweep(self._directory, now_ns=disk.lstat(litter).st_mtime_ns)
                disk.rename(litter, self._path(key, os.geteuid()))
            except BaseException:
                disk.remove_tree(litter)
                raise
        except OSError:
            return

    def sample(self) -> str | None:
        """A file of this user's, there once an interpreter was asked: to try how files come from the cache."""
        try:
            names = sorted(disk.listdir(self._directory)) if self._access.read else []
        except OSError:
            return None
        own = (name for name in names if name.endswith(f"-{os.geteuid()}.json"))
        return next((os.path.join(self._directory, name) for name in own), None)

    def _path(self, key: str, uid: int) -> str:
        return os.path.join(self._directory, f"{key}-{uid}.json")
