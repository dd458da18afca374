"""URLs as they may be kept, compared and shown: without what is secret in them. Pure; never fails, whatever the text.

What is said here of a URL holds for any text with URLs in it (``name @ https://...``).
"""

from __future__ import annotations

import re

_USER = re.compile(r"(?<=://)[^/?#\s]*@")
_PUBLIC = re.compile(r"(git|\$\{[A-Za-z0-9_-]+\}(:\$\{[A-Za-z0-9_-]+\})?)@")
_QUERY = re.compile(r"[?#]\S*")


def without_credentials(url: str) -> str:
    """Without user and password: for comparing, and for messages about what a person wrote."""
    return _USER.sub("", url)


def as_recorded(url: str) -> str:
    """As PEP 610 wants it in ``direct_url.json``, and so in every output that is kept.

    Without user and password, unless these are only names of environment variables (``${TOKEN}``), or ``git``, the user
    that every server has.
    """
    return _USER.sub(lambda found: found[0] if _PUBLIC.fullmatch(found[0]) else "", url)


def printable_url(url: str) -> str:
    """For messages: without user, password, query and fragment; tokens live there."""
    return without_credentials(_QUERY.sub("", url))
