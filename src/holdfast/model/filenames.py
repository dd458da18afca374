"""Names of distributions' files, and where they stand in URLs. Pure."""

from __future__ import annotations

from urllib.parse import unquote

LONGEST = 255
"""Bytes of a file's name on any file system."""

SDIST_SUFFIXES = (".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar.lzma", ".tar.Z", ".tar")
"""Formats of source distributions, those of old included."""


def is_filename(name: str) -> bool:
    """Whether a text can be the name of a file everywhere, and be shown as it is."""
    if not name or len(name) > LONGEST or "/" in name or "\\" in name or not name.isprintable():
        return False
    return name.isascii() or len(name.encode()) <= LONGEST


def filename_of(url: str) -> str:
    """The last component of a URL's path, decoded."""
    path = url.partition("#")[0].partition("?")[0].rstrip("/")
    last = path.rpartition("/")[2]
    return unquote(last) if "%" in last else last
