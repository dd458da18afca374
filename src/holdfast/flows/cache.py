"""``cache clean``."""

from __future__ import annotations

from holdfast.store.sweep import Cleaned, clean

__all__ = ["Cleaned", "clean_cache"]


def clean_cache(cache_dir: str | None) -> Cleaned:
    """Empty the cache directory; nothing is done where there is none."""
    return clean(cache_dir) if cache_dir is not None else Cleaned()
