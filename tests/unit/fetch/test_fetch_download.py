from __future__ import annotations

import hashlib
import os
import threading
import time
from dataclasses import replace

import pytest

from holdfast.errors import AuthenticationError, IntegrityError, NetworkError, TargetError, UnsatisfiableError
from holdfast.events import DownloadAdvanced, DownloadFinished, DownloadStarted, Event, Retrying
from holdfast.fetch.download import download_wheels
from holdfast.fetch.http import Client
from holdfast.fetch.jobs import WheelJob
from holdfast.model.hashes import Hash
from holdfast.model.metadata import parse_metadata
from holdfast.model.request import Network
from holdfast.model.stored import StoredWheel
from holdfast.store.wheels import WheelStore
from tests.support.damage import WrongHash
from tests.support.hearing import Heard
from tests.support.index import (
    Behaviour,
    Body,
    Chunked,
    Delay,
    Drop,
    File,
    IgnoreRange,
    Index,
    Redirect,
    Status,
    Throttle,
    WrongBytes,
    WrongLength,
    WrongRange,
    refused,
)
from tests.support.wheels import WheelSpec, build_wheel, metadata_bytes, pkg

NETWORK = Network(timeout=5.0, retries=2)
BLOB = os.urandom(400_000)


class World:
    """A store, a work directory and a reporter."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.work = os.path.join(root, "work")
        self.store = WheelStore.open(os.path.join(root, "cache"), os.path.join(root, "fallback"))
        self.heard = Heard()

    def download(self, *jobs: WheelJob, network: Network = NETWORK) -> tuple[StoredWheel, ...]:
        with Client(network, reporter=self.heard) as client:
            return download_wheels(jobs, self.store, client, self.heard, workdir=self.work)

    def assert_nothing_left(self) -> None:
        assert not os.path.isdir(self.work) or not os.listdir(self.work)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("holdfast")]

    def assert_nothing_kept(self, *files: File) -> None:
        self.assert_nothing_left()
        assert not any(self.store.get(hashlib.sha256(file.content).hexdigest()) for file in files)


@pytest.fixture
def world(tmp_path: object) -> World:
    return World(str(tmp_path))


def job_for(index: Index, file: File) -> WheelJob:
    hashes = tuple(Hash(algorithm=name, digest=digest) for name, digest in file.hashes.items())
    return WheelJob(filename=file.filename, url=index.file_url(file.filename), listed=hashes, size=file.size)


def big(index: Index, name: str = "big") -> tuple[File, WheelJob]:
    (file,) = index.add(pkg(name, files={f"{name}/blob.bin": BLOB}))
    return file, job_for(index, file)


def test_wheels_come_into_the_store_in_the_order_of_the_jobs(index: Index, world: World) -> None:
    files = index.add(*(pkg(f"p{number}", files={"blob.bin": os.urandom(number * 1000)}) for number in range(12)))
    stored = world.download(*(job_for(index, file) for file in files))
    assert [each.manifest.filename for each in stored] == [file.filename for file in files]
    assert all(os.path.isfile(os.path.join(each.tree, "blob.bin")) for each in stored)
    assert len(world.heard.of(DownloadStarted)) == 12
    world.assert_nothing_left()


def test_what_the_store_has_is_not_asked_for(index: Index, world: World) -> None:
    _, job = big(index)
    world.download(job)
    index.forget()
    world.heard.events.clear()
    assert world.download(job, network=Network(offline=True))[0].manifest.filename == job.filename
    assert not index.requests
    assert world.heard.events == [DownloadFinished(filename=job.filename, cached=True)]


def test_progress_adds_up_to_the_size(index: Index, world: World) -> None:
    file, job = big(index)
    index.on("/files/*", Drop(after=100_000), times=1)
    world.download(job)
    assert world.heard.of(DownloadStarted) == [DownloadStarted(filename=job.filename, size=len(file.content))]
    assert sum(event.received for event in world.heard.of(DownloadAdvanced)) == len(file.content)
    assert world.heard.events[-1] == DownloadFinished(filename=job.filename)


def test_several_at_once(index: Index, world: World) -> None:
    files = index.add(*(pkg(f"p{number}") for number in range(6)))
    index.on("/files/*", Delay(seconds=1))
    began = time.monotonic()
    world.download(*(job_for(index, file) for file in files))
    assert time.monotonic() - began < len(files)
    assert index.connections <= 6


def test_connections_are_used_again(index: Index, world: World) -> None:
    files = index.add(*(pkg(f"p{number}") for number in range(10)))
    world.download(*(job_for(index, file) for file in files), network=Network(concurrency=2))
    assert index.connections <= 2


@pytest.mark.parametrize("reset", [False, True])
def test_a_broken_download_is_resumed(index: Index, world: World, *, reset: bool) -> None:
    file, job = big(index)
    index.on("/files/*", Drop(after=150_000, reset=reset), times=2)
    world.download(job)
    ranges = [request.headers.get("range") for request in index.requests]
    assert ranges[0] is None
    assert all(text and text.startswith("bytes=") for text in ranges[1:])
    assert all("if-range" in request.headers for request in index.requests[1:])
    assert [request.status for request in index.requests] == [200, 206, 206]
    if not reset:  # a reset may take back what was sent
        assert sum(request.body_sent for request in index.requests) == len(file.content)


def test_a_download_is_begun_anew_where_ranges_are_not_known(index: Index, world: World) -> None:
    _, job = big(index)
    index.on("/files/*", IgnoreRange())
    index.on("/files/*", Drop(after=150_000), times=2)
    world.download(job)
    assert [request.status for request in index.requests] == [200, 200, 200]


def test_a_part_of_something_else_is_not_taken(index: Index, world: World) -> None:
    _, job = big(index)
    index.on("/files/*", WrongRange(shift=7))
    index.on("/files/*", Drop(after=150_000), times=1)
    world.download(job)  # the hash told, and it was fetched once more in one piece
    assert [request.status for request in index.requests] == [200, 206, 200]


def test_a_file_that_changed_is_begun_anew(index: Index, world: World) -> None:
    file, job = big(index)
    index.on("/files/*", Drop(after=150_000), times=1)
    job = replace(job, listed=(), size=None)

    class Changing(Heard):
        def emit(self, event: Event) -> None:
            if isinstance(event, Retrying):
                index.list_file(replace(other, filename=file.filename))
            Heard.emit(self, event)

    with Index() as elsewhere:
        (other,) = elsewhere.add(pkg("big", files={"big/blob.bin": BLOB[::-1]}))
    world.heard = Changing()
    (stored,) = world.download(job)
    assert stored.manifest.sha256 == hashlib.sha256(other.content).hexdigest()
    assert [request.status for request in index.requests] == [200, 200]


def test_a_file_without_hash_and_validator_is_never_pieced_together(world: World) -> None:
    with Index(etag=False) as index:
        _, job = big(index)
        index.on("/files/*", Drop(after=150_000), times=1)
        world.download(replace(job, listed=(), size=None))
        assert [request.headers.get("range") for request in index.requests] == [None, None]


def test_progress_is_not_held_against_a_shaky_connection(index: Index, world: World) -> None:
    (file,) = index.add(pkg("big", files={"big/blob.bin": BLOB * 4}))
    index.on("/files/*", Drop(after=300_000))
    world.download(job_for(index, file), network=Network(timeout=5, retries=1))
    assert len(index.requests) > 3


def test_no_progress_ends_it(index: Index, world: World) -> None:
    file, job = big(index)
    index.on("/files/*", Drop(after=0))
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1"):
        world.download(job)
    world.assert_nothing_kept(file)


def test_chunked_without_a_length(index: Index, world: World) -> None:
    _, job = big(index)
    index.on("/files/*", Chunked())
    world.download(replace(job, size=None))
    assert world.heard.of(DownloadStarted)[0].size is None


@pytest.mark.parametrize(
    "behaviour",
    [
        WrongBytes(),
        WrongBytes(at=0),
        Body(content=b"<html>please log in</html>", media_type="text/html"),
        WrongLength(by=-10),
    ],
)
@pytest.mark.parametrize("size", [False, True])
def test_lies_are_integrity_errors(index: Index, world: World, behaviour: Behaviour, *, size: bool) -> None:
    file, job = big(index)
    (good,) = index.add(pkg("good"))
    index.on("/files/big*", behaviour)
    job = job if size else replace(job, size=None)
    with pytest.raises(IntegrityError) as caught:
        world.download(job, job_for(index, good))
    assert job.filename in caught.value.cause
    assert caught.value.exit_code == 5
    world.assert_nothing_kept(file)


def test_a_wrong_hash_names_both(index: Index, world: World) -> None:
    file, job = big(index)
    wrong = "0" * 64
    job = replace(job, listed=(Hash(algorithm="sha256", digest=wrong),))
    with pytest.raises(IntegrityError) as caught:
        world.download(job)
    assert any(wrong in line for line in caught.value.details)
    assert any(file.hashes["sha256"] in line for line in caught.value.details)
    world.assert_nothing_kept(file)


def test_a_length_above_the_files_own_does_not_hinder(index: Index, world: World) -> None:
    _, job = big(index)
    index.on("/files/*", WrongLength(by=10), times=1)
    assert world.download(job)
    assert [request.status for request in index.requests] == [200, 416]


def test_a_size_that_the_page_lied_about(index: Index, world: World) -> None:
    file, job = big(index)
    for size in (len(file.content) - 1, len(file.content) + 1):
        with pytest.raises(IntegrityError, match="should have"):
            world.download(replace(job, size=size))
    world.assert_nothing_kept(file)


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (Status(code=401), AuthenticationError),
        (Status(code=403), AuthenticationError),
        (Status(code=404), NetworkError),
        (Status(code=410), NetworkError),
        (Status(code=500), NetworkError),
        (Status(code=429, retry_after="0"), NetworkError),
    ],
)
def test_refusals(index: Index, world: World, behaviour: Behaviour, kind: type[NetworkError]) -> None:
    file, job = big(index)
    index.on("/files/*", behaviour)
    with pytest.raises(NetworkError) as caught:
        world.download(job)
    assert type(caught.value) is kind
    assert f"127.0.0.1:{index.port}" in caught.value.cause
    world.assert_nothing_kept(file)


def test_what_passes_is_tried_again(index: Index, world: World) -> None:
    _, job = big(index)
    index.on("/files/*", Status(code=429, retry_after="0"), times=1)
    index.on("/files/*", Status(code=503), times=2)
    assert world.download(job)
    assert len(world.heard.of(Retrying)) == 2


def test_nobody_there(world: World) -> None:
    with refused() as url, pytest.raises(NetworkError, match=r"127\.0\.0\.1"):
        world.download(WheelJob(filename="a-1.0-py3-none-any.whl", url=url), network=Network(retries=0))
    world.assert_nothing_left()


def test_a_redirect_to_another_host_loses_the_credentials(index: Index, world: World) -> None:
    with Index() as other:
        file, job = big(other)
        index.on("/files/*", Redirect(to=other.file_url(file.filename)))
        url = index.file_url(file.filename).replace("http://", "http://me:secret@")
        assert world.download(replace(job, url=url))
        assert "authorization" in index.requests[0].headers
        assert "authorization" not in other.requests[0].headers


def test_the_first_failure_ends_all(index: Index, world: World) -> None:
    file, job = big(index)
    _, slow = big(index, "slow")
    index.on("/files/slow*", Throttle(bytes_per_second=1000))
    index.on("/files/big*", Status(code=404))
    began = time.monotonic()
    with pytest.raises(NetworkError, match="404"):
        world.download(slow, job)
    assert time.monotonic() - began < 5
    world.assert_nothing_kept(file)


def test_a_signal_ends_all(index: Index, world: World) -> None:
    class Impatient(Heard):
        def emit(self, event: Event) -> None:
            Heard.emit(self, event)
            if isinstance(event, DownloadStarted):
                os.kill(os.getpid(), 2)

    _, job = big(index)
    index.on("/files/*", Throttle(bytes_per_second=1000))
    world.heard = Impatient()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        world.download(job)
    assert time.monotonic() - began < 5
    world.assert_nothing_left()


def test_no_wheel_at_all(index: Index, world: World) -> None:
    file, job = big(index)
    index.on("/files/*", Body(content=b"not a zip"))
    with pytest.raises(IntegrityError, match=job.filename):
        world.download(replace(job, listed=(), size=None))
    world.assert_nothing_kept(file)


def test_a_bad_record_passes_only_when_allowed(index: Index, world: World) -> None:
    spec = WheelSpec(name="bad", version="1.0", files={"bad.py": "x = 1\n"}, damage=(WrongHash(path="bad.py"),))
    (file,) = index.add(spec)
    with pytest.raises(IntegrityError, match="RECORD"):
        world.download(job_for(index, file))
    assert world.download(replace(job_for(index, file), allow_bad_record=True))


@pytest.mark.parametrize("name", ["md5", "sha1", "sha384", "sha512"])
def test_other_algorithms(index: Index, world: World, name: str) -> None:
    (file,) = index.add(pkg("a"), hashes=(name,))
    assert world.download(job_for(index, file))
    wrong = Hash(algorithm=name, digest="0" * len(file.hashes[name]))
    with pytest.raises(IntegrityError, match="hash"):
        world.download(replace(job_for(index, file), listed=(wrong,)))


def test_without_any_hash_the_store_still_knows_it_by_its_bytes(index: Index, world: World) -> None:
    _, job = big(index)
    job = replace(job, listed=())
    first, second = world.download(job), world.download(job)
    assert first[0].manifest == second[0].manifest
    assert len(index.requests) == 2


def test_what_the_user_requires_must_match(index: Index, world: World) -> None:
    file, job = big(index)
    right = tuple(Hash(algorithm="sha512", digest=hashlib.sha512(file.content).hexdigest()) for _ in "1")
    assert world.download(replace(job, required=right))
    wrong = (Hash(algorithm="sha512", digest="0" * 128),)
    with pytest.raises(IntegrityError, match="required"):
        world.download(replace(job, required=wrong))


def test_local_wheels_are_not_copied_and_not_believed(world: World, tmp_path: object) -> None:
    spec = pkg("local")
    path = build_wheel(spec, os.path.join(str(tmp_path), "wheels"))
    job = WheelJob(filename=spec.filename, url=f"file://{path}")
    assert world.download(job, network=Network(offline=True))
    assert not os.path.exists(world.work)
    wrong = replace(job, required=(Hash(algorithm="sha256", digest="0" * 64),))
    with pytest.raises(IntegrityError, match=r"local-1\.0"):
        world.download(wrong)
    with pytest.raises(UnsatisfiableError, match="no wheel"):
        world.download(replace(job, url=f"file://{path}.not"))


def test_metadata_that_the_wheel_does_not_confirm(index: Index, world: World) -> None:
    (file,) = index.add(pkg("a", requires=("b>=1",), requires_python=">=3.8"))
    job = job_for(index, file)
    honest = parse_metadata(metadata_bytes(pkg("a", requires=("b >= 1",), requires_python=">=3.8")))
    assert world.download(replace(job, metadata=honest))
    for spec, word in [
        (pkg("a", requires_python=">=3.8"), "Requires-Dist: b>=1"),
        (pkg("a", requires=("b>=1", "c"), requires_python=">=3.8"), "Requires-Dist: c"),
        (pkg("a", requires=("b>=1",)), "Requires-Python"),
        (pkg("a", "2.0", requires=("b>=1",), requires_python=">=3.8"), "promised a 2.0"),
    ]:
        lying = replace(job, metadata=parse_metadata(metadata_bytes(spec)))
        with pytest.raises(IntegrityError, match="not that of the wheel") as caught:
            world.download(lying)
        assert any(word in line for line in caught.value.details)


def test_no_room_is_said_with_the_place(index: Index, world: World) -> None:
    _, job = big(index)
    with open(os.path.join(world.root, "file"), "w", encoding="utf-8"):
        world.work = os.path.join(world.root, "file", "work")
    with pytest.raises(TargetError, match="work"):
        world.download(job)


def test_memory_stays_flat(index: Index, world: World) -> None:
    import tracemalloc  # noqa: PLC0415 - only here

    (file,) = index.add(pkg("huge", files={"huge/blob.bin": os.urandom(1 << 20) * 30}))
    sizes = []

    class Weighing(Heard):
        def emit(self, event: Event) -> None:
            sizes.append(tracemalloc.get_traced_memory()[1])
            if not isinstance(event, DownloadAdvanced):
                Heard.emit(self, event)

    world.heard = Weighing()
    job = job_for(index, file)
    tracemalloc.start()
    try:
        world.download(job)
    finally:
        tracemalloc.stop()
    assert len(file.content) > 20 << 20
    assert max(sizes) < 10 << 20
