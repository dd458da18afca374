"""The target and the tools of one command, made and imported when first needed: what is satisfied needs none of them.

**Guarantees.** After the block every connection, thread and work area is gone. :meth:`World.rest` ends the threads and
connections before (no other thread lives during a commit); the tools come back when they are needed again.

**On crash.** The work area names its owner.

**Limits.** None of its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from packaging.utils import NormalizedName, canonicalize_name

from holdfast.errors import InterruptedBySignal, NoRoomError
from holdfast.events import Detail
from holdfast.flows.session import Session
from holdfast.model.hashes import Hash
from holdfast.model.metadata import Metadata
from holdfast.model.release import ProjectListing
from holdfast.model.request import InstallRequest
from holdfast.model.resolution import DirectWheel, IndexWheel
from holdfast.model.target import Target
from holdfast.resolve.source import PackageSource
from holdfast.store.facts import StoredFacts
from holdfast.target.facts import FactsCache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from holdfast.fetch.http import Client
    from holdfast.index.finder import Finder
    from holdfast.model.stored import StoredWheel
    from holdfast.store.wheels import WheelStore


def facts_of(cache_dir: str | None) -> FactsCache | None:
    """Where facts of interpreters are remembered."""
    return StoredFacts(cache_dir) if cache_dir is not None else None


@contextmanager
def open_world(request: InstallRequest, target: Target, session: Session) -> Iterator[World]:
    """The tools of one command, for a block."""
    with ExitStack() as stack:
        world = World(request, target, session, stack)
        try:
            yield world
        except BaseException as error:
            world.rest(hurried=isinstance(error, InterruptedBySignal) or not isinstance(error, Exception))
            raise
        else:
            world.rest()


class World(PackageSource):
    """See the module.

    Attributes:
        target: Where this command installs.
    """

    def __init__(self, request: InstallRequest, target: Target, session: Session, stack: ExitStack) -> None:
        self.target = target
        self._request = request
        self._signals = session.signals
        self._reporter = session.reporter
        self._stack = stack
        self._client: Client | None = None
        self._source: Finder | None = None
        self._store: WheelStore | None = None
        self._works: tuple[str, ...] = ()
        self._making = threading.RLock()  # metadata that only a whole wheel has may be asked for by several threads

    @property
    def remembers(self) -> bool:
        """Whether what is done is noted; with ``--no-cache-dir`` an image gets nothing but what RECORD lists."""
        return self._request.cache_dir is not None

    @property
    def client(self) -> Client:
        """Asks servers."""
        if self._client is None:
            from holdfast.fetch.http import Client  # noqa: PLC0415 - brings httpx

            sources = self._request.sources
            self._client = Client(
                self._request.network, urls=(*sources.indexes, *sources.find_links), reporter=self._reporter
            )
        return self._client

    def listing(self, name: NormalizedName) -> ProjectListing:
        """See ``PackageSource``."""
        return self._finder.listing(name)

    def metadata(self, wheel: IndexWheel | DirectWheel) -> Metadata:
        """See ``PackageSource``."""
        return self._finder.metadata(wheel)

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        """See ``PackageSource``."""
        self._finder.prefetch(names)

    def prefetch_metadata(self, wheels: Iterable[IndexWheel]) -> None:
        """See ``PackageSource``."""
        self._finder.prefetch_metadata(wheels)

    @property
    def _finder(self) -> Finder:
        if self._source is None:
            from holdfast.index.finder import Finder  # noqa: PLC0415 - only when something is asked for
            from holdfast.store.pages import PageCache  # noqa: PLC0415 - as above

            self._source = Finder(
                self._request.sources,
                self.client,
                whole=self.whole,
                cache=PageCache(self._request.cache_dir),
                reporter=self._reporter,
            )
        return self._source

    @property
    def work(self) -> str:
        """The work area, made now if it is not there."""
        with self._making:
            if not self._works:
                self._make_work(beside=False)
            return self._works[0]

    def move_out(self, full: str, error: NoRoomError) -> None:
        """Go on in another work area, after one in the system temp dir turned out to be full; what lies there stays.

        Args:
            full: The work area that had no room.
            error: That said so; raised where there is no better place.

        Raises:
            NoRoomError: It lies beside the target already.
        """
        from holdfast.stage.workarea import is_beside  # noqa: PLC0415 - only when something is fetched

        with self._making:
            if self.work != full:
                return  # another thread has moved
            if is_beside(full):
                raise error
            self._make_work(beside=True)
            self._reporter.emit(Detail(text=f"{full} is full; the work goes on in {self.work}"))
            if self._store is not None:
                self._store.fall_back_to(self._fallback)

    def _make_work(self, *, beside: bool) -> None:
        from holdfast.stage.workarea import work_area  # noqa: PLC0415 - only when something is fetched

        area = work_area(
            self.target,
            command=self._request.command,
            sharing=self._request.policy.shared,
            reporter=self._reporter,
            beside=beside,
        )
        self._works = (self._stack.enter_context(self._signals.shield(area)), *self._works)

    def prepare(self) -> None:
        """Make the work area before the transaction: who makes a missing root must be the last to leave it."""
        self.work  # noqa: B018 - made when it is looked at

    @property
    def areas(self) -> tuple[str, ...]:
        """The work areas that are there."""
        return self._works

    @property
    def store(self) -> WheelStore:
        """The wheels."""
        with self._making:
            if self._store is None:
                from holdfast.store.wheels import WheelStore  # noqa: PLC0415 - only when something is fetched

                self._store = WheelStore.open(self._request.cache_dir, self._fallback, self._reporter)
            return self._store

    @property
    def _fallback(self) -> str:
        return os.path.join(self.work, "store")

    def required_hashes(self, name: NormalizedName) -> tuple[Hash, ...]:
        """What the user demands of a project's file with ``--hash``."""
        asked = (*self._request.requirements, *self._request.constraints)
        return tuple(each for root in asked if root.requirement.name == name for each in root.hashes)

    def rest(self, *, hurried: bool = False) -> None:
        """End threads and connections; nothing is lost that cannot be had again."""
        source, self._source = self._source, None
        client, self._client = self._client, None
        if source is not None:
            source.close(hurried=hurried)
        if client is not None:
            client.close()

    def whole(self, wheel: IndexWheel | DirectWheel) -> StoredWheel:
        """A wheel in the store, for metadata that cannot be had otherwise."""
        from holdfast.fetch.download import download_wheel, find_stored  # noqa: PLC0415 - seldom needed
        from holdfast.fetch.jobs import job_of  # noqa: PLC0415 - as above

        filename = wheel.filename if isinstance(wheel, DirectWheel) else wheel.file.filename
        name = canonicalize_name(filename.partition("-")[0])
        job = replace(job_of(wheel), allow_bad_record=name in self._request.policy.allow_bad_record)
        if found := find_stored(job, self.store, self._reporter):
            return found
        while True:
            work = self.work
            try:
                return download_wheel(job, self.store, self.client, self._reporter, workdir=work)
            except NoRoomError as error:
                self.move_out(work, error)
