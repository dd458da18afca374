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
from holdfast.stage import rights
from tests.support.faulty_disk import Fail, FaultyDisk, Point


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
        (0o1777, 0o777, 0o666, 0o777),
        (0o4755, 0o755, 0o644, 0o755),
        (0o070, 0o770, 0o660, 0o770),
    ],
)
def test_modes_are_mirrored(parent: int, directory: int, file: int, executable: int) -> None:
    found = rights.mirror(stat.S_IFDIR | parent, 7, uid=1000)
    assert (found.directory_mode, found.file_mode, found.executable_mode) == (directory, file, executable)
    assert found.gid == 7
    assert found.mode(executable=True) == executable
    assert found.mode(executable=False) == file


@pytest.mark.parametrize(
    ("mode", "gid", "uid", "shared"),
    [
        (0o775, 50, 1000, True),
        (0o2775, 50, 0, True),
        (0o775, 0, 0, True),  # containers that give everybody group 0
        (0o775, 1000, 1000, False),  # umask 002 and a group of one's own
        (0o2775, 1000, 1000, True),  # setgid is a request
        (0o755, 50, 1000, False),
        (0o2755, 50, 1000, False),
    ],
)
def test_a_directory_is_shared_when_a_group_may_write(mode: int, gid: int, uid: int, *, shared: bool) -> None:
    assert rights.mirror(mode, gid, uid=uid).shared is shared


@given(mode=st.integers(0, 0o7777), gid=st.integers(0, 9), uid=st.integers(0, 9))
def test_nobody_gets_more_than_the_parent_gives(mode: int, gid: int, uid: int) -> None:
    found = rights.mirror(mode, gid, uid=uid)
    for each in (found.directory_mode, found.file_mode, found.executable_mode):
        assert not each & 0o077 & ~(mode | (mode & 0o444) >> 2)  # x where r, for what is executable
        assert not each & (stat.S_ISUID | stat.S_ISVTX)
        refused = rights.without_group(each)
        assert (refused & 0o070) >> 3 == refused & 0o007 == each & 0o007
        assert not refused & stat.S_ISGID


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
    found = rights.mirror(0o2775, os.getegid() + 1, uid=0)
    with FaultyDisk(Point(n=0), Fail(number=number, lasting=True), names=["fchown"]):
        assert not rights.make_directory(str(tmp_path / "directory"), found)
        assert not rights.write_file(str(tmp_path / "file"), b"x", found)
    assert stat.S_IMODE((tmp_path / "directory").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_other_errors_are_not_ignored(tmp_path: Path) -> None:
    found = rights.mirror(0o775, os.getegid() + 1, uid=0)
    with (
        FaultyDisk(Point(n=0), Fail(number=errno.EIO), names=["fchown"]),
        pytest.raises(OSError, match="Input/output error"),
    ):
        rights.write_file(str(tmp_path / "file"), b"x", found)


def test_the_group_comes_before_the_mode(tmp_path: Path) -> None:
    found = rights.mirror(0o2775, os.getegid() + 1, uid=0)
    with FaultyDisk() as recorded:
        rights.make_directory(str(tmp_path / "directory"), found)
    names = [call.name for call in recorded.made]
    assert names.index("fchown") < names.index("fchmod")
    assert isinstance(calls.current, calls.Calls)
    disk.rmdir(str(tmp_path / "directory"))
