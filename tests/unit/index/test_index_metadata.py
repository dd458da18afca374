from __future__ import annotations

import io
import os
import threading
import zipfile
from dataclasses import replace

import pytest

from holdfast.errors import IntegrityError, NetworkError, UnsatisfiableError, UnusableMetadataError
from holdfast.events import Detail
from holdfast.fetch.download import download_wheel, download_wheels
from holdfast.fetch.http import Client
from holdfast.fetch.jobs import job_of, job_of_pin
from holdfast.index.finder import Finder
from holdfast.index.metadata import MetadataReader
from holdfast.index.metadata_text import decode, encode
from holdfast.model.hashes import Hash
from holdfast.model.metadata import Metadata, parse_metadata
from holdfast.model.release import ReleaseFile
from holdfast.model.request import Network, Sources
from holdfast.model.requirement import parse_direct_url
from holdfast.model.resolution import DirectWheel, IndexWheel, Pin
from holdfast.model.stored import StoredWheel
from holdfast.store.pages import PageCache
from holdfast.store.wheels import WheelStore
from tests.support.hearing import Heard
from tests.support.index import File, IgnoreRange, Index, Sidecar, SidecarDigest, Status
from tests.support.wheels import WheelSpec, build_wheel, metadata_bytes, pkg

NETWORK = Network(timeout=5.0, retries=0)
SPEC = pkg("a", requires=("b>=1", 'c; extra == "x"'), requires_python=">=3.8", extras=("x",))
RIGHT = parse_metadata(metadata_bytes(SPEC))
LARGE = pkg("a", requires=("b>=1",), files={"a/blob.bin": os.urandom(900_000)})


class Reading:
    """A reader over a store; `whole` counts what was downloaded."""

    def __init__(self, root: str) -> None:
        self.store = WheelStore.open(os.path.join(root, "cache"), os.path.join(root, "fallback"))
        self.cache = PageCache(os.path.join(root, "cache"))
        self.work = os.path.join(root, "work")
        self.heard = Heard()
        self.whole: list[str] = []

    def read(self, wheel: IndexWheel | DirectWheel, network: Network = NETWORK) -> Metadata:
        with Client(network, reporter=self.heard) as client:

            def whole(wheel: IndexWheel | DirectWheel) -> StoredWheel:
                job = job_of(wheel)
                self.whole.append(job.filename)
                return download_wheel(job, self.store, client, self.heard, workdir=self.work)

            return MetadataReader(client, self.cache, whole, self.heard).read(wheel)


@pytest.fixture
def reading(tmp_path: object) -> Reading:
    return Reading(str(tmp_path))


def listed(index: Index, file: File) -> IndexWheel:
    said = file.sidecar_said
    sidecar = (
        tuple(Hash(algorithm=name, digest=digest) for name, digest in said.items())
        if said is not None and not isinstance(said, bool)
        else ()
        if said
        else None
    )
    return IndexWheel(
        file=ReleaseFile(
            filename=file.filename,
            url=index.file_url(file.filename),
            hashes=tuple(Hash(algorithm=name, digest=digest) for name, digest in file.hashes.items()),
            sidecar=sidecar,
        )
    )


def direct(url: str, filename: str = SPEC.filename) -> DirectWheel:
    return DirectWheel(direct=parse_direct_url(url), filename=filename)


def test_the_sidecar_goes_first(index: Index, reading: Reading) -> None:
    (file,) = index.add(SPEC)
    assert reading.read(listed(index, file)) == RIGHT
    assert [request.path for request in index.requests] == [f"/files/{file.filename}.metadata"]


def test_a_sidecar_without_a_hash_will_do(index: Index, reading: Reading) -> None:
    (file,) = index.add(SPEC, sidecar=Sidecar(digest=SidecarDigest.UNSAID))
    assert reading.read(listed(index, file)) == RIGHT


def test_a_sidecar_with_another_hash_is_an_integrity_error(index: Index, reading: Reading) -> None:
    (file,) = index.add(SPEC, sidecar=Sidecar(digest=SidecarDigest.WRONG))
    with pytest.raises(IntegrityError, match="promised") as caught:
        reading.read(listed(index, file))
    assert f"{file.filename}.metadata" in caught.value.cause
    assert len(caught.value.details) == 2


