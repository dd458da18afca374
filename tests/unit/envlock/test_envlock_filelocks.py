"""Who notices a file lock, by the file system; and what a file system must say to be believed that it has none."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast import disk
from holdfast.disk import calls
from holdfast.envlock.filelocks import Reach, reach, refusal
from holdfast.errors import LockUnavailableError


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("ext4", "rw", Reach.EVERYBODY),
        ("overlay", "rw,volatile", Reach.EVERYBODY),
        ("zfs", "rw,xattr,noacl", Reach.EVERYBODY),
        ("nfs4", "rw,vers=4.2,local_lock=none", Reach.EVERYBODY),
        ("nfs", "rw,vers=3,local_lock=none", Reach.EVERYBODY),
        ("nfs", "rw,vers=3,nolock,local_lock=all", Reach.THIS_HOST),
        ("nfs", "rw,local_lock=flock", Reach.THIS_HOST),
        ("lustre", "rw,flock,lazystatfs", Reach.EVERYBODY),
        ("lustre", "rw,localflock,lazystatfs", Reach.THIS_HOST),
        ("lustre", "rw", Reach.THIS_HOST),
        ("cifs", "rw,nobrl", Reach.THIS_HOST),
        ("fuse.glusterfs", "rw", Reach.EVERYBODY),
        ("fuse.sshfs", "rw", Reach.THIS_HOST),
        ("fuse", "rw", Reach.THIS_HOST),
        ("virtiofs", "rw", Reach.THIS_HOST),
        ("9p", "rw", Reach.THIS_HOST),
        ("", "", Reach.UNKNOWN),
    ],
)
def test_only_what_is_known_to_pass_locks_on_is_believed(kind: str, options: str, expected: Reach) -> None:
    assert reach(disk.FileSystem(type=kind, options=frozenset(options.split(",")))) is expected


class Refusing(calls.Calls):
    """Answers flock with errors, then as the system does."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)

    def flock(self, fd: int, operation: int) -> None:  # type: ignore[override] # a method in place of a function
        if self.numbers:
            raise OSError(number := self.numbers.pop(0), os.strerror(number))
        fcntl.flock(fd, operation)


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    opened = disk.open_new(str(tmp_path / "file"))
    yield opened
    disk.close(opened)


def test_no_locks_is_an_answer_and_what_passes_is_tried_again(fd: int) -> None:
    for numbers, left, answer in (
        ((), 0, None),
        ((errno.ENOLCK, errno.EINTR), 0, None),
        ((errno.ENOLCK,) * 4, 1, errno.ENOLCK),
        ((errno.ENOSYS,) * 4, 3, errno.ENOSYS),
        ((524,), 0, 524),
    ):
        with calls.using(Refusing(*numbers)) as used:
            error = refusal(fd, "/lib")
        assert (error and error.errno, len(used.numbers)) == (answer, left)  # type: ignore[attr-defined] # ours


def test_what_is_no_answer_is_raised(fd: int) -> None:
    with calls.using(Refusing(errno.EIO)), pytest.raises(OSError, match="Input/output"):
        refusal(fd, "/lib")
    with calls.using(Refusing(*(errno.EAGAIN,) * 3)), pytest.raises(LockUnavailableError, match="nobody else knows"):
        refusal(fd, "/lib")
