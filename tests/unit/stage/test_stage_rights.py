"""Rights are mirrored from the final parent; the umask has no say."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast import disk
from holdfast.disk import calls
from holdfast.model.rights import Sharing, is_shared, mirror, new_root
from holdfast.stage import rights
from tests.support.faulty_disk import Fail, FaultyDisk, Point
from tests.unit.stage.staging import Directory


@pytest.mark.parametrize(
    ("parent", "directory", "file", "executable"),
    [
        (0o755, 0o755, 0o644, 0o755),
        (0o775, 0o775, 0o664, 0o775),
        (0o2775, 0o2775, 0o664, 0o775),
        (0o2755, 0o2755, 0o644, 0o755),
        (0o700, 0o700, 0o600, 0o700),
        (0o711, 0o711, 0o600, 0o700),
        (0o750, 0o750, 0o640, 0o750),
        (0o777, 0o777, 0o666, 0o777),
        (0o1777, 0o755, 0o644, 0o755),  # /tmp: each has his own
        (0o1770, 0o770, 0o660, 0o770),
        (0o3777, 0o2777, 0o666, 0o777),
        (0o4755, 0o755, 0o644, 0o755),
        (0o070, 0o770, 0o660, 0o770),
    ],
)
def test_modes_are_mirrored(parent: int, directory: int, file: int, executable: int) -> None:
    found = mirror(Directory(stat.S_IFDIR | parent), uid=1000, gid=1000)
    assert (found.directory_mode, found.file_mode, found.executable_mode) == (directory, file, executable)
    assert found.gid == 7
    assert found.mode(executable=True) == executable
    assert found.mode(executable=False) == file


@pytest.mark.parametrize(
    ("mode", "gid", "owner", "who", "shared"),
    [
        (0o775, 50, 1000, (1000, 1000), True),
        (0o2775, 50, 0, (0, 0), True),
        (0o775, 0, 0, (0, 0), True),  # containers that give everybody group 0
        (0o775, 1000, 1000, (1000, 1000), False),  # umask 002 and a group of one's own
        (0o775, 1000, 1000, (1000, 1001), True),  # another group that happens to have his number
        (0o775, 1000, 0, (1000, 1000), True),  # root lets him write
        (0o2775, 1000, 1000, (1000, 1000), True),  # setgid is a request
        (0o1777, 50, 0, (1000, 1000), False),  # /tmp is nobody's
        (0o755, 50, 1000, (1000, 1000), False),
        (0o2755, 50, 1000, (1000, 1000), False),
    ],
)
def test_a_directory_is_shared_when_a_group_may_write(
    mode: int, gid: int, owner: int, who: tuple[int, int], *, shared: bool
) -> None:
    directory = Directory(mode, gid, owner)
    assert is_shared(directory, uid=who[0], gid=who[1]) is shared
    assert mirror(directory, uid=who[0], gid=who[1]).shared is shared


@given(mode=st.integers(0, 0o7777), gid=st.integers(0, 9), uid=st.integers(0, 9))
def test_nobody_gets_more_than_the_parent_gives(mode: int, gid: int, uid: int) -> None:
    found = mirror(Directory(mode, gid), uid=uid, gid=uid)
    for each in (found.directory_mode, found.file_mode, found.executable_mode):
        assert not each & 0o077 & ~(mode | (mode & 0o444) >> 2)  # x where r, for what is executable
        assert not each & (stat.S_ISUID | stat.S_ISVTX)


@given(mode=st.integers(0, 0o7777), gid=st.one_of(st.none(), st.integers(0, 9)))
def test_shared_gives_the_group_everything_and_others_nothing(mode: int, gid: int | None) -> None:
    plain, asked = (
        mirror(Directory(mode), uid=3, gid=3),
        mirror(Directory(mode), uid=3, gid=3, sharing=Sharing(gid=gid)),
    )
    assert asked.shared
    assert asked.gid == (7 if gid is None else gid)
    assert asked.directory_mode == plain.directory_mode | 0o2070
    assert asked.file_mode == plain.file_mode | 0o060
    assert asked.executable_mode & ~0o010 == plain.executable_mode & ~0o010 | 0o060


@pytest.mark.parametrize(
    ("parent", "made", "asked", "mode", "gid"),
    [
        (0o755, 0o755, False, 0o755, 5),
        (0o755, 0o700, False, 0o700, 5),
        (0o755, 0o775, False, 0o775, 5),
        (0o755, 0o777, False, 0o775, 5),  # umask 000: not world-writable, as the parent is not
        (0o777, 0o777, False, 0o777, 7),
        (0o2755, 0o2755, False, 0o2775, 7),  # setgid is the request, although the parent lacks g+w
        (0o2755, 0o700, False, 0o2770, 7),
        (0o775, 0o755, False, 0o775, 7),
        (0o1777, 0o755, False, 0o755, 5),
        (0o1777, 0o777, False, 0o775, 5),
        (0o3777, 0o755, False, 0o2775, 7),
        (0o755, 0o755, True, 0o2775, 9),
        (0o755, 0o700, True, 0o2770, 9),
        (0o2775, 0o700, True, 0o2770, 9),
    ],
)
def test_new_roots_follow_the_umask_and_the_group_writes_where_it_is_asked_for(
    parent: int,
    made: int,
    asked: bool,  # noqa: FBT001 - a column of the table
    mode: int,
    gid: int,
) -> None:
    sharing = Sharing(gid=9) if asked else None
    found = new_root(Directory(parent), Directory(made, 5), sharing=sharing)
    assert (oct(found[0]), found[1]) == (oct(mode), gid)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_is_made_has_exactly_the_mirrored_rights(tmp_path: Path, umask: int) -> None:
    tmp_path.chmod(0o2775)
    given_rights = rights.inside(str(tmp_path))
    kept = os.umask(umask)
    try:
        assert rights.make_directory(str(tmp_path / "directory"), given_rights)
        assert rights.write_file(str(tmp_path / "file"), b"x", given_rights)
        assert rights.write_file(str(tmp_path / "script"), b"x", given_rights, executable=True)
    finally:
        os.umask(kept)
    assert stat.S_IMODE((tmp_path / "directory").stat().st_mode) == 0o2775
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o664
    assert stat.S_IMODE((tmp_path / "script").stat().st_mode) == 0o775


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a directory to any group")
def test_the_group_is_the_parents(tmp_path: Path) -> None:
    os.chown(tmp_path, -1, 4242)
    tmp_path.chmod(0o775)
    found = rights.inside(str(tmp_path))
    rights.make_directory(str(tmp_path / "directory"), found)
    rights.write_file(str(tmp_path / "file"), b"x", found)
    assert {os.stat(tmp_path / name).st_gid for name in ("directory", "file")} == {4242}


@pytest.mark.parametrize("number", [errno.EPERM, errno.EINVAL])
def test_a_refused_group_gets_no_more_than_everybody(tmp_path: Path, number: int) -> None:
    tmp_path.chmod(0o775)
    found = mirror(Directory(0o2775, os.getegid() + 1), uid=0, gid=0)
    with FaultyDisk(Point(n=0), Fail(number=number, lasting=True), names=["fchown"]):
        assert not rights.make_directory(str(tmp_path / "directory"), found)
        assert not rights.write_file(str(tmp_path / "file"), b"x", found)
    assert stat.S_IMODE((tmp_path / "directory").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_where_everybody_writes_a_refused_group_loses_nothing(tmp_path: Path) -> None:
    found = mirror(Directory(0o777, os.getegid() + 1), uid=0, gid=0)
    with FaultyDisk(Point(n=0), Fail(number=errno.EPERM, lasting=True), names=["fchown"]):
        assert rights.make_directory(str(tmp_path / "directory"), found)
        assert rights.write_file(str(tmp_path / "file"), b"x", found)
    assert stat.S_IMODE((tmp_path / "directory").stat().st_mode) == 0o777


def test_other_errors_are_not_ignored(tmp_path: Path) -> None:
    found = mirror(Directory(0o775, os.getegid() + 1), uid=0, gid=0)
    with (
        FaultyDisk(Point(n=0), Fail(number=errno.EIO), names=["fchown"]),
        pytest.raises(OSError, match="Input/output error"),
    ):
        rights.write_file(str(tmp_path / "file"), b"x", found)


def test_the_group_comes_before_the_mode(tmp_path: Path) -> None:
    found = mirror(Directory(0o2775, os.getegid() + 1), uid=0, gid=0)
    with FaultyDisk() as recorded:
        rights.make_directory(str(tmp_path / "directory"), found)
    names = [call.name for call in recorded.made]
    assert names.index("fchown") < names.index("fchmod")
    assert isinstance(calls.current, calls.Calls)
    disk.rmdir(str(tmp_path / "directory"))
