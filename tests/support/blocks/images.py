"""Images of real file systems: made, mounted, recorded while they are mounted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.support.blocks.log import Entry, read_log

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_MEGA = 1 << 20
_TRIES = 100
_PAUSE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A file system.

    Args:
        size: In MiB; small ones are copied soon.
        make: The words of mkfs; nothing is put off until it is mounted.
        options: With which it is mounted: nothing is written out because time went by, where that can be said.
    """

    name: str
    size: int
    make: tuple[str, ...]
    options: str = "noatime"


EXT4 = Kind(
    name="ext4",
    size=48,
    make=("-q", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0"),
    options="noatime,commit=600",
)
XFS = Kind(name="xfs", size=300, make=("-q",))
BTRFS = Kind(name="btrfs", size=256, make=("-q",), options="noatime,commit=600")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A file that holds one file system, and the directory that it is mounted on."""

    path: str
    kind: Kind
    place: str

    @classmethod
    def make(cls, path: str, kind: Kind, place: str) -> Image:
        """A new, empty one; skips the test where the machine cannot."""
        if os.geteuid() != 0:
            pytest.skip("only root mounts disks")
        if shutil.which(f"mkfs.{kind.name}") is None:
            pytest.skip(f"mkfs.{kind.name} is not here")
        with open(path, "wb") as file:
            file.truncate(kind.size * _MEGA)
        subprocess.run([f"mkfs.{kind.name}", *kind.make, path], check=True, capture_output=True)
        os.makedirs(place, exist_ok=True)
        return cls(path=path, kind=kind, place=place)

    def copy(self, path: str) -> Image:
        """Another one with the same content, for the same place."""
        subprocess.run(["cp", "--sparse=always", self.path, path], check=True)
        return Image(path=path, kind=self.kind, place=self.place)

    @contextmanager
    def mounted(self, *, disk: str | None = None, options: str = "") -> Iterator[str]:
        """Mount it for a block, through a loop device; what the file system left to its log is done now.

        Args:
            disk: The file that shows it, if it is not to be the image itself.
            options: More of them.
        """
        words = ",".join(filter(None, ["loop", self.kind.options, options]))
        done = subprocess.run(
            ["mount", "-t", self.kind.name, "-o", words, disk or self.path, self.place],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode != 0:
            if disk is None and not options:
                raise AssertionError(f"{self.kind.name} cannot be mounted: {done.stderr.strip()}")
            pytest.skip(f"no {self.kind.name} can be mounted here: {done.stderr.strip()}")
        try:
            yield self.place
        finally:
            _unmount(self.place)


class Recording:
    """What was written so far."""

    def __init__(self, log: str) -> None:
        self._log = log

    def entries(self) -> tuple[Entry, ...]:
        """In order."""
        return read_log(self._log)


@contextmanager
def recorded(image: Image) -> Iterator[Recording]:
    """Mount an image for a block, and record what is written; skips the test where the machine cannot."""
    if not os.path.exists("/dev/fuse"):
        pytest.skip("there is no /dev/fuse")
    log, place = f"{image.path}.log", f"{image.path}.served"
    os.mkdir(place)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.blocks.serve", image.path, log, place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": _ROOT},
        start_new_session=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        if server.stdout.readline() != b"mounted\n":
            pytest.skip("no file system can be mounted through /dev/fuse here")
        with image.mounted(disk=os.path.join(place, "disk"), options="rw"):
            yield Recording(log)
    finally:
        server.stdin.close()
        server.wait(60)
        server.stdout.close()
        subprocess.run(["umount", "-l", place], check=False, capture_output=True)  # if its server died before
        os.rmdir(place)
        os.unlink(log)


def _unmount(place: str) -> None:
    """Who looks at every mount of the machine may be in the way for a moment."""
    for _ in range(_TRIES):
        done = subprocess.run(["umount", place], check=False, capture_output=True, text=True, timeout=60)
        if done.returncode == 0:
            return
        time.sleep(_PAUSE)
    subprocess.run(["umount", "-l", place], check=False, capture_output=True, timeout=60)
    raise AssertionError(f"{place} is in use: {done.stderr.strip()}")
