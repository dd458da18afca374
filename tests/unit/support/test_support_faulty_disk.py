from __future__ import annotations

import errno
import fcntl
import os

import pytest

from holdfast import disk
from tests.support.faulty_disk import (
    Call,
    Fail,
    FaultyDisk,
    Kill,
    Killed,
    Point,
    When,
    points,
    recorded,
    share,
    stopped,
)


def work(root: str) -> None:
    """Five mutating calls: mkdir, create, write, fsync, rename."""
    disk.mkdir(f"{root}/new")
    directory = disk.open_dir(f"{root}/new")
    fd = disk.open_new("file", dir_fd=directory)
    try:
        disk.write(fd, b"0123456789")
        disk.fsync(fd)
    finally:
        disk.close(fd)
        disk.close(directory)
    disk.rename(f"{root}/new/file", f"{root}/file")


@pytest.fixture
def root(tmp_path: object) -> str:
    return str(tmp_path)


def test_calls_are_counted_with_their_paths(root: str) -> None:
    assert recorded(lambda: work(root)) == (
        Call(name="mkdir", paths=(f"{root}/new",)),
        Call(name="create", paths=(f"{root}/new/file",)),
        Call(name="write", paths=(f"{root}/new/file",)),
        Call(name="fsync", paths=(f"{root}/new/file",)),
        Call(name="rename", paths=(f"{root}/new/file", f"{root}/file")),
    )


def test_only_what_counts_is_counted(root: str) -> None:
    assert [call.name for call in recorded(lambda: work(root), names=("rename", "open"))] == ["open", "rename"]
    os.remove(f"{root}/file")
    os.rmdir(f"{root}/new")
    made = recorded(lambda: work(root), only=lambda call: call.paths[-1] == f"{root}/file")
    assert [call.name for call in made] == ["rename"]


def test_a_kill_before_a_call_is_a_disk_without_it(root: str) -> None:
    with stopped(), FaultyDisk(Point(n=4), Kill()) as faulty:
        work(root)

    assert faulty.fired == Call(name="rename", paths=(f"{root}/new/file", f"{root}/file"))
    assert not os.path.exists(f"{root}/file")
    assert os.path.exists(f"{root}/new/file")


def test_a_kill_after_a_call_is_a_disk_with_it(root: str) -> None:
    with stopped(), FaultyDisk(Point(n=4, when=When.AFTER), Kill()):
        work(root)

    assert os.path.exists(f"{root}/file")


def test_a_kill_midway_leaves_half_of_a_write(root: str) -> None:
    with stopped(), FaultyDisk(Point(n=2, when=When.MIDWAY), Kill()):
        work(root)

    assert os.path.getsize(f"{root}/new/file") == 5


def test_nothing_happens_after_a_kill(root: str) -> None:
    with FaultyDisk(Point(n=0), Kill()):
        with pytest.raises(Killed):
            disk.mkdir(f"{root}/never")
        with pytest.raises(Killed):
            disk.mkdir(f"{root}/cleanup")
        with pytest.raises(Killed):
            disk.listdir(root)

    assert os.listdir(root) == []


def test_the_dead_give_up_their_flocks(root: str) -> None:
    with stopped(), FaultyDisk(Point(n=1), Kill()):
        fd = disk.open_new(f"{root}/held")
        disk.try_flock(fd)
        disk.mkdir(f"{root}/never")

    with open(f"{root}/held", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_an_error_happens_once_and_names_its_path(root: str) -> None:
    with FaultyDisk(Point(n=0), Fail(number=errno.ENOSPC)):
        with pytest.raises(OSError, match="No space") as caught:
            disk.mkdir(f"{root}/one")
        disk.mkdir(f"{root}/two")

    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, f"{root}/one")
    assert os.listdir(root) == ["two"]


def test_a_full_disk_stays_full(root: str) -> None:
    with FaultyDisk(Point(n=1), Fail(number=errno.ENOSPC, lasting=True)):
        disk.mkdir(f"{root}/one")
        for name in ("two", "three"):
            with pytest.raises(OSError, match="No space"):
                disk.mkdir(f"{root}/{name}")

    assert os.listdir(root) == ["one"]


def test_an_error_after_the_call_is_a_lie_of_the_network(root: str) -> None:
    with FaultyDisk(Point(n=0, when=When.AFTER), Fail(number=errno.EIO)), pytest.raises(OSError, match="error"):
        disk.mkdir(f"{root}/one")

    assert os.listdir(root) == ["one"]


def test_the_real_disk_is_back_after_the_block(root: str) -> None:
    with stopped(), FaultyDisk(Point(n=0), Kill()):
        disk.mkdir(f"{root}/one")
    disk.mkdir(f"{root}/two")

    assert os.listdir(root) == ["two"]


def test_points_are_every_place_in_every_call() -> None:
    made = (Call(name="mkdir"), Call(name="write"))

    assert [str(point) for point in points(made)] == [
        "0-before-mkdir",
        "0-after-mkdir",
        "1-before-write",
        "1-midway-write",
        "1-after-write",
    ]
    assert [str(point) for point in points(made, When.AFTER)] == ["0-after-mkdir", "1-after-write"]


def test_a_share_is_spread_and_keeps_both_ends() -> None:
    every = points((Call(name="mkdir"),) * 50)

    few = share(every, 7)

    assert (len(few), few[0], few[-1]) == (7, every[0], every[-1])
    assert share(every, 1000) == every
