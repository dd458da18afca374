"""Small file systems that fill up soon."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


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
