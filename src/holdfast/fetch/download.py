"""Wheels into the store, several at once: while one is unpacked, others arrive.

**Guarantees**: when a function here returns, no thread of it lives. What is handed back has every promised hash and
agrees with the metadata it was resolved by. Nothing is kept of what does not.

**On crash**: partial files are left in the work area, and what the store says of its own litter.

**Limits**: after an error or a signal, a thread that is stuck in a name lookup or a connection attempt is left behind
(a daemon that will do nothing more); one that unpacks is waited for.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial as bound
from queue import Empty, SimpleQueue

from holdfast.errors import IntegrityError, TargetError, UnsatisfiableError
from holdfast.events import SILENT, DownloadFinished, Reporter
from holdfast.fetch.http import Client
from holdfast.fetch.jobs import WheelJob, check_digests, check_metadata, new_hashers
from holdfast.fetch.local import path_of
from holdfast.fetch.pool import HEARING, Pool
from holdfast.fetch.transfer import transfer
from holdfast.model.stored import StoredWheel
from holdfast.store.partials import PartialFile
from holdfast.store.wheels import WheelStore

_CHUNK = 1 << 20
_GRACE = 1.0


def download_wheels(
    jobs: Sequence[WheelJob],
    store: WheelStore,
    client: Client,
    reporter: Reporter = SILENT,
    *,
    workdir: str,
    check_room: Callable[[Sequence[int]], None] = lambda _: None,
) -> tuple[StoredWheel, ...]:
    """Get wheels: from the store, from local paths, from servers.

    Args:
        jobs: What to get.
        store: Where it is looked for and kept.
        client: Asks the servers; its concurrency is the number of threads.
        reporter: Sees each download.
        workdir: For partial files; made when it is needed.
        check_room: Called with the known sizes of what the store has not, before anything is asked for.

    Returns:
        In the order of the jobs.

    Raises:
        NetworkError: A server fails or has not the file.
        IntegrityError: A file is not what was promised, or no proper wheel.
        TargetError: There is no room for it.
        UnsatisfiableError: A local file is not there.
    """
    found: dict[int, StoredWheel] = {}
    for number, job in enumerate(jobs):
        if (stored := find_stored(job, store, reporter)) is not None:
            found[number] = stored
    missing = [number for number in range(len(jobs)) if number not in found]
    if missing:
        check_room([size for number in missing if (size := jobs[number].size) is not None])
        missing.sort(key=lambda number: -(jobs[number].size or 0))  # the longest first
        found.update(_download_all(jobs, missing, store, client, reporter, workdir=workdir))
    return tuple(found[number] for number in range(len(jobs)))


def find_stored(job: WheelJob, store: WheelStore, reporter: Reporter = SILENT) -> StoredWheel | None:
    """A wheel that the store has under a promised digest."""
    for digest in job.possible:
        stored = store.get(digest, allow_bad_record=job.allow_bad_record)
        if stored is not None:
            check_metadata(job, stored)
            reporter.emit(DownloadFinished(filename=job.filename, cached=True))
            return stored
    return None


def download_wheel(
    job: WheelJob,
    store: WheelStore,
    client: Client,
    reporter: Reporter = SILENT,
    *,
    workdir: str,
    unpacking: set[str] | None = None,
) -> StoredWheel:
    """Get one wheel that the store has not, in this thread; see `download_wheels`.

    Args:
        job: What to get.
        store: Where it is kept.
        client: Asks the server.
        reporter: Sees the download.
        workdir: For the partial file.
        unpacking: Holds the URL while the store is at work.
    """
    if job.url.startswith("file:"):
        path = path_of(job.url)
        stored = _add(path, _digest_of(path, job), job, store, unpacking)
    else:
        with PartialFile(workdir) as partial:
            sha256 = transfer(job, partial, client, reporter)
            stored = _add(partial.path, sha256, job, store, unpacking)
    check_metadata(job, stored)
    reporter.emit(DownloadFinished(filename=job.filename))
    return stored


def _add(path: str, sha256: str, job: WheelJob, store: WheelStore, unpacking: set[str] | None) -> StoredWheel:
    if (stored := store.get(sha256, allow_bad_record=job.allow_bad_record)) is not None:
        return stored  # nobody could tell before its bytes were here
    busy = set[str]() if unpacking is None else unpacking
    busy.add(job.url)
    try:
        return store.add(path, sha256=sha256, filename=job.filename, allow_bad_record=job.allow_bad_record)
    finally:
        busy.discard(job.url)


def _digest_of(path: str, job: WheelJob) -> str:
    hashers = new_hashers(job)
    try:
        with open(path, "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            _feed(file.fileno(), hashers)
            after = os.fstat(file.fileno())
    except FileNotFoundError as error:
        raise UnsatisfiableError(f"There is no wheel {path}.") from error
    except OSError as error:
        raise TargetError(f"{path} cannot be read: {error.strerror}.") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise IntegrityError(f"{path} was changed while it was read.", hint="The same command, when it is complete.")
    digests = {name: hasher.hexdigest() for name, hasher in hashers.items()}
    check_digests(job, digests)
    return digests["sha256"]


def _feed(fd: int, hashers: dict[str, hashlib._Hash]) -> None:
    while data := os.read(fd, _CHUNK):
        for hasher in hashers.values():
            hasher.update(data)


def _download_all(
    jobs: Sequence[WheelJob],
    missing: Sequence[int],
    store: WheelStore,
    client: Client,
    reporter: Reporter,
    *,
    workdir: str,
) -> dict[int, StoredWheel]:
    finished: SimpleQueue[int] = SimpleQueue()
    unpacking: set[str] = set()
    pool = Pool(min(client.network.concurrency, len(missing)), "holdfast-download")

    def work(number: int) -> StoredWheel:
        try:
            return download_wheel(jobs[number], store, client, reporter, workdir=workdir, unpacking=unpacking)
        finally:
            finished.put(number)

    tasks = {number: pool.submit(bound(work, number)) for number in missing}
    found = {}
    try:
        for _ in missing:
            number = _next(finished)
            found[number] = tasks[number].result()  # the first that fails ends all
    except BaseException:
        client.break_off()
        pool.cancel_waiting()
        while not pool.close(_GRACE) and unpacking:
            continue
        raise
    pool.close()
    return found


def _next(finished: SimpleQueue[int]) -> int:
    while True:
        with suppress(Empty):
            return finished.get(timeout=HEARING)
