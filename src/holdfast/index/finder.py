"""The world as the solver sees it, over indexes and find-links: listings and metadata, asked once, fetched ahead.

**Guarantees**: answers the same for its life. After `Finder.close` no thread of it lives (see Limits of ``fetch``).

**On crash**: holds nothing on disk by itself.

**Limits**: the first index that has a name wins; that a later one has higher versions is told when the finder closes,
and only if it could be asked in time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from functools import partial
from types import TracebackType
from typing import Self

from packaging.utils import NormalizedName

from holdfast.events import SILENT, Notice, ProjectConsidered, Reporter
from holdfast.fetch.http import Client
from holdfast.fetch.pool import Pool, Task
from holdfast.index.cache import ByteCache, NoCache
from holdfast.index.confusion import Rivals, rivals_notice
from holdfast.index.links import FilesByProject, by_project, read_links
from holdfast.index.metadata import MetadataReader, NeedsWholeError, Whole, cache_key, place_of
from holdfast.index.page import Page
from holdfast.index.pages import PageReader, locate
from holdfast.model.metadata import Metadata
from holdfast.model.release import ProjectListing
from holdfast.model.request import IndexStrategy, Sources
from holdfast.model.resolution import DirectWheel, IndexWheel
from holdfast.model.urls import printable_url
from holdfast.resolve.source import PackageSource

_GRACE = 0.25
_COMPARERS = 4


class Finder(PackageSource):
    """Implements ``PackageSource``; a context manager.

    Args:
        sources: Indexes in order of precedence, find-links, strategy.
        client: Asks the servers.
        whole: Downloads a wheel to the store, for metadata that cannot be had otherwise.
        cache: Keeps pages and metadata.
        reporter: Hears what is considered, and of other indexes with higher versions.
    """

    def __init__(
        self,
        sources: Sources,
        client: Client,
        *,
        whole: Whole,
        cache: ByteCache | None = None,
        reporter: Reporter = SILENT,
    ) -> None:
        self._sources = sources
        self._indexes = tuple(dict.fromkeys(locate(index) for index in sources.indexes))
        self._client = client
        self._reporter = reporter
        self._cache = cache or NoCache()
        self._pages = PageReader(client, self._cache, reporter)
        self._metadata = MetadataReader(client, self._cache, whole, reporter)
        self._lock = threading.Lock()
        self._pool = Pool(client.network.concurrency, "holdfast-index")
        self._comparers = Pool(_COMPARERS, "holdfast-compare")
        self._found: dict[NormalizedName, Task[tuple[tuple[str, Page], ...]]] = {}
        self._listings: dict[NormalizedName, ProjectListing] = {}
        self._read: dict[str, Task[Metadata]] = {}
        self._links: FilesByProject | None = None
        self._rivals: list[Task[Rivals | None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(hurried=error is not None and not isinstance(error, Exception))

    def listing(self, name: NormalizedName) -> ProjectListing:
        """Every file of a project, before any rule is applied; see ``PackageSource``."""
        if (known := self._listings.get(name)) is not None:
            return known
        self._reporter.emit(ProjectConsidered(name=name))
        with self._lock:
            task = self._found.get(name)
        found = self._search(name) if task is None else task.result()
        linked = self._linked().get(name, ())
        listing = ProjectListing(
            name=name,
            found=bool(found or linked),
            files=(*linked, *(file for _, page in found for file in page.files)),
            status=found[0][1].status if found else ProjectListing(name=name, found=False).status,
            searched=tuple(printable_url(place) for place in (*self._indexes, *self._sources.find_links)),
        )
        self._listings[name] = listing
        if found and self._sources.strategy is IndexStrategy.FIRST_INDEX:
            self._compare(name, *found[0])
        return listing

    def metadata(self, wheel: IndexWheel | DirectWheel) -> Metadata:
        """A wheel's metadata; see ``PackageSource``."""
        _, url = place_of(wheel)
        with self._lock:
            task = self._read.get(url)
        if task is not None:
            try:
                return task.result()
            except NeedsWholeError:
                pass
        task = Task(lambda: self._metadata.read(wheel))
        with self._lock:
            self._read[url] = task
        task.run()
        return task.result()

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        """Ask for listings that are not in the cache; see ``PackageSource``."""
        for name in names:
            if name in self._listings or name in self._found or not self._indexes:
                continue
            if self._pages.is_fresh(self._indexes[0], name):
                continue  # decoding in a thread would gain nothing
            with self._lock:
                self._found[name] = self._pool.submit(partial(self._search, name))

    def prefetch_metadata(self, wheels: Iterable[IndexWheel]) -> None:
        """Ask for metadata that is not in the cache; see ``PackageSource``."""
        for wheel in wheels:
            url = wheel.file.url
            if url in self._read or url.startswith("file:"):
                continue
            key = cache_key(wheel)
            if key is not None and self._cache.read_metadata(key) is not None:
                continue
            with self._lock:
                self._read[url] = self._pool.submit(partial(self._metadata.read, wheel, ahead=True))

    def close(self, *, hurried: bool = False) -> None:
        """Stop fetching ahead, end the threads, tell of other indexes' higher versions.

        Args:
            hurried: A signal came: do not wait for anything that can be broken off.
        """
        grace = 0.0 if hurried else _GRACE
        self._pool.cancel_waiting()
        rivals, self._rivals = _within(grace, self._rivals), []
        ended = [pool.close(grace) for pool in (self._pool, self._comparers)]
        if not all(ended):
            self._client.break_off()
            for pool in (self._pool, self._comparers):
                pool.close(1.0 if hurried else None)
        if rivals and not hurried:
            self._reporter.emit(Notice(text=rivals_notice(rivals)))

    def _search(self, name: NormalizedName) -> tuple[tuple[str, Page], ...]:
        """(index, page) of each index that counts, in order of precedence."""
        found = []
        for index in self._indexes:
            page = self._pages.page(index, name)
            if page is not None:
                found.append((index, page))
                if self._sources.strategy is IndexStrategy.FIRST_INDEX:
                    break
        return tuple(found)

    def _linked(self) -> FilesByProject:
        if self._links is None:
            places = self._sources.find_links
            self._links = by_project(
                tuple(file for place in places for file in read_links(place, self._client, self._reporter))
            )
        return self._links

    def _compare(self, name: NormalizedName, winner: str, page: Page) -> None:
        """Look, aside, whether an index that comes later has a higher version (dependency confusion)."""
        others = self._indexes[self._indexes.index(winner) + 1 :]
        for other in others:
            self._rivals.append(self._comparers.submit(partial(self._rivals_at, other, name, winner, page)))

    def _rivals_at(self, other: str, name: NormalizedName, winner: str, page: Page) -> Rivals | None:
        return Rivals.of(name, winner, page, other, self._pages.page(other, name))


def _within(seconds: float, tasks: Iterable[Task[Rivals | None]]) -> tuple[Rivals, ...]:
    """What comes in time; an index that fails here is not needed."""
    deadline = time.monotonic() + seconds
    found = []
    for task in tasks:
        try:
            rivals = task.result(timeout=max(0.0, deadline - time.monotonic()))
        except Exception:  # noqa: BLE001, S112 - a comparison is a courtesy
            continue
        if rivals is not None:
            found.append(rivals)
    return tuple(found)
