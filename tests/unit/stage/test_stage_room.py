"""Room is asked for on real small file systems."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.errors import TargetError
from holdfast.model.changes import ChangeSet, Place, Step, StepKind
from holdfast.model.composed import FromStore, Generated, PlacedFile
from holdfast.model.request import LinkMode
from holdfast.model.target import SchemeKey
from holdfast.stage.room import check_room_for_downloads, check_room_for_files
from tests.support.areas import bare_target, begin
from tests.support.mounts import small_tmpfs

MIB = 1 << 20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[str]:
    with small_tmpfs(str(tmp_path / "small"), size=MIB, inodes=60) as path:
        yield path


def stored(path: str, size: int) -> PlacedFile:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(bytes(size))
    return placed(os.path.basename(path), size, FromStore(path=path))


def placed(name: str, size: int, source: FromStore | Generated) -> PlacedFile:
    return PlacedFile(scheme=SchemeKey.PURELIB, path=name, size=size, digest="", executable=False, source=source)


def changes_of(*files: tuple[str, PlacedFile]) -> ChangeSet:
    step = Step(n=0, kind=StepKind.PLACE, place=Place(scheme=SchemeKey.PURELIB, path="demo"), directory=True, owners=())
    return ChangeSet(projects=(), expectations=(), steps=(step,), contents={0: files}, listed={})


def check(target_root: str, changes: ChangeSet, mode: LinkMode = LinkMode.AUTO) -> None:
    with begin(bare_target(target_root)) as tx:
        check_room_for_files(changes, tx, mode)


def test_a_download_that_the_work_area_cannot_take_is_refused(small: str, tmp_path: Path) -> None:
    work = os.path.join(small, "work")  # not made yet
    with pytest.raises(TargetError) as caught:
        check_room_for_downloads([10, 2 * MIB], work=work, store=str(tmp_path))
    assert caught.value.cause == (
        f"There is no room in {work}: 2,097,152 bytes are needed there, 1,048,576 are available."
    )
    check_room_for_downloads([MIB, MIB, MIB], work=work, store=str(tmp_path))  # each is removed when it is unpacked
    check_room_for_downloads([], work=work, store=work)


def test_downloads_that_no_store_can_hold_are_refused_though_each_could_arrive(small: str, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"2,097,152 bytes are needed there, 1,048,576 are available"):
        check_room_for_downloads([MIB, MIB], work=small, store=os.path.join(small, "cache"))
    check_room_for_downloads([MIB, MIB], work=str(tmp_path), store=small)  # a full cache is no error


def test_what_must_be_copied_needs_bytes(small: str, tmp_path: Path) -> None:
    changes = changes_of(("a", stored(str(tmp_path / "store" / "a"), 2 * MIB)))
    with pytest.raises(TargetError, match=r"2,097,152 bytes are needed there, 1,\d{3},\d{3} are available") as caught:
        check(small, changes)
    assert caught.value.exit_code == 3
    assert f"{small}/lib/.holdfast-" in caught.value.cause
    check(small, changes, LinkMode.SYMLINK)


def test_a_hard_link_needs_none(small: str) -> None:
    changes = changes_of(("a", stored(f"{small}/store/a", MIB * 3 // 4)))
    check(small, changes)
    with pytest.raises(TargetError, match="786,432 bytes are needed"):
        check(small, changes, LinkMode.COPY)


def test_directories_and_written_files_need_inodes(small: str) -> None:
    linked = stored(f"{small}/store/a", 1)
    check(small, changes_of(*((f"deep/{n}", linked) for n in range(100))))
    with pytest.raises(TargetError, match=r"100 inodes are needed there, \d\d are available") as caught:
        check(small, changes_of(*((f"{n}/a", linked) for n in range(100))))
    assert (caught.value.hint or "").startswith("Make room there, then repeat the command: df -i /")
    with pytest.raises(TargetError, match=r"101 inodes are needed"):
        check(small, changes_of(*((f"{n}", placed(f"{n}", 1, Generated(content=b"1"))) for n in range(100))))
