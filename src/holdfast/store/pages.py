"""Index pages and parsed metadata in the cache directory: small files by key, replaced by rename.

**Guarantees**: a file is there whole or not at all. A cache that cannot be read or written is silently done without
(`holdfast.store.wheels` says the one line).

**On crash**: a file named ``.adding-*`` is left, which the next writer removes when it is an hour old.

**Limits**: of two who write one key at once the last wins; nothing is synced, so power loss may leave an empty or torn
file: readers must take any content as untrusted text.
"""

from __future__ import annotations

import os
import threading
from enum import StrEnum
from hashlib import sha256

from holdfast import disk
from holdfast.store import sharing, sweep
from holdfast.store.access import NOWHERE, Access, access_to, check_way

_LIMIT = 256 * 1024 * 1024


class _Kind(StrEnum):
    """What is kept, each in its versioned directory."""

    PAGES = "pages-v1"
    METADATA = "metadata-v1"


class PageCache:
    """Bytes by kind and key. Safe to share between threads.

    Args:
        root: The cache directory; None: nothing is found and nothing kept.
    """

    def __init__(self, root: str | None) -> None:
        self._root = root or ""
        self._access: Access = access_to(root) if root else NOWHERE
        self._lock = threading.Lock()
        self._swept: set[_Kind] = set()

    def read_page(self, key: str) -> bytes | None:
        """What was kept of an index page, if it can be had."""
        return self._read(_Kind.PAGES, key)

    def write_page(self, key: str, data: bytes, *, private: bool = False) -> None:
        """Keep an index page, or do without.

        Args:
            key: Any text.
            data: Replaces what was there.
            private: Only this user may read it (it was obtained with credentials).
        """
        self._write(_Kind.PAGES, key, data, private=private)

    def read_metadata(self, key: str) -> bytes | None:
        """What was kept of a wheel's metadata, if it can be had."""
        return self._read(_Kind.METADATA, key)

    def write_metadata(self, key: str, data: bytes, *, private: bool = False) -> None:
        """Keep a wheel's metadata, or do without; as `write_page`."""
        self._write(_Kind.METADATA, key, data, private=private)

    def _read(self, kind: _Kind, key: str) -> bytes | None:
        if not self._access.read:
            return None
        path = self._path(kind, key)
        try:
            check_way(os.path.dirname(path), self._root, self._access.trusted)
            fd = disk.open_regular(path)
        except OSError:
            return None
        try:
            if self._access.trusted is not None and disk.fstat(fd).st_uid not in self._access.trusted:
                return None
            return disk.read(fd, _LIMIT)
        except OSError:
            return None
        finally:
            disk.close(fd)

    def _write(self, kind: _Kind, key: str, data: bytes, *, private: bool = False) -> None:
        if not self._access.add:
            return
        path = self._path(kind, key)
        versioned = os.path.join(self._root, kind)
        litter = sweep.fresh_path(versioned)
        mode = 0o600 if private else 0o664 if self._access.shared else 0o644
        try:
            sharing.make_directories(os.path.dirname(path), root=self._root)
            try:
                disk.write_new(litter, data, mode=mode)
                self._sweep(kind, versioned, litter)
                disk.rename(litter, path)
            except BaseException:
                disk.remove_tree(litter)
                raise
        except OSError:
            with self._lock:  # full, read-only, foreign: once is enough
                self._access = Access(read=self._access.read, add=False, trusted=self._access.trusted)

    def _path(self, kind: _Kind, key: str) -> str:
        name = sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return os.path.join(self._root, kind, name[:2], name)

    def _sweep(self, kind: _Kind, versioned: str, fresh: str) -> None:
        with self._lock:
            if kind in self._swept:
                return
            self._swept.add(kind)
        sweep.sweep(versioned, now_ns=disk.lstat(fresh).st_mtime_ns)
