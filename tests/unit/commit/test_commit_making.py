"""A directory that stands for another one is there with its rights, or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from holdfast import disk
from holdfast.commit.making import Forge
from tests.support.faulty_disk import FaultyDisk, Kill, points, recorded, stopped


def make(root: Path) -> None:
    """What the fence does with a directory below an old one."""
    shop, to = disk.open_dir(str(root)), disk.open_dir(str(root / "to"))
    try:
        Forge(fd=shop, name="made").make("package", to, os.lstat(root / "model"))
    finally:
        disk.close(shop)
        disk.close(to)


def world(root: Path) -> Path:
    (root / "to").mkdir(parents=True)
    (root / "model").mkdir()
    os.chmod(root / "model", 0o2775)
    return root


def test_it_has_the_rights_of_its_model_whenever_its_maker_dies(tmp_path: Path) -> None:
    seen = set()
    for n, point in enumerate(points(recorded(lambda: make(world(tmp_path / "count"))))):
        root = world(tmp_path / str(n))
        with FaultyDisk(point, Kill()), stopped():
            make(root)
        made = root / "to" / "package"
        seen.add(made.exists())
        assert not made.exists() or stat.S_IMODE(made.stat().st_mode) == 0o2775, point
        make(root)
        assert stat.S_IMODE(made.stat().st_mode) == 0o2775
        assert os.listdir(root / "to") == ["package"]
    assert seen == {True, False}


def test_what_is_there_already_stays(tmp_path: Path) -> None:
    root = world(tmp_path)
    (root / "to" / "package").mkdir()
    (root / "to" / "package" / "file").touch()
    with FaultyDisk() as seen:
        make(root)
    assert seen.made == []
    assert os.listdir(root / "to" / "package") == ["file"]


def test_what_root_makes_for_somebody_is_his(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives directories away")
    root = world(tmp_path)
    os.chown(root / "model", 1234, 4321)
    os.chmod(root / "model", 0o2775)
    make(root)
    status = (root / "to" / "package").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 4321, 0o2775)
