"""overlayfs: what a lower layer holds is upgraded, whatever stops it (design section 4; promise P1).

The mounts are real, in a mount namespace of their own: ``redirect_dir=off`` as container engines have it, so that a
directory of a lower layer answers EXDEV to every rename. The commit is stopped in the process, as in ``tests/crash``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.model.owner import LockMode
from tests.support.mounts import Mounts, private_mounts
from tests.system.layers import ROUNDS, round_in
from tests.system.paused_layers import MOST, paused_in

SOME = [6, pytest.param(100_000, marks=pytest.mark.exhaustive)]


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    """A mount namespace that has a tmpfs in ``memory`` and knows overlayfs."""
    with private_mounts() as made:
        memory = tmp_path / "memory"
        memory.mkdir()
        made.tmpfs(str(memory))
        for name in ("low", "up", "work", "at"):
            made.run("mkdir", f"{memory}/{name}")
        options = f"lowerdir={memory}/low,upperdir={memory}/up,workdir={memory}/work,redirect_dir=off"
        try:
            made.run("mount", "-t", "overlay", "-o", options, "none", f"{memory}/at")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no overlay can be mounted: {error.stderr.strip()}")
        made.run("umount", f"{memory}/at")
        yield made


@pytest.mark.parametrize("limit", SOME)
@pytest.mark.parametrize("name", ROUNDS)
def test_stopped_at_every_call_above_a_lower_layer(mounts: Mounts, tmp_path: Path, name: str, limit: int) -> None:
    round_in(mounts, name, f"{tmp_path}/memory", limit)


@pytest.mark.parametrize("limit", SOME)
@pytest.mark.parametrize("name", ["killed", "failing"])
def test_where_the_layers_lie_in_different_file_systems(mounts: Mounts, tmp_path: Path, name: str, limit: int) -> None:
    """There a file that is copied up shows another inode at its place than at a second name."""
    round_in(mounts, name, f"{tmp_path}/memory", limit, home=f"{tmp_path}/home")


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["killed", "failing", "sealed", "killed_in_undo"])
def test_on_fuse_overlayfs(mounts: Mounts, tmp_path: Path, name: str) -> None:
    """A share only: each mount is a process."""
    if shutil.which("fuse-overlayfs") is None or not os.path.exists("/dev/fuse"):
        pytest.skip("fuse-overlayfs is not here, or no FUSE")
    round_in(mounts, name, f"{tmp_path}/memory", 20, fuse=True)


ALL = pytest.mark.exhaustive
WORDS = {"upgrade": "committed", "give-up": "moved", "recover": "recovered"}
"""What is told to do, and what it says when nobody took over."""


@pytest.mark.parametrize(
    ("order", "mode", "limit"),
    [
        ("upgrade", LockMode.MARKER, 6),
        *(pytest.param(order, mode, MOST, marks=ALL) for order in WORDS for mode in (LockMode.MARKER, LockMode.FLOCK)),
    ],
)
def test_who_is_paused_above_a_lower_layer_is_fenced(
    mounts: Mounts, tmp_path: Path, order: str, mode: LockMode, limit: int
) -> None:
    """Between the files of a directory that is carried, too."""
    home = f"{tmp_path}/memory/one"
    mounts.run("mkdir", home)
    words = paused_in(mounts, order, mode, home, limit)
    assert "taken-over" in words
    assert words <= {"taken-over", WORDS[order]}
