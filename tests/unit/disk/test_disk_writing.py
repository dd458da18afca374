"""Making files, their rights, copying."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from holdfast import disk
from holdfast.disk import calls


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_new_file_has_exactly_its_mode(tmp_path: Path, umask: int) -> None:
    kept = os.umask(umask)
    try:
        disk.write_new(str(tmp_path / "file"), b"content", mode=0o664)
        disk.write_new(str(tmp_path / "private"), b"", sync=True)
    finally:
        os.umask(kept)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o664
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o600
    assert (tmp_path / "file").read_bytes() == b"content"


def test_nothing_that_exists_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "planted").symlink_to("victim")
    (tmp_path / "dangling").symlink_to("elsewhere")
    for name in ("victim", "planted", "dangling"):
        with pytest.raises(FileExistsError):
            disk.write_new(str(tmp_path / name), b"theirs")
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


class ShortWrites(calls.Calls):
    """Takes three bytes at a time, as a signal or a quota makes write(2) do."""

    def __init__(self) -> None:
        self.write = lambda fd, data: os.write(fd, bytes(data)[:3])
        self.pwrite = lambda fd, data, offset: os.pwrite(fd, bytes(data)[:3], offset)


def test_a_short_write_is_continued(tmp_path: Path) -> None:
    with calls.using(ShortWrites()):
        disk.write_new(str(tmp_path / "file"), b"0123456789")
        fd = disk.open_for_writing(str(tmp_path / "file"))
        disk.pwrite(fd, b"abcdefg", 2)
        disk.close(fd)
    assert (tmp_path / "file").read_bytes() == b"01abcdefg9"


class WithoutCopy(calls.Calls):
    """A file system or kernel without copy_file_range."""

    def __init__(self) -> None:
        def refuse(*_: object) -> int:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

        self.copy_file_range = refuse  # type: ignore[assignment]  # takes anything, refuses it


@pytest.mark.parametrize("backend", [calls.Calls(), WithoutCopy()], ids=["kernel", "by hand"])
def test_a_copy_is_whole(tmp_path: Path, backend: calls.Calls) -> None:
    content = os.urandom(3_000_001)
    (tmp_path / "source").write_bytes(content)
    with calls.using(backend):
        source, target = disk.open_regular(str(tmp_path / "source")), disk.open_new(str(tmp_path / "target"))
        assert disk.copy(source, target) == len(content)
        disk.close(source)
        disk.close(target)
    assert (tmp_path / "target").read_bytes() == content


def test_times_are_set_to_the_nanosecond_and_not_through_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    before = (tmp_path / "file").stat().st_mtime_ns
    disk.utime(str(tmp_path / "link"), (1, 1_000_000_007))
    assert os.lstat(tmp_path / "link").st_mtime_ns == 1_000_000_007
    assert (tmp_path / "file").stat().st_mtime_ns == before


def test_a_directory_can_be_synced_by_name_and_a_symlink_cannot(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    disk.fsync_path(str(tmp_path))
    with pytest.raises(OSError, match="symbolic links"):
        disk.fsync_path(str(tmp_path / "link"))


def test_a_stream_is_opened_through_a_symlink(tmp_path: Path) -> None:
    fifo, link = str(tmp_path / "fifo"), str(tmp_path / "link")
    os.mkfifo(fifo)
    os.symlink(fifo, link)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fd = disk.open_stream(link)
    disk.write(fd, b"through")
    disk.close(fd)
    assert os.read(reader, 100) == b"through"
    os.close(reader)
