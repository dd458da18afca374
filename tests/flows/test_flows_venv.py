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
from holdfast.stage.owner import new_id

KILLED = """
import os, signal, sys
from holdfast.disk import calls
from holdfast.flows.venv import create_venv

class Deadly(calls.Calls):
    left = int(sys.argv[2])

    def rename(self, *args, **kwargs):
        if Deadly.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        Deadly.left -= 1
        os.rename(*args, **kwargs)

    def rename_noreplace(self, *args, **kwargs):
        self.rename(*args, **kwargs)

with calls.using(Deadly()):
    create_venv(sys.argv[1], python=sys.executable, cwd=".", cache_dir=None, clear=True)
"""


def make(path: Path, *, clear: bool = False) -> str:
    return create_venv(str(path), python=sys.executable, cwd=".", cache_dir=None, clear=clear)


def killed_before_rename(number: int, path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(number)], check=False)
    assert done.returncode == -signal.SIGKILL


def test_killed_before_a_new_one_is_in_place(tmp_path: Path) -> None:
    killed_before_rename(0, tmp_path / "v")
    assert [each.name for each in tmp_path.iterdir()] != []
    make(tmp_path / "other")
    assert os.listdir(tmp_path) == ["other"]


@pytest.mark.parametrize("number", [0, 1])
def test_killed_while_one_is_cleared(number: int, tmp_path: Path) -> None:
    """Between the two renames nothing lies at its place; the next command puts the old one back before all else."""
    path = tmp_path / "v"
    make(path)
    (path / "mark").write_text("old")
    killed_before_rename(number, path)
    assert path.exists() == (number == 0)
    with pytest.raises(TargetError, match="already"):
        make(path)
    assert (path / "mark").read_text() == "old"
    assert os.listdir(tmp_path) == ["v"]


def test_what_a_living_process_makes_beside_stays(tmp_path: Path) -> None:

    theirs = tmp_path / f".holdfast-{new_id()}"
    theirs.mkdir()
    make(tmp_path / "v")
    assert theirs.exists()
