from __future__ import annotations

import hashlib
import os
import shutil

import pytest

from holdfast.commit.recheck import recheck
from holdfast.commit.rooms import Doors
from holdfast.errors import IntegrityError
from holdfast.model.changes import ExpectInfo
from holdfast.model.installed import RecordEntry
from holdfast.model.places import place_of
from holdfast.model.target import Target, TargetRequest
from holdfast.target.installed import read_installed
from holdfast.target.locate import locate
from holdfast.target.records import read_record, with_records
from tests.support.environments import make_venv


@pytest.fixture
def target(tmp_path: object) -> Target:
    return locate(TargetRequest(virtual_env=make_venv(f"{tmp_path}/venv").root))


def install(target: Target, name: str, record: bytes) -> None:
    info = f"{target.scheme.purelib}/{name}-1.0.dist-info"
    os.mkdir(info)
    with open(f"{info}/METADATA", "w", encoding="utf-8") as file:
        file.write(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    with open(f"{info}/RECORD", "wb") as file_:
        file_.write(record)


def test_only_what_is_asked_for_is_read(target: Target) -> None:
    install(target, "foo", b"foo.py,sha256=abc,3\n../../../bin/foo,,\n")
    install(target, "bar", b"bar.py,,\n")
    state = with_records(read_installed(target), {"foo"})  # type: ignore[arg-type]
    foo, bar = state.distributions["foo"], state.distributions["bar"]  # type: ignore[index]
    assert foo.record == (
        RecordEntry(path="foo.py", algorithm="sha256", digest="abc", size=3),
        RecordEntry(path="../../../bin/foo"),
    )
    assert foo.record_digest == hashlib.sha256(b"foo.py,sha256=abc,3\n../../../bin/foo,,\n").hexdigest()
    assert (bar.record, bar.record_digest) == ((), "")


@pytest.mark.parametrize(
    ("data", "paths"),
    [
        (b'"with, comma.py",,\r\n"with ""quotes"".py",,\r\n', ["with, comma.py", 'with "quotes".py']),
        (b'"with\nline break.py",,\n', ["with\nline break.py"]),
        (b"short\nshorter,sha256=x\n\n", ["short", "shorter"]),
        ("é.py,,none\n".encode(), ["é.py"]),
        (b"", []),
    ],
)
def test_forms_that_are_read(target: Target, data: bytes, paths: list[str]) -> None:
    install(target, "foo", data)
    state = with_records(read_installed(target), {"foo"})  # type: ignore[arg-type]
    assert [entry.path for entry in state.distributions["foo"].record or ()] == paths  # type: ignore[index]


@pytest.mark.parametrize("data", [b"\xff\xfe,,\n", b"a,b,c,d\n", b",sha256=x,3\n"])
def test_what_is_no_record_is_as_good_as_none(target: Target, data: bytes) -> None:
    install(target, "foo", data)
    state = with_records(read_installed(target), {"foo"})  # type: ignore[arg-type]
    (found,) = state
    assert (found.record, found.record_digest) == (None, "")
    with pytest.raises(IntegrityError, match=r"The RECORD of foo 1\.0 cannot be read: .*foo-1\.0\.dist-info/RECORD"):
        read_record(found)


def test_a_planted_fifo_is_no_record_and_stops_nobody(target: Target) -> None:
    install(target, "one", b"")
    path = f"{target.scheme.purelib}/one-1.0.dist-info/RECORD"
    os.unlink(path)
    os.mkfifo(path)
    (one,) = with_records(read_installed(target), {"one"})  # type: ignore[arg-type]
    assert one.record is None


def test_a_record_that_is_gone_is_none(target: Target) -> None:
    install(target, "foo", b"")
    state = read_installed(target)
    os.unlink(f"{target.scheme.purelib}/foo-1.0.dist-info/RECORD")
    (found,) = with_records(state, {"foo"})  # type: ignore[arg-type]
    assert found.record is None
    with pytest.raises(IntegrityError, match="No such file"):
        read_record(found)


def test_a_distribution_that_is_gone_stays_unread(target: Target) -> None:
    """Its digest is of nothing, so that a commit finds the world moved and plans again, should it come back."""
    install(target, "foo", b"")
    state = read_installed(target)
    shutil.rmtree(f"{target.scheme.purelib}/foo-1.0.dist-info")
    (found,) = with_records(state, {"foo"})  # type: ignore[arg-type]
    assert found.record == ()
    install(target, "foo", b"")
    place = place_of(target.scheme, f"{target.scheme.purelib}/foo-1.0.dist-info")
    expected = ExpectInfo(name=found.name, infos=((place, found.record_digest),))
    with Doors(target.scheme) as doors:
        assert "changed" in str(recheck([expected], target, doors))
