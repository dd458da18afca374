"""Small file systems that fill up soon, and mounts that nobody else sees."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.support.users import User


@contextmanager
def small_tmpfs(path: str, *, size: int = 1 << 20, inodes: int = 1000) -> Iterator[str]:
    """Mount a tmpfs for a block, in a new directory; skips the test where the machine refuses that."""
    os.mkdir(path)
    options = f"size={size},nr_inodes={inodes}"
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "none", path], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        pytest.skip(f"no tmpfs can be mounted: {error}")
    if done.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted: {done.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


MAKE: dict[str, tuple[int, tuple[str, ...]]] = {
    "ext4": (8 << 20, ("mkfs.ext4", "-q", "-F", "-m", "0", "-N", "256")),
    "xfs": (300 << 20, ("mkfs.xfs", "-q", "-i", "maxpct=1")),
    "btrfs": (110 << 20, ("mkfs.btrfs", "-q", "-m", "single")),
}
"""Block file systems with few inodes (btrfs counts none): the smallest that their tools make, and how."""


@contextmanager
def small_filesystem(kind: str, path: str, *, roomy: bool = False) -> Iterator[str]:
    """Mount a small file system for a block, in a new directory; skips the test where the machine refuses that.

    Args:
        kind: ``tmpfs``, or a key of `MAKE`: in a sparse file beside the directory.
        path: Of the directory.
        roomy: It is not to be filled up.
    """
    if kind == "tmpfs":
        with small_tmpfs(path, size=(256 if roomy else 2) << 20, inodes=20_000 if roomy else 400) as made:
            yield made
        return
    size, command = (300 << 20, (*MAKE[kind][1][:2],)) if roomy else MAKE[kind]
    if os.geteuid() != 0 or shutil.which(command[0], path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
        pytest.skip(f"only root, with {command[0]}, makes a small {kind}")
    image = f"{path}.img"
    with open(image, "wb") as file:
        file.truncate(size)
    os.mkdir(path)
    words = (shutil.which(command[0], path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or command[0], *command[1:], image)
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    done = subprocess.run(["mount", "-o", "loop", image, path], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        pytest.skip(f"no {kind} can be mounted: {done.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)
        os.unlink(image)


def fill_up(directory: str, unit: str, *, spare: int = 0) -> None:
    """Take all but what is spared of a file system: ``bytes``, or ``inodes`` (which not every one counts)."""
    os.mkdir(directory)
    if unit == "inodes":
        for number in range(os.statvfs(directory).f_favail + 1 - spare):
            try:
                os.close(os.open(f"{directory}/{number}", os.O_CREAT | os.O_WRONLY))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                return
        return
    fd = os.open(f"{directory}/filler", os.O_CREAT | os.O_WRONLY)
    try:
        end, step = 0, 1 << 26
        while step >= 1024:
            try:
                os.posix_fallocate(fd, end, step)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                step //= 2
            else:
                end += step
        os.ftruncate(fd, max(0, end - spare))
    finally:
        os.close(fd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounts:
    """A mount namespace of its own, kept by a process that sleeps."""

    keeper: int

    @property
    def enter(self) -> tuple[str, ...]:
        """The words before a command of root's that is to run in it."""
        return ("nsenter", f"--mount=/proc/{self.keeper}/ns/mnt")

    def as_user(self, user: User) -> tuple[str, ...]:
        """The same for a command of a user's; root starts it."""
        groups = ",".join(map(str, user.groups)) or str(user.gid)
        return (*self.enter, "setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", f"--groups={groups}")

    def run(self, *args: str) -> str:
        """Run a command of root's in it; its output."""
        return subprocess.run([*self.enter, *args], capture_output=True, text=True, check=True, timeout=30).stdout

    def tmpfs(self, path: str, *options: str) -> None:
        """Mount a tmpfs on a directory."""
        self.run("mount", "-t", "tmpfs", *(("-o", ",".join(options)) if options else ()), "none", path)

    def seen(self, path: str) -> str:
        """Where root sees, from outside, what lies at a path in it."""
        return f"/proc/{self.keeper}/root{path}"


@contextmanager
def private_mounts(*, seconds: int = 600) -> Iterator[Mounts]:
    """A mount namespace for a block; what is mounted in it goes with it. Skips where the machine refuses that.

    Args:
        seconds: After which it ends though nobody ended it.
    """
    words = ("unshare", "--mount", "--propagation", "private", "sh", "-c", f"echo && exec sleep {seconds}")
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "setpriv", "mount"))):
        pytest.skip("only root mounts, with util-linux")
    keeper = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert keeper.stdout is not None
        if not keeper.stdout.readline():
            pytest.skip(f"no mount namespace here: {keeper.communicate()[1].strip()}")
        yield Mounts(keeper=keeper.pid)
    finally:
        keeper.kill()
        keeper.communicate()
