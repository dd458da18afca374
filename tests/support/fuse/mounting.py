"""Mounts of one directory through user space, for a block."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import pytest

HOST_ONLY: Literal["local"] = "local"
"""A flock that succeeds and that nobody knows of who looks through another mount."""
_LARGEST = 512
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mount.

    Attributes:
        path: Where it is.
        pid: Of the process that serves it: stopped, the file system hangs; killed, it answers ENOTCONN.
    """

    path: str
    pid: int


@contextmanager
def passthrough(
    backing: str,
    *,
    flock: int | Literal["local"] | None = None,
    mounts: int = 1,
    valid: float = 0.0,
    refused: Mapping[str, int] | None = None,
) -> Iterator[tuple[Mount, ...]]:
    """Show a directory through user space, in new directories beside it (``BACKING.mount-0`` ...).

    Rights are checked by the kernel, and what is made belongs to who made it. Skips the test where the machine
    cannot do that.

    Args:
        backing: An existing directory.
        flock: What flock does. None: the backing file's is taken, so that all mounts and the backing directory share
            it; an errno below 512 (the kernel takes no other from here): it is answered; `HOST_ONLY` ("local"): each
            mount has its own, as if it were a host.
        mounts: How many.
        valid: Seconds that the kernel believes a name or an attribute, as it does on network file systems.
        refused: Other requests that are refused: an opcode's name (``LINK``, ``RENAME2``, ``FSYNC``) and an errno.
    """
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system of its own")
    if not os.path.exists("/dev/fuse"):
        pytest.skip("there is no /dev/fuse")
    if isinstance(flock, int) and not 0 < flock < _LARGEST:
        raise ValueError(f"the kernel does not take {flock} from a file system in user space")
    word = "through" if flock is None else "here" if flock == HOST_ONLY else str(flock)
    options = [word, str(valid), *(f"{name.upper()}={number}" for name, number in (refused or {}).items())]
    servers: list[subprocess.Popen[bytes]] = []
    made = [f"{backing}.mount-{number}" for number in range(mounts)]
    for path in made:
        os.mkdir(path)
    try:
        yield tuple(Mount(path=path, pid=_serve(backing, path, options, servers)) for path in made)
    finally:
        for server in servers:
            _end(server)
        for path in made:
            subprocess.run(["umount", "-l", path], check=False, capture_output=True)  # if its server died before
            os.rmdir(path)


def _serve(backing: str, path: str, options: list[str], servers: list[subprocess.Popen[bytes]]) -> int:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.fuse.serve", backing, path, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": _ROOT},
        start_new_session=True,
    )
    servers.append(server)
    assert server.stdout is not None
    if server.stdout.readline() != b"mounted\n":
        pytest.skip("no file system can be mounted through /dev/fuse here")
    return server.pid


def _end(server: subprocess.Popen[bytes]) -> None:
    """Its end of file is its order to unmount; stopped by the test, it goes on first."""
    server.send_signal(signal.SIGCONT)
    for stream in (server.stdin, server.stdout):
        assert stream is not None
        stream.close()
    server.wait(20)
