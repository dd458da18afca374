"""Archives that lie, made byte by byte."""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.store import archive as archives
from holdfast.store.archive import Archive
from holdfast.store.faults import WheelFault
from tests.support.evil import STORED, Entry, archive

CONTENT = b"content " * 1000


def make(path: str, content: bytes = CONTENT, method: int = zipfile.ZIP_DEFLATED) -> str:
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("a.txt", content)
        file.writestr("b.txt", b"b")
    return path


def patched(path: str, offset_in_central: int, layout: str, value: int) -> str:
    """The file with one field of the first member's central directory entry exchanged."""
    with open(path, "r+b") as file:
        data = bytearray(file.read())
        start = data.index(b"PK\x01\x02") + offset_in_central
        data[start : start + struct.calcsize(layout)] = struct.pack(layout, value)
        file.seek(0)
        file.write(data)
    return path


def read_all(path: str) -> dict[str, bytes]:
    with Archive(path) as opened:
        return {name: b"".join(opened.chunks(member)) for name, member in opened.members.items()}


@given(st.binary(max_size=5000), st.sampled_from([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED]), st.integers(1, 64))
def test_what_was_packed_is_read_in_pieces_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, method: int, chunk: int
) -> None:
    path = make(str(tmp_path_factory.mktemp("zip") / "x.zip"), content, method)
    kept, archives.CHUNK = archives.CHUNK, chunk
    try:
        assert read_all(path) == {"a.txt": content, "b.txt": b"b"}
    finally:
        archives.CHUNK = kept


@pytest.mark.parametrize(
    ("offset", "layout", "value", "reason"),
    [
        (8, "<H", 0x1, "is encrypted"),
        (10, "<H", 12, "is compressed by method 12"),
        (10, "<H", 99, "is compressed by method 99"),
        (16, "<I", 0, r"is damaged \(CRC\)"),
        (24, "<I", 7999, "is not of its declared size"),
        (24, "<I", 8001, "is not of its declared size"),
        (20, "<I", 10, "does not end where it should|is damaged"),
        (20, "<I", 1 << 30, "overlaps"),
        (42, "<I", 3, "is not where the archive's list says|overlap"),
    ],
)
def test_a_lie_in_the_list_is_found(tmp_path: object, offset: int, layout: str, value: int, reason: str) -> None:
    with pytest.raises(WheelFault, match=reason):
        read_all(patched(make(f"{tmp_path}/x.zip"), offset, layout, value))


def test_members_that_share_bytes_are_a_bomb(tmp_path: object) -> None:
    path = make(f"{tmp_path}/x.zip")
    with open(path, "r+b") as file:
        data = bytearray(file.read())
        second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
        data[second + 42 : second + 46] = struct.pack("<I", 0)  # the first member's bytes once more
        file.seek(0)
        file.write(data)
    with pytest.raises(WheelFault, match="overlap"):
        read_all(path)


def test_a_bomb_is_cut_at_its_declared_size(tmp_path: object) -> None:
    path = patched(make(f"{tmp_path}/x.zip", b"\0" * (64 << 20)), 24, "<I", 1000)
    with Archive(path) as opened:
        taken = 0
        with pytest.raises(WheelFault, match="declared size"):
            for chunk in opened.chunks(opened.members["a.txt"]):
                taken += len(chunk)
        assert taken <= archives.CHUNK


def test_an_absurd_ratio_is_refused_before_anything_is_unpacked(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "RATIO_APPLIES_ABOVE", 1 << 20)
    make(f"{tmp_path}/x.zip", b"\0" * (2 << 20))
    with pytest.raises(WheelFault, match="as no honest wheel does"):
        Archive(f"{tmp_path}/x.zip")


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip" * 100, b"PK\x05\x06" + b"\xff" * 18])
def test_what_is_no_archive_is_said_to_be_none(tmp_path: object, data: bytes) -> None:
    with open(f"{tmp_path}/x.zip", "wb") as file:
        file.write(data)
    with pytest.raises(WheelFault, match="it is not a whole ZIP file"):
        Archive(f"{tmp_path}/x.zip")


@given(st.data())
def test_no_damage_ends_otherwise_than_in_a_fault(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = make(str(tmp_path_factory.mktemp("zip") / "x.zip"), b"some text that deflates, deflates, deflates")
    with open(path, "rb") as file:
        whole = bytearray(file.read())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with open(path, "wb") as file:
        file.write(whole)
    try:
        for name, content in read_all(path).items():
            assert not name.startswith("/")  # one byte makes "a/txt" of "a.txt"
            assert zlib.crc32(content) >= 0
    except WheelFault as fault:
        assert fault.reason  # noqa: PT017 - the point is that nothing else is raised


def written(tmp_path: object, *entries: Entry) -> str:
    with open(f"{tmp_path}/x.zip", "wb") as file:
        file.write(archive(list(entries)))
    return f"{tmp_path}/x.zip"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/Readme", "a/README"),
        ("A/x", "a/X"),
        ("data", "DATA/x"),
        ("stra\u00dfe", "STRASSE"),
        ("caf\u00e9", "cafe\u0301"),
    ],
)
def test_names_that_some_file_systems_take_for_one_are_refused(tmp_path: object, one: str, other: str) -> None:
    with pytest.raises(WheelFault, match="differ in nothing but case"):
        Archive(written(tmp_path, Entry(name=one), Entry(name=other)))


def test_directories_that_differ_in_case_alone_are_not(tmp_path: object) -> None:
    assert set(read_all(written(tmp_path, Entry(name="A/x"), Entry(name="a/y")))) == {"A/x", "a/y"}


def test_a_name_is_the_same_in_the_list_and_where_it_lies(tmp_path: object) -> None:
    for local in (b"../a", b"b", b"a\0"):
        with pytest.raises(WheelFault, match="has another name where it lies"):
            read_all(written(tmp_path, Entry(name="a", content=b"1", local_name=local)))


def test_a_member_may_not_reach_into_the_next_through_its_extra_field(tmp_path: object) -> None:
    first = Entry(name="a", content=b"x" * 100, method=STORED)
    assert (
        read_all(written(tmp_path, replace(first, local_extra=b"\xfe\xca\0\0"), Entry(name="b")))["a"] == first.content
    )
    with pytest.raises(WheelFault, match="overlaps another member"):
        read_all(written(tmp_path, replace(first, claimed_extra=20), Entry(name="b", content=b"y" * 50, method=STORED)))


def test_the_list_of_members_is_not_read_when_it_makes_no_sense(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LONGEST_LIST", 1000)
    with pytest.raises(WheelFault, match="its list of members has"):
        Archive(written(tmp_path, *(Entry(name=f"{number}") for number in range(50))))


def test_many_directories_for_few_files_are_refused(tmp_path: object) -> None:
    with pytest.raises(WheelFault, match="many more directories than files"):
        Archive(written(tmp_path, *(Entry(name=f"{number}/" + "d/" * 600 + "x") for number in range(3))))
    assert len(read_all(written(tmp_path, Entry(name="d/" * 600 + "x")))) == 1
