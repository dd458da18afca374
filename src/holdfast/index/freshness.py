"""A kept page and how long it may be used unasked (RFC 9111, as far as an index needs it). Pure: the time is given."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

LONGEST = 600.0
"""Seconds. A server may claim more; a release that is out for longer must be seen."""

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,10})", re.IGNORECASE | re.ASCII)
_FORBIDDEN = re.compile(r"(?:^|[,\s])no-store(?:[,\s]|$)", re.IGNORECASE)
_UNFRESH = re.compile(r"(?:^|[,\s])no-cache(?:[,=\s]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is kept beside a page.

    Attributes:
        etag: For If-None-Match.
        modified: Last-Modified, for If-Modified-Since.
        asked: When the server was asked last, seconds since the epoch.
        lifetime: Seconds from then on.
        digest: Of the body: the same body need not be parsed again.
    """

    etag: str | None
    modified: str | None
    asked: float
    lifetime: float
    digest: str

    def is_fresh(self, now: float) -> bool:
        """Whether the page may be used unasked; a clock that went back makes it stale."""
        return self.asked <= now < self.asked + self.lifetime

    @property
    def conditions(self) -> dict[str, str]:
        """Request headers by which the server can say that nothing changed."""
        said = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in said.items() if value is not None}


def head_of(headers: Mapping[str, str], digest: str, now: float, previous: Head | None = None) -> Head | None:
    """What to keep of a reply; None: it must not be kept, or keeping it is of no use.

    Args:
        headers: Of a 200 or 304, lower-case names.
        digest: Of the body.
        now: Seconds since the epoch.
        previous: What was kept, for a 304 that does not repeat the validators.
    """
    control = headers.get("cache-control", "")
    if _FORBIDDEN.search(control):
        return None
    age = _MAX_AGE.search(control)
    lifetime = 0.0 if age is None or _UNFRESH.search(control) else min(float(age[1]), LONGEST)
    spent = headers.get("age", "")
    if spent.isascii() and spent.isdigit():
        lifetime = max(0.0, lifetime - float(spent[:10]))
    return Head(
        etag=headers.get("etag") or (previous.etag if previous else None),
        modified=headers.get("last-modified") or (previous.modified if previous else None),
        asked=now,
        lifetime=lifetime,
        digest=digest,
    )


def join(head: Head, page: bytes) -> bytes:
    """What is kept: the head on the first line, the page on the second."""
    return json.dumps(asdict(head)).encode("ascii") + b"\n" + page


def split(data: bytes) -> tuple[Head, bytes]:
    """What `join` made.

    Raises:
        ValueError: It is something else.
    """
    first, newline, page = data.partition(b"\n")
    try:
        said = json.loads(first)
        head = Head(
            etag=_text(said["etag"]),
            modified=_text(said["modified"]),
            asked=float(said["asked"]),
            lifetime=min(float(said["lifetime"]), LONGEST),
            digest=str(said["digest"]),
        )
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError("not a page from the cache") from error
    if not newline:
        raise ValueError("not a page from the cache")
    return head, page


def _text(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and value.isascii() and value.isprintable()):
        raise TypeError
    return value
