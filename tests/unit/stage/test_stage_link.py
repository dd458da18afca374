from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace

import pytest

from holdfast import disk
from holdfast.errors import TargetError
from holdfast.model.composed import FromStore
from holdfast.model.request import LinkMode
from holdfast.model.rights import Rights, mirror
from holdfast.stage.link import Linker
from tests.support.faulty_disk import Fail, FaultyDisk, Point
from tests.unit.stage.staging import Directory

PRIVATE = mirror(Directory(0o755, os.getgid(), os.getuid()), uid=os.getuid(), gid=os.getgid())
TIME = 1_000_000_000_123_456_789


@pytest.fixture
def source(tmp_path: object) -> FromStore:
    path = f"{tmp_path}/stored.py"
    with open(path, "w", encoding="utf-8") as file:
        file.write("x = 1\n" * 100_000)
    os.chmod(path, 0o644)
    os.utime(path, ns=(TIME, TIME))
    return FromStore(path=path, mtime_ns=TIME)


def bring(tmp_path: object, source: FromStore, mode: LinkMode, given: Rights = PRIVATE, *, count: int = 1) -> list[str]:
    os.makedirs(f"{tmp_path}/new", exist_ok=True)
    fd = disk.open_dir(f"{tmp_path}/new")
    try:
        linker = Linker(mode, fd)
        for n in range(count):
            linker.bring(source, str(n), given, executable=False)
    finally:
        disk.close(fd)
    return [f"{tmp_path}/new/{n}" for n in range(count)]


def is_a_copy(path: str, source: FromStore, mode: int) -> bool:
    status = os.lstat(path)
    with open(path, "rb") as copy, open(source.path, "rb") as original:
        same = copy.read() == original.read()
    ours = (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (mode, TIME)
    return same and ours and not os.path.samefile(path, source.path)


def test_auto_links_hard_in_a_private_target(tmp_path: object, source: FromStore) -> None:
    (path,) = bring(tmp_path, source, LinkMode.AUTO)
    assert os.path.samefile(path, source.path)


@pytest.mark.parametrize(
    ("parent", "expected"),
    [(0o2775, 0o664), (0o700, 0o600), (0o750, 0o640)],
    ids=["shared", "private to the user", "private to a group"],
)
def test_auto_copies_where_a_link_would_carry_other_rights(
    tmp_path: object, source: FromStore, parent: int, expected: int
) -> None:
    given = mirror(Directory(parent, os.getgid(), os.getuid()), uid=os.getuid(), gid=os.getgid())
    (path,) = bring(tmp_path, source, LinkMode.AUTO, given)
    assert is_a_copy(path, source, expected)


def test_a_group_of_ones_own_is_no_reason_to_copy(tmp_path: object, source: FromStore) -> None:
    (path,) = bring(tmp_path, source, LinkMode.AUTO, mirror(Directory(0o775, 1000, 1000), uid=1000, gid=1000))
    assert os.path.samefile(path, source.path)


def test_what_belongs_to_somebody_else_is_copied(tmp_path: object, source: FromStore) -> None:
    (path,) = bring(tmp_path, replace(source, linkable=False), LinkMode.AUTO)
    assert is_a_copy(path, source, 0o644)


@pytest.mark.parametrize("mode", [LinkMode.COPY, LinkMode.AUTO])
@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
def test_refused_links_end_in_copies(tmp_path: object, source: FromStore, mode: LinkMode, number: int) -> None:
    with FaultyDisk(Point(n=0), Fail(number=number, lasting=True), names={"link"}):
        paths = bring(tmp_path, source, mode, count=3)
    assert all(is_a_copy(path, source, 0o644) for path in paths)


def test_where_neither_links_nor_clones_work_files_are_copied(tmp_path: object, source: FromStore) -> None:
    with FaultyDisk(Point(n=0), Fail(number=errno.EOPNOTSUPP, lasting=True), names={"link", "ficlone"}) as faulty:
        paths = bring(tmp_path, source, LinkMode.AUTO, count=3)
    assert [call.name for call in faulty.made] == ["link", "ficlone"]
    assert all(is_a_copy(path, source, 0o644) for path in paths)


def test_a_refusal_is_learnt_once_but_too_many_links_are_of_one_file(tmp_path: object, source: FromStore) -> None:
    for number, asked in ((errno.EXDEV, 1), (errno.EMLINK, 3)):
        with FaultyDisk(Point(n=0), Fail(number=number, lasting=True), names={"link"}) as faulty:
            bring(f"{tmp_path}/{number}", source, LinkMode.AUTO, count=3)
        assert len(faulty.made) == asked


def test_a_full_disk_is_no_reason_to_copy(tmp_path: object, source: FromStore) -> None:
    with FaultyDisk(Point(n=0), Fail(number=errno.ENOSPC), names={"link"}), pytest.raises(OSError, match="No space"):
        bring(tmp_path, source, LinkMode.AUTO)


def test_what_was_asked_for_by_name_is_done_or_refused(tmp_path: object, source: FromStore) -> None:
    with (
        FaultyDisk(Point(n=0), Fail(number=errno.EXDEV), names={"link"}),
        pytest.raises(TargetError, match="--link-mode=hardlink does not work for this target: Invalid cross-device"),
    ):
        bring(tmp_path, source, LinkMode.HARDLINK)
    with (
        FaultyDisk(Point(n=0), Fail(number=errno.EOPNOTSUPP), names={"ficlone"}),
        pytest.raises(TargetError, match="--link-mode=reflink does not work"),
    ):
        bring(f"{tmp_path}/r", source, LinkMode.REFLINK)
    with pytest.raises(TargetError, match="the store's owner and rights"):
        bring(f"{tmp_path}/h", replace(source, linkable=False), LinkMode.HARDLINK)
    with pytest.raises(TargetError, match="would lead nowhere"):
        bring(f"{tmp_path}/s", replace(source, lasting=False), LinkMode.SYMLINK)
    (path,) = bring(f"{tmp_path}/t", source, LinkMode.SYMLINK)
    assert os.readlink(path) == source.path
