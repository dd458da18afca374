"""Which file names are distributions, and of which project. Pure.

Only as much as listings need; whether a wheel fits is decided by the rules of ``resolve``.
"""

from __future__ import annotations

from functools import lru_cache

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from holdfast.model.filenames import SDIST_SUFFIXES, is_filename

WHEEL = ".whl"
OTHERS = (".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg", ".dumb")
"""Formats of old that still stand on index pages; nobody installs them."""

_KNOWN = (WHEEL, *SDIST_SUFFIXES, *OTHERS)


def is_distribution(filename: str) -> bool:
    """Whether a file name is one that an index page lists."""
    return filename.endswith(_KNOWN) and is_filename(filename)


def is_reachable(url: str, page_url: str) -> bool:
    """Whether a link may be followed: to a server, or from a local page to a local file; never from a server to one."""
    return url.startswith(("https://", "http://")) or (url.startswith("file:") and page_url.startswith("file:"))


def project_of(filename: str) -> NormalizedName | None:
    """The project that a wheel or sdist is of, by its name alone; None if it is neither."""
    name, _ = _parts(filename)
    return canonicalize_name(name) if name else None


def version_of(filename: str) -> Version | None:
    """The version that a wheel or sdist is of, by its name alone; None if that cannot be told."""
    return _version(_parts(filename)[1])


@lru_cache(maxsize=4096)
def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _parts(filename: str) -> tuple[str, str]:
    if filename.endswith(WHEEL):
        name, _, rest = filename.partition("-")
        return name, rest.partition("-")[0]
    for suffix in SDIST_SUFFIXES:
        if filename.endswith(suffix):
            name, _, version = filename.removesuffix(suffix).rpartition("-")
            return name, version
    return "", ""
