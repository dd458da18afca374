"""The metadata of a wheel, by the cheapest way that works: cache, sidecar, ranges, the whole wheel.

**Guarantees**: a sidecar has the hash that the page promised. Name and version are those of the file's name. Whether
the wheel itself agrees is checked when it is downloaded (``fetch.jobs.check_metadata``).

**On crash**: holds nothing on disk by itself.

**Limits**: metadata of a wheel that has no sha256 on its page is not kept from one command to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import new as new_hash

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from holdfast.errors import IntegrityError, NetworkError, UnsatisfiableError, UnusableMetadataError
from holdfast.events import Detail, Reporter
from holdfast.fetch.http import ABSENT, Client
from holdfast.fetch.jobs import read_stored_metadata
from holdfast.fetch.local import path_of
from holdfast.fetch.ranges import AbsentError, RangeReader, local_metadata
from holdfast.index.cache import ByteCache
from holdfast.index.metadata_text import decode, encode
from holdfast.model.hashes import Hash
from holdfast.model.metadata import METADATA_LIMIT, Metadata, parse_metadata
from holdfast.model.resolution import DirectWheel, IndexWheel
from holdfast.model.stored import StoredWheel
from holdfast.model.urls import printable_url

Whole = Callable[[IndexWheel | DirectWheel], StoredWheel]
"""Downloads a wheel to the store: the last resort. Called by the asking thread first, from then on by any."""

_CHECKED = ("sha256", "sha384", "sha512", "sha224", "sha1", "md5")


class NeedsWholeError(Exception):
    """Only the wheel itself can tell, and the asking thread has to be the first to fetch one."""


class MetadataReader:
    """Reads metadata of wheels. Safe to share between threads.

    Args:
        client: Asks the servers.
        cache: Keeps what was parsed.
        whole: Gets the wheel itself where nothing else works.
        reporter: Told of sidecars that are announced and not there.
    """

    def __init__(self, client: Client, cache: ByteCache, whole: Whole, reporter: Reporter) -> None:
        self._client = client
        self._cache = cache
        self._whole = whole
        self._reporter = reporter
        self._ranges = RangeReader(client)
        self._primed = False

    def read(self, wheel: IndexWheel | DirectWheel, *, ahead: bool = False) -> Metadata:
        """The metadata of one wheel.

        Args:
            wheel: Which.
            ahead: Nobody waits for it yet, and this is not the asking thread.

        Raises:
            NeedsWholeError: ``ahead``, and no wheel was downloaded yet by the asking thread.
            NetworkError: The wheel is not there, or its server fails.
            IntegrityError: The sidecar has not its promised hash, or the wheel is none.
            UnusableMetadataError: The metadata is none, or that of another distribution.
            UnsatisfiableError: There is no such wheel.
        """
        filename, url = place_of(wheel)
        key = None if url.startswith("file:") else cache_key(wheel)
        if key is not None and (kept := self.kept(key)) is not None:
            return kept
        metadata = self._obtain(wheel, filename, url, ahead=ahead)
        check_identity(filename, metadata)
        if key is not None:
            self._cache.write_metadata(key, encode(metadata), private=self._client.user_of(url) is not None)
        return metadata

    def kept(self, key: str) -> Metadata | None:
        """What the cache has."""
        data = self._cache.read_metadata(key)
        try:
            return None if data is None else decode(data)
        except ValueError:
            return None

    def _obtain(self, wheel: IndexWheel | DirectWheel, filename: str, url: str, *, ahead: bool) -> Metadata:
        if url.startswith("file:"):
            data = _local(path_of(url))
            if data is None:  # the store says what is wrong with it
                return read_stored_metadata(self._whole(wheel))
            return _parse(data, filename, url)
        if isinstance(wheel, IndexWheel) and wheel.file.sidecar is not None:
            data = self._sidecar(url, wheel.file.sidecar)
            if data is not None:
                return _parse(data, filename, url)
        try:
            data = self._ranges.metadata(url)
        except AbsentError as error:
            raise NetworkError(
                f"{filename} is not there: {printable_url(url)} answered 404.",
                hint="The same command later: the index may be out of step with its files.",
            ) from error
        if data is not None:
            return _parse(data, filename, url)
        if ahead and not self._primed:
            raise NeedsWholeError
        stored = self._whole(wheel)
        self._primed = True
        return read_stored_metadata(stored)

    def _sidecar(self, url: str, hashes: tuple[Hash, ...]) -> bytes | None:
        """The bytes of ``URL.metadata`` (PEP 658); None: announced, but not there."""
        base, mark, query = url.partition("?")
        where = f"{base}.metadata{mark}{query}"
        reply = self._client.get(where, limit=METADATA_LIMIT)
        if reply.status in ABSENT:
            self._reporter.emit(Detail(text=f"{printable_url(where)} is announced, but not there ({reply.status})."))
            return None
        for each in hashes:
            if each.algorithm not in _CHECKED:
                continue
            got = new_hash(each.algorithm, reply.body, usedforsecurity=False).hexdigest()
            if got != each.digest:
                raise IntegrityError(
                    f"{printable_url(where)} has not the hash that the index promised.",
                    hint="The same command again; if it stays so, tell whoever runs the index.",
                    details=(f"expected {each}", f"got      {each.algorithm}:{got}"),
                )
        return reply.body


def place_of(wheel: IndexWheel | DirectWheel) -> tuple[str, str]:
    """File name and URL."""
    if isinstance(wheel, IndexWheel):
        return wheel.file.filename, wheel.file.url
    return wheel.filename, wheel.direct.url


def cache_key(wheel: IndexWheel | DirectWheel) -> str | None:
    """By content: the sidecar's digest if there is one (it may lie about the wheel), else the wheel's."""
    hashes = wheel.file.hashes if isinstance(wheel, IndexWheel) else wheel.direct.hashes
    kind = "wheel"
    if isinstance(wheel, IndexWheel) and wheel.file.sidecar is not None:
        hashes, kind = wheel.file.sidecar, "sidecar"
    digest = next((each.digest for each in hashes if each.algorithm == "sha256"), None)
    return None if digest is None else f"{kind}:{digest}"


def check_identity(filename: str, metadata: Metadata) -> None:
    """Name and version must be those of the file's name.

    Raises:
        UnusableMetadataError: They are not.
    """
    try:
        name, version, *_ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise UnsatisfiableError(f"{filename} is not a wheel's name.") from error
    if (metadata.name, metadata.version) != (name, version):
        raise UnusableMetadataError(
            f"{filename} holds the metadata of {metadata.name} {metadata.version}.",
            hint="Tell its authors or whoever runs the index; another release may do.",
        )


def _local(path: str) -> bytes | None:
    try:
        return local_metadata(path)
    except FileNotFoundError as error:
        raise UnsatisfiableError(f"There is no wheel {path}.") from error
    except OSError as error:
        raise UnsatisfiableError(f"{path} cannot be read: {error.strerror}.") from error


def _parse(data: bytes, filename: str, url: str) -> Metadata:
    try:
        return parse_metadata(data)
    except ValueError as error:
        raise UnusableMetadataError(
            f"The metadata of {filename} ({printable_url(url)}) cannot be used: {error}."
        ) from error
