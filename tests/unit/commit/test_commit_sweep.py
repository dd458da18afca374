"""The sweep deletes what RECORDs listed; what somebody put into a directory that left is given back."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from holdfast.model.changes import Committed
from tests.crash.world import Dist, change, scheme_at, tree_of
from tests.support.faulty_disk import Call, Fail, FaultyDisk, Point, When

A = Dist(name="a", version="1", files={"a/__init__.py": "1", "a/deep/x.py": "x"})
B = Dist(name="a", version="2", files={"a/__init__.py": "2"})


@pytest.fixture
def root(tmp_path: Path) -> str:
    made = os.path.realpath(tmp_path / "env")
    os.makedirs(f"{made}/lib/python3/site-packages")
    change(made, (), (A,))
    return made


def files(root: str) -> dict[str, bytes]:
    return {
        os.path.join(parent, name): Path(parent, name).read_bytes()
        for parent, _, names in os.walk(root)
        for name in names
    }


@pytest.mark.parametrize("new", [(B,), ()], ids=["replaced", "removed"])
@pytest.mark.parametrize("place", ["a/mine.txt", "a/deep/mine.txt"])
def test_a_file_that_came_between_the_check_and_the_rename_is_given_back(
    root: str, place: str, new: tuple[Dist, ...]
) -> None:
    """Written at the worst moment: when the journal is published, everything was checked before."""
    foreign = f"{scheme_at(root).purelib}/{place}"

    def at_the_journal(call: Call) -> bool:
        if call.paths and call.paths[-1].endswith("/journal") and call.name == "rename":
            Path(foreign).write_bytes(b"mine")
        return False

    with FaultyDisk(only=at_the_journal):
        assert isinstance(change(root, (A,), new), Committed)
    assert files(root) == tree_of(new, scheme_at(root)) | {foreign: b"mine"}


def test_bytecode_that_came_in_that_moment_goes_with_its_module(root: str) -> None:
    cache = f"{scheme_at(root).purelib}/a/deep/__pycache__"

    def at_the_journal(call: Call) -> bool:
        if call.paths and call.paths[-1].endswith("/journal") and call.name == "rename":
            os.makedirs(cache)
            Path(cache, "x.cpython-311.pyc").write_bytes(b"")
        return False

    with FaultyDisk(only=at_the_journal):
        assert isinstance(change(root, (A,), ()), Committed)
    assert files(root) == {}


def test_a_file_whose_place_is_taken_is_set_aside(root: str) -> None:
    site = scheme_at(root).purelib
    foreign = f"{site}/a/deep/mine.txt"

    def at_the_journal(call: Call) -> bool:
        if call.paths and call.paths[-1].endswith("/journal"):
            if call.name == "rename":
                Path(foreign).write_bytes(b"mine")
            elif call.name == "unlink":  # the new state is there: somebody takes the place
                Path(f"{site}/a/deep").write_bytes(b"taken")
        return False

    with FaultyDisk(only=at_the_journal):
        assert isinstance(change(root, (A,), (B,)), Committed)
    kept = {path: data for path, data in files(root).items() if "/kept/" in path}
    assert list(kept.values()) == [b"mine"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory to any group")
@pytest.mark.parametrize("taken", [False, True], ids=["given back", "set aside"])
def test_in_a_shared_directory_what_is_made_for_it_is_the_groups(root: str, *, taken: bool) -> None:
    site = scheme_at(root).purelib
    for parent, _, _ in os.walk(f"{root}/lib"):
        os.chown(parent, -1, 54321)
        os.chmod(parent, 0o775)

    def at_the_journal(call: Call) -> bool:
        if call.paths and call.paths[-1].endswith("/journal"):
            if call.name == "rename":
                Path(f"{site}/a/deep/mine.txt").write_bytes(b"mine")
            elif taken:
                Path(f"{site}/a/deep").write_bytes(b"taken")
        return False

    with FaultyDisk(only=at_the_journal):
        assert isinstance(change(root, (A,), (B,)), Committed)
    (mine,) = [path for path in files(root) if path.endswith("mine.txt")]
    assert ("/kept/" in mine) is taken
    for directory in (os.path.dirname(mine), os.path.dirname(os.path.dirname(mine))):
        status = os.stat(directory)
        assert (oct(status.st_mode & 0o7777), status.st_gid) == ("0o775", 54321), directory


def test_what_cannot_be_deleted_at_once_is_no_foreign_file(root: str) -> None:
    def of_the_sweep(call: Call) -> bool:
        return call.name == "unlink" and "/old/" in call.paths[0]

    with FaultyDisk(Point(n=0, when=When.BEFORE), Fail(number=errno.EIO), only=of_the_sweep) as disk:
        assert isinstance(change(root, (A,), (B,)), Committed)
    assert disk.fired
    assert files(root) == tree_of((B,), scheme_at(root))
