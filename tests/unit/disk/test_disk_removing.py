"""Removing trees: everything in them, nothing beside them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from holdfast import disk
from holdfast.disk import calls, removing
from tests.support.faulty_disk import Fail, FaultyDisk, Point


def test_symlinks_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "link").symlink_to(tmp_path / "precious")
    (tree / "a" / "b" / "file").touch()
    os.mkfifo(tree / "fifo")
    disk.remove_tree(str(tree))
    assert not tree.exists()
    assert (tmp_path / "precious" / "file").exists()
    (tmp_path / "link").symlink_to("precious")
    disk.remove_tree(str(tmp_path / "link"))
    assert os.listdir(tmp_path) == ["precious"]
    assert (tmp_path / "precious" / "file").exists()


def test_nothing_to_remove_is_fine_and_a_file_is_removed(tmp_path: Path) -> None:
    disk.remove_tree(str(tmp_path / "absent"))
    (tmp_path / "file").touch()
    disk.remove_tree(str(tmp_path / "file"))
    assert os.listdir(tmp_path) == []


def test_a_directory_without_its_owners_rights_is_opened_up(tmp_path: Path) -> None:
    closed = tmp_path / "tree" / "closed"
    closed.mkdir(parents=True)
    (closed / "file").touch()
    closed.chmod(0o500)
    with FaultyDisk() as recorded:
        disk.remove_tree(str(tmp_path / "tree"))
    assert any(call.name == "fchmod" for call in recorded.made)
    assert os.listdir(tmp_path) == []


def test_the_rest_is_removed_before_the_first_fault_is_raised(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in "abc":
        (tree / name).touch()
    with FaultyDisk(Point(n=0), Fail(number=errno.EIO), names=["unlink"]), pytest.raises(OSError, match="Input/output"):
        disk.remove_tree(str(tree))
    assert len(os.listdir(tree)) == 1
    assert isinstance(calls.current, calls.Calls)


@pytest.mark.parametrize("depth", [removing.DEEPEST + 1, 3000])
def test_a_tree_of_any_depth_goes(tmp_path: Path, depth: int) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for name in ("tree", *(["deep"] * depth)):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    disk.remove_tree(str(tmp_path / "tree"))
    assert list(tmp_path.iterdir()) == []
