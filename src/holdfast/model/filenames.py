"""Names of distributions' files, and where they stand in URLs. Pure."""

from __future__ import annotations

from urllib.parse import unquote

SDIST_SUFFIXES = (".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar.lzma", ".tar.Z", ".tar")
"""Formats of source distributions, those of old included."""


def filename_of(url: str) -> str:
    """The last component of a URL's path, decoded."""
    path = url.partition("#")[0].partition("?")[0].rstrip("/")
    last = path.rpartition("/")[2]
    return unquote(last) if "%" in last else last
