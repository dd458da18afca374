"""flock is refused by a file system (in user space), for the environment and for the store (issue 4, number 1).

524 is not among what it refuses with: the kernel takes no errno above 511 from such a file system.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.fuse import HOST_ONLY, passthrough
from tests.support.refusing import ENOTSUPP, NO_LOCKS, name_of
from tests.support.sandbox import Sandbox
from tests.system.lockless import Lockless, live, live_shortly

KNOWN = tuple(number for number in NO_LOCKS if number != ENOTSUPP)
REFUSED = pytest.mark.parametrize("number", KNOWN, ids=name_of)


@contextmanager
def everything_on(root: Path, number: int) -> Iterator[Lockless]:
    backing = root / "backing"
    backing.mkdir()
    with passthrough(str(backing), flock=number) as (mount,):
        yield Lockless(box=Sandbox(root=mount.path))


@REFUSED
def test_who_has_no_locks_is_told_once_and_works(tmp_path: Path, number: int) -> None:
    with everything_on(tmp_path, number) as here:
        live_shortly(here)


@pytest.mark.exhaustive
@REFUSED
def test_every_command_in_each_of_its_moods(tmp_path: Path, number: int) -> None:
    with everything_on(tmp_path, number) as here:
        live(here)


@pytest.mark.parametrize(
    "number", [KNOWN[0], *(pytest.param(n, marks=pytest.mark.exhaustive) for n in KNOWN[1:])], ids=name_of
)
def test_a_store_without_locks_fails_nobody(sandbox: Sandbox, number: int) -> None:
    """Also when ``flock`` is asked for: that is about the environment, whose file system has locks."""
    with passthrough(sandbox.cache, flock=number) as (mount,):
        here = Lockless(box=sandbox, settings={"XDG_CACHE_HOME": mount.path})
        here.is_silent("install", "alpha==1.0", "--lock-mode=flock")
        here.is_silent("uninstall", "-y", "alpha")
        here.is_silent("install", "--upgrade", "alpha")
        assert os.listdir(os.path.join(sandbox.cache, "holdfast"))
        here.is_silent("cache", "clean")
        assert os.listdir(sandbox.cache) == []


def test_locks_of_one_host_only_are_not_spoken_of(tmp_path: Path) -> None:
    """They are granted; who waits never relies on them (tests/race/test_marker_hosts.py)."""
    backing = tmp_path / "backing"
    backing.mkdir()
    with passthrough(str(backing), flock=HOST_ONLY) as (mount,):
        Lockless(box=Sandbox(root=mount.path)).is_silent("install", "alpha", "--lock-mode=flock")
