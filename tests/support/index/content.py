"""One resource answered as HTTP says: validators, 304, ranges, freshness (RFC 9110, 9111). Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.index.behaviours import Reply

LAST_MODIFIED = "Mon, 01 Jan 2024 00:00:00 GMT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """What the server offers.

    Args:
        etag: whether replies carry an ETag.
        last_modified: whether replies carry Last-Modified.
        max_age: seconds in Cache-Control; None: no such header.
        ranges: whether Range is looked at, and offered.
    """

    etag: bool = True
    last_modified: bool = False
    max_age: int | None = 600
    ranges: bool = True


def answer(body: bytes, media_type: str, headers: Mapping[str, str], manners: Manners, *, ranged: bool) -> Reply:
    """The honest reply to GET; `headers` are the request's, names in lower case.

    Args:
        body: the whole resource.
        media_type: its Content-Type.
        headers: of the request.
        manners: what the server offers.
        ranged: whether this resource is one that ranges are offered for (a file).
    """
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    said = {"Content-Type": media_type, "Vary": "Accept"}
    if manners.etag:
        said["ETag"] = etag
    if manners.last_modified:
        said["Last-Modified"] = LAST_MODIFIED
    if manners.max_age is not None:
        said["Cache-Control"] = f"max-age={manners.max_age}, public"
    if ranged and manners.ranges:
        said["Accept-Ranges"] = "bytes"
    if _unchanged(headers, manners, etag):
        said.pop("Content-Type")
        return Reply(status=304, headers=said)
    wanted = headers.get("range")
    if wanted is None or not ranged or not manners.ranges:
        return Reply(status=200, headers=said, body=body)
    if headers.get("if-range", etag) not in {etag, LAST_MODIFIED}:
        return Reply(status=200, headers=said, body=body)
    return _part(body, wanted, said)


def _unchanged(headers: Mapping[str, str], manners: Manners, etag: str) -> bool:
    if manners.etag and "if-none-match" in headers:
        return etag in headers["if-none-match"] or headers["if-none-match"] == "*"
    return manners.last_modified and headers.get("if-modified-since") == LAST_MODIFIED


def _part(body: bytes, wanted: str, said: dict[str, str]) -> Reply:
    form = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
    if form is None or form[0] == "bytes=-":
        return Reply(status=200, headers=said, body=body)  # several parts, or not understood: allowed
    total = len(body)
    if form[1]:
        start, stop = int(form[1]), min(int(form[2]) + 1 if form[2] else total, total)
    else:
        start, stop = max(0, total - int(form[2])), total
    if start >= stop:
        return Reply(status=416, headers={"Content-Range": f"bytes */{total}"})
    part = {**said, "Content-Range": f"bytes {start}-{stop - 1}/{total}"}
    return Reply(status=206, headers=part, body=body[start:stop])
