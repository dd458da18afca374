"""Who is killed while he makes an environment leaves nothing that the next ``holdfast venv`` does not put right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.errors import TargetError
from holdfast.flows.venv import create_venv
from holdfast.model.request import LockSettings
from holdfast.stage.owner import new_id

KILLED = """
import os, signal, sys
from holdfast.disk import calls
from holdfast.flows.venv import create_venv
from holdfast.model.request import LockSettings
from holdfast.model.transaction import LOCK_NAME

lower = sys.argv[1] if sys.argv[3:] == ["lower"] else None

class Deadly(calls.Calls):
    left = int(sys.argv[2])

    def rename(self, *args, **kwargs):
        if LOCK_NAME in args[0] + args[1] or args[1].startswith("broken"):
            return os.rename(*args, **kwargs)
        if Deadly.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if args[0] == lower:
            raise OSError(18, "a lower layer of an overlay")
        Deadly.left -= 1
        os.rename(*args, **kwargs)

    def rename_noreplace(self, *args, **kwargs):
        self.rename(*args, **kwargs)

    def rename_exchange(self, *args, **kwargs):
        if lower or len(sys.argv) > 3:
            raise OSError(22, "no such call")
        if Deadly.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        Deadly.left -= 1
        super().rename_exchange(*args, **kwargs)
        if Deadly.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

with calls.using(Deadly()):
    create_venv(sys.argv[1], python=sys.executable, cwd=".", cache_dir=None, clear=LockSettings())
"""


def make(path: Path, *, clear: bool = False) -> str:
    return create_venv(
        str(path), python=sys.executable, cwd=".", cache_dir=None, clear=LockSettings() if clear else None
    )


def killed_before_rename(number: int, path: Path, *more: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(number), *more], check=False)
    assert done.returncode == -signal.SIGKILL


def test_killed_before_a_new_one_is_in_place(tmp_path: Path) -> None:
    killed_before_rename(0, tmp_path / "v")
    assert [each.name for each in tmp_path.iterdir()] != []
    make(tmp_path / "other")
    assert os.listdir(tmp_path) == ["other"]


def test_killed_before_and_after_the_exchange(tmp_path: Path) -> None:
    """At every instant a whole environment lies at its place."""
    path = tmp_path / "v"
    make(path)
    (path / "mark").write_text("old")
    killed_before_rename(0, path)
    assert (path / "mark").read_text() == "old"
    killed_before_rename(1, path)
    assert not (path / "mark").exists()
    with pytest.raises(TargetError, match="already"):
        make(path)
    assert os.listdir(tmp_path) == ["v"]


@pytest.mark.parametrize("number", range(6))
def test_killed_while_an_empty_directory_is_filled(number: int, tmp_path: Path) -> None:
    path = tmp_path / "v"
    path.mkdir()
    killed_before_rename(number, path)
    make(path)
    assert not [name for name in os.listdir(path) if name.startswith(".holdfast")]
    assert subprocess.run([path / "bin" / "python", "-c", "import site"], check=False).returncode == 0


def test_what_somebody_put_there_since_is_not_taken_for_remains(tmp_path: Path) -> None:
    path = tmp_path / "v"
    path.mkdir()
    killed_before_rename(3, path)
    (path / "photos").mkdir()
    (path / "bin" / "mine").write_text("")
    with pytest.raises(TargetError, match="not empty"):
        make(path)
    assert (path / "bin" / "mine").exists()


@pytest.mark.parametrize("number", [0, 1])
def test_killed_while_one_is_cleared_by_two_renames(number: int, tmp_path: Path) -> None:
    """Between the two renames nothing lies at its place; the next command puts the old one back before all else."""
    path = tmp_path / "v"
    make(path)
    (path / "mark").write_text("old")
    killed_before_rename(number, path, "without-exchange")
    assert path.exists() == (number == 0)
    with pytest.raises(TargetError, match="already"):
        make(path)
    assert (path / "mark").read_text() == "old"
    assert os.listdir(tmp_path) == ["v"]


@pytest.mark.parametrize("number", [0, 1, 4, pytest.param(7, marks=pytest.mark.exhaustive)])
def test_killed_while_one_of_a_lower_layer_is_cleared(number: int, tmp_path: Path) -> None:
    """Half of it lies beside: the next command brings it back, and the next in it breaks the dead one's lock."""
    path = tmp_path / "v"
    make(path)
    (path / "lib" / "mark").write_text("old")
    before = sorted(os.walk(path))
    killed_before_rename(number, path, "lower")
    make(tmp_path / "other")
    assert sorted(os.listdir(tmp_path)) == ["other", "v"]
    subprocess.run([sys.executable, "-m", "holdfast", "recover", "--no-cache", "--python", path], check=True)
    assert sorted(os.walk(path)) == before


def test_what_a_living_process_makes_beside_stays(tmp_path: Path) -> None:

    theirs = tmp_path / f".holdfast-{new_id()}"
    theirs.mkdir()
    make(tmp_path / "v")
    assert theirs.exists()
