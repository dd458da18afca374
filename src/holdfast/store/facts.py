"""Remembered facts of interpreters, in the cache (``target.facts.FactsCache`` is what it implements).

**Guarantees**: a file is complete or not there; nothing here ever raises: a cache that cannot be used remembers
nothing.

**On crash**: at most a temporary file is left, in ``interpreters-v1/``.

**Limits**: nothing is ever forgotten by itself; ``holdfast cache clean`` takes the whole directory.
"""

from __future__ import annotations

import os
import uuid

from holdfast import disk

DIRECTORY = "interpreters-v1"
_LIMIT = 1024 * 1024


class StoredFacts:
    """Facts below a cache directory.

    Args:
        cache_dir: Absolute; need not exist.
    """

    def __init__(self, cache_dir: str) -> None:
        self._directory = os.path.join(cache_dir, DIRECTORY)

    def get(self, key: str) -> bytes | None:
        """What was put under a key."""
        try:
            return disk.read_regular(os.path.join(self._directory, f"{key}.json"), limit=_LIMIT)
        except OSError:
            return None

    def put(self, key: str, data: bytes) -> None:
        """Keep an answer; the last one wins."""
        beside = os.path.join(self._directory, f".{uuid.uuid4().hex}")
        try:
            disk.make_parents(self._directory)
            try:
                disk.write_new(beside, data, mode=0o644)
                disk.rename(beside, os.path.join(self._directory, f"{key}.json"))
            except BaseException:
                disk.unlink(beside)
                raise
        except OSError:
            return