def test_a_sidecar_that_is_not_there_is_passed_over(index: Index, reading: Reading) -> None:
    (file,) = index.add(SPEC, sidecar=Sidecar(served=False))
    assert reading.read(listed(index, file)) == RIGHT
    assert "announced, but not there" in reading.heard.of(Detail)[0].text
    assert [request.status for request in index.requests] == [404, 206]


def test_a_sidecars_address_keeps_the_query(index: Index, reading: Reading) -> None:
    (file,) = index.add(SPEC)
    wheel = listed(index, file)
    reading.read(replace(wheel, file=replace(wheel.file, url=f"{wheel.file.url}?token=1")))
    assert index.requests[0].target == f"/files/{file.filename}.metadata?token=1"


def test_ranges_go_second(index: Index, reading: Reading) -> None:
    (file,) = index.add(LARGE, sidecar=False)
    assert reading.read(listed(index, file)).requires == RIGHT.requires[:1]
    assert not reading.whole
    assert sum(request.body_sent for request in index.requests) < 100_000


def test_the_whole_wheel_goes_last_and_is_kept(index: Index, reading: Reading) -> None:
    (file,) = index.add(LARGE, sidecar=False)
    index.on("/files/*", IgnoreRange())
    assert reading.read(listed(index, file)).requires == RIGHT.requires[:1]
    assert reading.whole == [file.filename]
    assert reading.store.get(file.hashes["sha256"]) is not None
    assert os.listdir(reading.work) == []


def test_the_asking_thread_is_the_first_to_fetch_a_wheel_whole(index: Index, reading: Reading) -> None:
    files = index.add(*(pkg("a", f"{number}.0", files={"a/blob.bin": bytes(900_000)}) for number in range(4)))
    index.on("/files/*", Status(code=501))
    threads = []

    def whole(wheel: IndexWheel | DirectWheel) -> StoredWheel:
        threads.append(threading.current_thread())
        index.behave_well()
        with Client(NETWORK) as client:
            return download_wheel(job_of(wheel), reading.store, client, workdir=reading.work)

    wheels = [listed(index, replace(file, sidecar_said=None)) for file in files]
    with Client(NETWORK) as client, Finder(Sources(indexes=()), client, whole=whole) as finder:
        finder.prefetch_metadata(wheels)
        versions = [str(finder.metadata(wheel).version) for wheel in wheels]
    assert versions == ["0.0", "1.0", "2.0", "3.0"]
    assert threads[0] is threading.main_thread()


def test_a_wheel_that_is_gone(index: Index, reading: Reading) -> None:
    (file,) = index.add(SPEC, sidecar=False)
    index.on("/files/*", Status(code=404))
    with pytest.raises(NetworkError, match=f"{file.filename} is not there"):
        reading.read(listed(index, file))


@pytest.mark.parametrize("sidecar", [False, True])
def test_what_was_read_is_kept(index: Index, reading: Reading, *, sidecar: bool) -> None:
    (file,) = index.add(SPEC, sidecar=sidecar)
    first = reading.read(listed(index, file))
    index.forget()
    again = reading.read(listed(index, file), Network(offline=True))
    assert (again, again.headers) == (first, first.headers)
    assert [each.text for each in again.requires] == [each.text for each in first.requires]
    assert not index.requests


def test_what_has_no_sha256_is_not_kept(index: Index, reading: Reading) -> None:
    (file,) = index.add(SPEC, sidecar=False, hashes=("md5",))
    for _ in range(2):
        reading.read(listed(index, file))
    assert len(index.requests) == 2


def test_a_lying_sidecar_is_found_out_by_the_wheel_and_believed_no_longer_when_corrected(
    index: Index, reading: Reading
) -> None:
    lie = metadata_bytes(pkg("a"))
    (file,) = index.add(SPEC, sidecar=Sidecar(content=lie))
    wheel = listed(index, file)

    def pin() -> Pin:
        metadata = reading.read(wheel)
        return Pin(name=metadata.name, version=metadata.version, source=wheel, metadata=metadata)

    assert pin().metadata.requires == ()
    with Client(NETWORK) as client:
        for _ in range(2):  # cold, and from the store
            with pytest.raises(IntegrityError, match="not that of the wheel itself") as caught:
                download_wheels((job_of_pin(pin()),), reading.store, client, workdir=reading.work)
            assert any("b>=1" in line for line in caught.value.details)
        (file,) = index.add(SPEC)
        wheel = listed(index, file)
        assert pin().metadata == RIGHT
        assert download_wheels((job_of_pin(pin()),), reading.store, client, workdir=reading.work)


