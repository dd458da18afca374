"""METADATA of a wheel that stays where it is: the end of the archive by range requests (RFC 9110, 14).

**Guarantees**: what cannot be had by ranges (a server without them, or one that lies about them, an archive that is
none) is None, and the caller downloads the wheel. Nothing is believed that the wheel itself must confirm later.

**On crash**: holds nothing on disk.

**Limits**: a small wheel that comes whole instead of in parts is used; a large one is not read on.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterable, Iterator, Mapping

from holdfast.fetch.addresses import parse_address
from holdfast.fetch.exchange import BrokenError
from holdfast.fetch.http import ABSENT, HANDLED, Client
from holdfast.fetch.retry import Attempts
from holdfast.model.metadata import METADATA_LIMIT

TAIL = 32 * 1024
"""Bytes of the first request: central directory and METADATA of most wheels."""

SMALL = 512 * 1024
_HANDLED = HANDLED | {400, 405, 416, 501}
_PARTIAL = 206
_WHOLE = 200
_BOUNDED = (0, 8)
"""Stored, deflated: the others of `zipfile` inflate without bound whatever is asked for."""
_LIST_LIMIT = 4 << 20
"""Most bytes of one part: the list of 30,000 members. A wheel that has more is downloaded."""
_INFO_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")


class NoRangesError(Exception):
    """The server does not do what was asked; ``for_good``: it will not for other files either."""

    def __init__(self, *, for_good: bool = False) -> None:
        super().__init__()
        self.for_good = for_good


class AbsentError(Exception):
    """404 or 410: there is no such file."""


class RangeReader:
    """Reads METADATA of remote wheels; remembers which places have no ranges. Safe to share between threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._without: set[tuple[str, str, int]] = set()

    def metadata(self, url: str) -> bytes | None:
        """The bytes of METADATA; None: not to be had this way.

        Raises:
            AbsentError: There is no such wheel.
            NetworkError: The server cannot be reached or fails.
        """
        origin = parse_address(url).origin
        if origin in self._without:
            return None
        try:
            return metadata_member(_RemoteFile(self._client, url))
        except NoRangesError as error:
            if error.for_good:
                with self._lock:
                    self._without.add(origin)
            return None


def metadata_member(file: io.BufferedIOBase) -> bytes | None:
    """The one ``*.dist-info/METADATA`` of an archive; None if there is not exactly one that can be read."""
    import zipfile  # noqa: PLC0415 - a warm cache does without
    import zlib  # noqa: PLC0415 - as zipfile

    try:
        with zipfile.ZipFile(file) as archive:
            names = [
                name for name in archive.namelist() if name.endswith("/METADATA") and _INFO_METADATA.fullmatch(name)
            ]
            if len(names) != 1:
                return None
            if archive.getinfo(names[0]).compress_type not in _BOUNDED:
                return None
            with archive.open(names[0]) as member:
                data = member.read(METADATA_LIMIT + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, EOFError, RuntimeError, OSError):
        return None
    return data if len(data) <= METADATA_LIMIT else None


def local_metadata(path: str) -> bytes | None:
    """The same of a wheel that is a file here, looked at as the store does; None: the store says what is wrong with it.

    Raises:
        OSError: It cannot be read.
    """
    from holdfast.store.archive import Archive  # noqa: PLC0415 - as zipfile
    from holdfast.store.contents import find_info  # noqa: PLC0415 - as zipfile
    from holdfast.store.faults import WheelFault  # noqa: PLC0415 - as zipfile

    try:
        with Archive(path) as archive:
            member = archive.members.get(f"{find_info(archive.members)}/METADATA")
            return None if member is None else archive.read(member, METADATA_LIMIT)
    except WheelFault:
        return None


