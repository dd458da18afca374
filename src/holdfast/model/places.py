"""One name for one place: between absolute paths and (scheme, relative path).

The directories of a scheme lie inside one another (``data`` is usually the prefix that holds all the others), so a
path could be named in several ways. The rule: the deepest scheme directory that contains it names it, and of equal
directories the first in the order of :class:`SchemeKey`. The scheme's directories are taken as they stand: who makes
the scheme resolves symlinks in them, so that this module needs no disk.
"""

from __future__ import annotations

import posixpath
from functools import lru_cache

from holdfast.model.changes import Place
from holdfast.model.target import Scheme, SchemeKey


@lru_cache(maxsize=16)
def _deepest_first(scheme: Scheme) -> tuple[tuple[str, SchemeKey], ...]:
    """The distinct directories with a trailing slash, longest first, each with the key that names it."""
    named: dict[str, SchemeKey] = {}
    for key in SchemeKey:
        named.setdefault(posixpath.normpath(scheme.directory(key)).rstrip("/") + "/", key)
    return tuple(sorted(named.items(), key=lambda item: len(item[0]), reverse=True))


def place_of(scheme: Scheme, path: str) -> Place:
    """Name an absolute path.

    Args:
        scheme: Of the target.
        path: Absolute; ``.`` and ``..`` are resolved lexically.

    Raises:
        ValueError: It lies in none of the scheme's directories.
    """
    inside = posixpath.normpath(path)
    for directory, key in _deepest_first(scheme):
        if inside.startswith(directory):
            return Place(scheme=key, path=inside[len(directory) :])
        if inside == directory[:-1]:
            return Place(scheme=key, path="")
    raise ValueError(f"{path} lies outside of the installation scheme")


def absolute(scheme: Scheme, place: Place) -> str:
    """The absolute path of a place; the inverse of :func:`place_of`."""
    return posixpath.join(scheme.directory(place.scheme), place.path) if place.path else scheme.directory(place.scheme)