def test_a_wheel_at_a_url(index: Index, reading: Reading) -> None:
    (file,) = index.add(SPEC)
    url = index.file_url(file.filename)
    assert reading.read(direct(url)) == RIGHT
    assert [request.status for request in index.requests] == [206]
    assert reading.read(direct(f"{url}#sha256={file.hashes['sha256']}")) == RIGHT


def test_a_wheel_here(reading: Reading, tmp_path: object) -> None:
    path = build_wheel(SPEC, os.path.join(str(tmp_path), "with space"))
    assert reading.read(direct(f"file://{path.replace(' ', '%20')}"), Network(offline=True)) == RIGHT
    with pytest.raises(UnsatisfiableError, match="There is no wheel"):
        reading.read(direct(f"file://{path}.not"))


def test_a_local_wheel_that_changes_is_read_again(reading: Reading, tmp_path: object) -> None:
    path = build_wheel(SPEC, str(tmp_path))
    reading.read(direct(f"file://{path}"))
    build_wheel(pkg("a", requires=("other",)), str(tmp_path))
    assert reading.read(direct(f"file://{path}")).requires[0].name == "other"


def test_what_is_no_wheel(reading: Reading, tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), SPEC.filename)
    with open(path, "wb") as file:
        file.write(b"nothing")
    with pytest.raises(IntegrityError, match="not a valid wheel"):
        reading.read(direct(f"file://{path}"))


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        (b"Metadata-Version: 3.0\nName: a\nVersion: 1.0\n", r"newer than 2\.x"),
        (b"Metadata-Version: 2.1\nName: a\nVersion: one\n", "one"),
        (b"Metadata-Version: 2.1\nName: a\nVersion: 1.0\nRequires-Dist: b==\n", "b=="),
        (b"Metadata-Version: 2.1\nName: other\nVersion: 1.0\n", "holds the metadata of other"),
        (b"Metadata-Version: 2.1\nName: a\nVersion: 2.0\n", "holds the metadata of a 2.0"),
        (b"", "METADATA"),
    ],
)
def test_metadata_that_cannot_be_used_names_the_file(index: Index, reading: Reading, metadata: bytes, why: str) -> None:
    spec = WheelSpec(name="a", version="1.0", metadata=metadata)
    for sidecar in (False, True):
        (file,) = index.add(spec, sidecar=sidecar)
        with pytest.raises(UnusableMetadataError, match=why) as caught:
            reading.read(listed(index, file))
        assert file.filename in caught.value.cause
        assert caught.value.exit_code == 5


def test_a_name_that_is_no_wheels(reading: Reading, tmp_path: object) -> None:
    path = build_wheel(SPEC, str(tmp_path))
    with pytest.raises(UnsatisfiableError, match="not a wheel's name"):
        reading.read(direct(f"file://{path}", filename="a.whl"))


def test_an_archive_without_metadata_at_a_url_is_downloaded_and_refused(index: Index, reading: Reading) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("x.py", "x = 1\n")
    (file,) = index.add(SPEC, sidecar=False)
    index.list_file(replace(file, content=made.getvalue(), hashes={}))
    with pytest.raises(IntegrityError, match="not a valid wheel"):
        reading.read(listed(index, replace(file, hashes={})))


def test_metadata_survives_the_cache() -> None:
    back = decode(encode(RIGHT))
    assert back == RIGHT
    assert back.headers == RIGHT.headers


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"1",
        b'["a","1",[],null,[],"",[[]]]',
        b'[1,"1",[],null,[],"",[]]',
        b'["a","x",[],null,[],"",[]]',
    ],
)
def test_a_spoilt_cache_is_no_metadata(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(data)
