"""Small file systems that fill up soon, and mounts that nobody else sees."""

from __future__ import annotations

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
