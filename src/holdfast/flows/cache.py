"""``cache``: what is in the cache directory, and what goes."""

from __future__ import annotations

from holdfast.store.sweep import Cleaned, clean
from holdfast.store.upkeep import Entry, Verified, prune, usage, verify_all, wheels

__all__ = ["Cleaned", "Entry", "Verified", "clean", "prune", "usage", "verify_all", "wheels"]
