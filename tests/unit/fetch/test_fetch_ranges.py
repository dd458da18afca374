from __future__ import annotations

import io
import os
import zipfile
from dataclasses import replace

import pytest

from holdfast.errors import AuthenticationError, NetworkError
from holdfast.fetch.http import Client
from holdfast.fetch.ranges import TAIL, AbsentError, RangeReader, metadata_member, parse_content_range, strong_validator
from holdfast.model.request import Network
from tests.support.damage import NoMetadata, SecondDistInfo, Truncated
from tests.support.index import (
    Behaviour,
    Body,
    Chunked,
    Drop,
    IgnoreRange,
    Index,
    Status,
    WrongLength,
    WrongRange,
)
from tests.support.wheels import WheelSpec, metadata_bytes, pkg, wheel_bytes

BIG = os.urandom(900_000)
SPEC = pkg("big", requires=("x>=1",), files={"big/blob.bin": BIG})
NETWORK = Network(timeout=5.0, retries=1)


def reordered(data: bytes) -> bytes:
    """The same archive with its METADATA first, as some builders have it."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for info in sorted(old.infolist(), key=lambda info: not info.filename.endswith("/METADATA")):
            new.writestr(info, old.read(info), zipfile.ZIP_DEFLATED)
    return made.getvalue()


def read(index: Index, spec: WheelSpec) -> bytes | None:
    with Client(NETWORK) as client:
        return RangeReader(client).metadata(index.file_url(spec.filename))


def test_one_request_does_for_most_wheels(index: Index) -> None:
    index.add(SPEC)
    assert read(index, SPEC) == metadata_bytes(SPEC)
    assert [request.status for request in index.requests] == [206]
    assert index.requests[0].body_sent <= TAIL


def test_a_large_directory_takes_another_one(index: Index) -> None:
    spec = pkg("many", files={f"many/{'x' * 60}{number}.py": os.urandom(500) for number in range(800)})
    index.add(spec)
    assert read(index, spec) == metadata_bytes(spec)
    assert 2 <= len(index.requests) <= 4
    assert sum(request.body_sent for request in index.requests) < 300_000


def test_metadata_far_from_the_end(index: Index) -> None:
    (file,) = index.add(SPEC)
    index.list_file(replace(file, content=reordered(file.content)))
    assert read(index, SPEC) == metadata_bytes(SPEC)
    assert [request.status for request in index.requests] == [206, 206]
    assert index.requests[1].headers["range"].startswith("bytes=0-")


@pytest.mark.parametrize(
    "behaviour",
    [
        IgnoreRange(),
        Status(code=416),
        Status(code=501),
        Status(code=400),
        Status(code=405),
        WrongRange(shift=1),
        WrongRange(shift=-1),
        Body(content=b"<html>login</html>", media_type="text/html"),
    ],
)
def test_servers_without_proper_ranges_are_noticed(index: Index, behaviour: Behaviour) -> None:
    index.add(SPEC)
    index.on("/files/*", behaviour)
    assert read(index, SPEC) is None
    assert len(index.requests) == 1


def test_a_server_without_ranges_is_asked_once(index: Index) -> None:
    other = pkg("other", files={"other/blob.bin": BIG})
    index.add(SPEC, other)
    index.on("/files/*", IgnoreRange())
    with Client(NETWORK) as client:
        reader = RangeReader(client)
        assert reader.metadata(index.file_url(SPEC.filename)) is None
        assert reader.metadata(index.file_url(other.filename)) is None
    assert len(index.requests) == 1


def test_a_small_wheel_that_comes_whole_is_used(index: Index) -> None:
    spec = pkg("small")
    index.add(spec)
    index.on("/files/*", IgnoreRange())
    assert read(index, spec) == metadata_bytes(spec)


def test_a_wheel_smaller_than_the_tail(index: Index) -> None:
    spec = pkg("small")
    index.add(spec)
    assert read(index, spec) == metadata_bytes(spec)


@pytest.mark.parametrize(
    "behaviour", [Drop(after=100), Drop(after=-1, reset=True), Status(code=503), WrongLength(by=5)]
)
def test_what_passes_is_tried_again(index: Index, behaviour: Behaviour) -> None:
    index.add(SPEC)
    index.on("/files/*", behaviour, times=1)
    assert read(index, SPEC) == metadata_bytes(SPEC)


def test_chunked_parts(index: Index) -> None:
    index.add(SPEC)
    index.on("/files/*", Chunked())
    assert read(index, SPEC) == metadata_bytes(SPEC)


def test_absent_is_told_apart(index: Index) -> None:
    with Client(NETWORK) as client, pytest.raises(AbsentError):
        RangeReader(client).metadata(index.file_url("no-1.0-py3-none-any.whl"))


def test_failures_are_not_mistaken_for_missing_ranges(index: Index) -> None:
    index.add(SPEC)
    index.on("/files/*", Status(code=500))
    with pytest.raises(NetworkError):
        read(index, SPEC)
    index.behave_well()
    index.on("/files/*", Status(code=403))
    with pytest.raises(AuthenticationError):
        read(index, SPEC)


@pytest.mark.parametrize("damage", [NoMetadata(), SecondDistInfo(), Truncated(keep=500)])
def test_archives_that_do_not_say(damage: NoMetadata | SecondDistInfo | Truncated) -> None:
    spec = WheelSpec(name="a", version="1.0", files={"a.py": "x = 1\n"}, damage=(damage,))
    assert metadata_member(io.BytesIO(wheel_bytes(spec))) is None


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x05\x06" + bytes(18), os.urandom(100_000)])
def test_what_is_no_archive(data: bytes) -> None:
    assert metadata_member(io.BytesIO(data)) is None


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("bytes 0-9/10", (0, 10, 10)),
        (" bytes  5-9/100 ", (5, 10, 100)),
        ("bytes 5-9/*", None),
        ("bytes */100", None),
        ("bytes 9-5/100", None),
        ("bytes 0-100/100", None),
        ("items 0-9/10", None),
        ("", None),
    ],
)
def test_content_range(text: str, parsed: tuple[int, int, int] | None) -> None:
    assert parse_content_range(text) == parsed


def test_validators() -> None:
    assert strong_validator({"etag": '"x"', "last-modified": "then"}) == '"x"'
    assert strong_validator({"etag": 'W/"x"', "last-modified": "then"}) == "then"
    assert strong_validator({}) is None
