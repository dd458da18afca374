"""On NFS and in user space what is removed while it is open keeps its directory: nothing of ours is removed so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfast import disk
from holdfast.disk import calls
from holdfast.envlock import acquire
from holdfast.events import SILENT
from holdfast.model.owner import LockMode
from holdfast.model.request import LockSettings
from holdfast.stage.workarea import work_area
from tests.support.areas import Recorder, bare_target, begin
from tests.support.hiding_disk import HidingDisk
from tests.support.trees import snapshot


def test_the_disk_hides_what_is_removed_while_it_is_open(tmp_path: Path) -> None:
    with calls.using(HidingDisk()):
        fd = disk.open_new(str(tmp_path / "file"))
        disk.unlink(str(tmp_path / "file"))
        assert os.listdir(tmp_path) == [".nfs0"]
        with pytest.raises(OSError, match="not empty"):
            disk.rmdir(str(tmp_path))
        disk.close(fd)
        assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("mode", [LockMode.FLOCK, LockMode.MARKER])
def test_a_transaction_and_its_lock_leave_nothing(tmp_path: Path, mode: LockMode) -> None:
    target = bare_target(str(tmp_path / "env"))
    before = snapshot(str(tmp_path))
    with (
        calls.using(HidingDisk()),
        begin(target, "install a", mode=mode) as tx,
        acquire(tx, LockSettings(mode=mode, timeout=5), SILENT),
    ):
        pass
    assert snapshot(str(tmp_path)) == before


def test_a_work_area_leaves_nothing(tmp_path: Path) -> None:
    target = bare_target(str(tmp_path / "env"))
    before = snapshot(str(tmp_path))
    said = Recorder()
    with calls.using(HidingDisk()), work_area(target, command="install a", reporter=said):
        pass
    assert said.warned == []
    assert snapshot(str(tmp_path)) == before
