"""Safe opening: nothing planted is followed, waited for, or read without end."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from holdfast import disk


@pytest.fixture
def fds() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_a_fifo_is_refused_at_once(tmp_path: Path, fds: set[str]) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(disk.NotRegularError):
        disk.read_regular(str(tmp_path / "fifo"), limit=10)
    assert len(os.listdir("/proc/self/fd")) == len(fds)


def test_a_symlink_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to("secret")
    with pytest.raises(OSError, match="symbolic links"):
        disk.read_regular(str(tmp_path / "link"), limit=10)


@pytest.mark.parametrize("write", [False, True])
def test_directory_and_socket_are_refused(tmp_path: Path, *, write: bool) -> None:
    (tmp_path / "directory").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        home = os.open(tmp_path, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{home}/socket")  # the path of a socket is short
        os.close(home)
        for name in ("directory", "socket"):
            with pytest.raises(OSError, match=r"Not a regular|No such device|Is a directory"):
                disk.open_regular(str(tmp_path / name), write=write)


def test_no_more_is_read_than_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 10_000)
    assert len(disk.read_regular(str(tmp_path / "file"), limit=4096)) == 4096
    assert len(disk.read_regular(str(tmp_path / "file"), limit=100_000)) == 10_000


def test_a_directory_is_not_opened_through_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("directory")
    with pytest.raises(NotADirectoryError):
        disk.open_dir(str(tmp_path / "link"))
    disk.close(disk.open_dir(str(tmp_path / "directory")))


def test_a_dangling_symlink_exists_and_below_a_file_nothing_does(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "file").touch()
    assert disk.lexists(str(tmp_path / "link"))
    assert not disk.lexists(str(tmp_path / "file" / "below"))


def test_the_nearest_directory_is_real(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file").touch()
    real = os.path.realpath(tmp_path)
    assert disk.nearest_directory(str(tmp_path / "link" / "a" / "b")) == f"{real}/real"
    assert disk.nearest_directory(str(tmp_path / "file" / "a")) == real
    assert disk.nearest_directory("nowhere/at/all") == os.path.realpath(".")