class _RemoteFile(io.BufferedIOBase):
    """A seekable file over ranges: its end is fetched first, other parts when they are read."""

    def __init__(self, client: Client, url: str) -> None:
        super().__init__()
        self._client = client
        self._url = url
        self._attempts: Attempts = client.attempts()
        self._position = 0
        self._validator: str | None = None
        self._size, start, data = self._fetch(f"bytes=-{TAIL}", None)
        self._parts: list[tuple[int, bytes]] = [(start, data)]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        start = self._position
        end = self._size if size is None or size < 0 else min(self._size, start + size)
        if end <= start:
            return b""
        data = self._held(start, end)
        if data is None:
            data = self._missing(start, end)
        self._position = end
        return data

    def _held(self, start: int, end: int) -> bytes | None:
        for offset, part in self._parts:
            if offset <= start and end <= offset + len(part):
                return part[start - offset : end - offset]
        return None

    def _missing(self, start: int, end: int) -> bytes:
        """Fetch what is read, and a little around it: a member follows its header, a directory its last members."""
        known = next((offset for offset, part in self._parts if start < offset <= end <= offset + len(part)), None)
        if end - start > _LIST_LIMIT:
            raise NoRangesError
        first = start if known is None else max(0, start - TAIL)
        last = min(self._size, max(end, start + TAIL)) if known is None else known
        size, offset, data = self._fetch(f"bytes={first}-{last - 1}", (first, last))
        if size != self._size:
            raise NoRangesError
        if known is not None:
            index = next(i for i, (at, _) in enumerate(self._parts) if at == known)
            data += self._parts.pop(index)[1]
        self._parts.insert(0, (offset, data))
        held = self._held(start, end)
        if held is None:
            raise NoRangesError
        return held

    def _fetch(self, wanted: str, bounds: tuple[int, int] | None) -> tuple[int, int, bytes]:
        """(size of the whole, offset, bytes) of one part."""
        headers = {"Range": wanted, "Accept-Encoding": "identity", "Cache-Control": "no-transform"}
        if self._validator is not None:
            headers["If-Range"] = self._validator
        while True:
            with self._client.stream(self._url, headers=headers, handled=_HANDLED, attempts=self._attempts) as answer:
                if answer.status in ABSENT:
                    raise AbsentError
                small = answer.status == _WHOLE and _length(answer.headers) <= SMALL
                if answer.status != _PARTIAL and not small:
                    raise NoRangesError(for_good=answer.status != 416)  # noqa: PLR2004 - the status says it
                try:
                    data = b"".join(_at_most(SMALL if small else _asked(bounds), answer.chunks()))
                except BrokenError as error:
                    self._attempts.again(answer.url, error.failure.error, error.failure.reason)
                    continue
                self._validator = strong_validator(answer.headers)
                if small:
                    return len(data), 0, data
                return _checked(answer.headers.get("content-range", ""), data, bounds)


def _asked(bounds: tuple[int, int] | None) -> int:
    return TAIL if bounds is None else bounds[1] - bounds[0]


def _at_most(limit: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        limit -= len(chunk)
        if limit < 0:
            raise NoRangesError(for_good=True)
        yield chunk


def _checked(said: str, data: bytes, bounds: tuple[int, int] | None) -> tuple[int, int, bytes]:
    part = parse_content_range(said)
    if part is None:
        raise NoRangesError(for_good=True)
    first, end, size = part
    if len(data) != end - first or (bounds is None and end != size) or (bounds is not None and (first, end) != bounds):
        raise NoRangesError
    return size, first, data


def parse_content_range(value: str) -> tuple[int, int, int] | None:
    """``bytes 5-9/100`` as (first, end, size), end not included; None for anything else, ``*`` included."""
    form = re.fullmatch(r"bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18})", value.strip(), re.ASCII)
    if form is None:
        return None
    first, end, size = int(form[1]), int(form[2]) + 1, int(form[3])
    return (first, end, size) if first < end <= size else None


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """What If-Range may carry: a strong ETag, else Last-Modified (RFC 9110, 13.1.5)."""
    etag = headers.get("etag", "")
    if etag.startswith('"'):
        return etag
    return headers.get("last-modified")


def _length(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else SMALL + 1
