"""The file system in user space: what is seen through it, and what its flock does."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.fuse import HOST_ONLY, passthrough
from tests.support.trees import snapshot

KNOWN = [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL]


@pytest.fixture
def backing(tmp_path: Path) -> str:
    path = tmp_path / "backing"
    path.mkdir()
    (path / "file").write_text("content")
    return str(path)


def grants(path: str, name: str = "file") -> bool:
    """Whether somebody else gets the lock."""
    code = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    done = subprocess.run([sys.executable, "-c", code, os.path.join(path, name)], check=False, capture_output=True)
    return done.returncode == 0


def test_what_is_done_through_it_is_done_to_the_backing_directory(backing: str) -> None:
    with passthrough(backing, mounts=2) as (one, two):
        Path(one.path, "large").write_bytes(os.urandom(1_000_000))
        assert Path(two.path, "large").read_bytes() == Path(backing, "large").read_bytes()
        os.mkdir(f"{one.path}/made", 0o750)
        os.rename(f"{one.path}/large", f"{one.path}/made/moved")
        os.symlink("moved", f"{two.path}/made/link")
        os.link(f"{two.path}/made/moved", f"{two.path}/again")
        assert os.stat(f"{one.path}/again").st_nlink == 2
        os.chmod(f"{one.path}/again", 0o640)
        os.utime(f"{one.path}/again", (1, 2))
        os.chown(f"{one.path}/made/link", 12, 34, follow_symlinks=False)
        os.truncate(f"{two.path}/again", 10)
        subprocess.run(["cp", "-a", os.path.dirname(__file__), f"{one.path}/copied"], check=True)
        assert snapshot(f"{two.path}") == snapshot(f"{one.path}") == snapshot(backing)
        subprocess.run(["rm", "-r", f"{two.path}/copied", f"{two.path}/made"], check=True)
        assert sorted(os.listdir(one.path)) == sorted(os.listdir(backing)) == ["again", "file"]
    assert os.listdir(os.path.dirname(backing)) == ["backing"]


def test_a_directory_held_open_is_known_to_be_gone(backing: str) -> None:
    with passthrough(backing, mounts=2) as (one, two):
        os.mkdir(f"{one.path}/made")
        held = os.open(f"{one.path}/made", os.O_RDONLY)
        os.rmdir(f"{two.path}/made")
        with pytest.raises(FileNotFoundError):
            os.rename(f"{one.path}/file", "file", dst_dir_fd=held)
        os.close(held)


def test_flock_is_that_of_the_backing_file(backing: str) -> None:
    with passthrough(backing, mounts=2) as (one, two), open(f"{one.path}/file") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert (grants(one.path), grants(two.path), grants(backing)) == (False, False, False)
        waiting = subprocess.Popen(["flock", f"{two.path}/file", "true"])
        time.sleep(0.1)
        assert waiting.poll() is None
        fcntl.flock(file, fcntl.LOCK_UN)
        assert waiting.wait(10) == 0


def test_flock_of_one_host_only(backing: str) -> None:
    with passthrough(backing, flock=HOST_ONLY, mounts=2) as (one, two), open(f"{one.path}/file") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert (grants(one.path), grants(two.path), grants(backing)) == (False, True, True)


@pytest.mark.parametrize("number", KNOWN, ids=errno.errorcode.__getitem__)
def test_flock_that_is_refused(backing: str, number: int) -> None:
    with passthrough(backing, flock=number) as (mount,), open(f"{mount.path}/file", "r+") as file:
        for _ in range(3):  # and the kernel does not make up for it
            with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is looked at
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            assert caught.value.errno == number


def test_an_errno_that_the_kernel_does_not_take_is_said(backing: str) -> None:
    with pytest.raises(ValueError, match="524"), passthrough(backing, flock=524):
        pass


def test_another_request_that_is_refused(backing: str) -> None:
    with passthrough(backing, refused={"link": errno.EPERM}) as (mount,):
        with pytest.raises(PermissionError):
            os.link(f"{mount.path}/file", f"{mount.path}/again")
        os.rename(f"{mount.path}/file", f"{mount.path}/again")


def test_nothing_is_left_of_a_server_that_was_stopped_or_killed(backing: str) -> None:
    for number in (signal.SIGSTOP, signal.SIGKILL):
        with passthrough(backing) as (mount,):
            os.kill(mount.pid, number)
        assert not os.path.exists(mount.path)
        assert mount.path not in Path("/proc/mounts").read_text()
