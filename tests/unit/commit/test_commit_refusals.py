"""File systems that refuse what the commit would rather do: links, renames that fail onto something."""

from __future__ import annotations

import errno
import functools
import os
from pathlib import Path

import pytest

from holdfast.errors import CommitError
from holdfast.model.changes import Committed, Moved
from tests.crash.world import Dist, change, scheme_at, tree_of
from tests.support.faulty_disk import Call, Fail, FaultyDisk, Point
from tests.support.trees import snapshot

A1 = Dist(name="a", version="1", files={"a/__init__.py": "1", "a/x.py": "x", "bin:a": "#!a", "m.py": "1"})
A2 = Dist(name="a", version="2", files={"a/__init__.py": "2", "bin:a": "#!a2", "bin:b": "b", "m.py": "2"})
REFUSALS = [("link", errno.EPERM), ("link", errno.EOPNOTSUPP), ("rename_noreplace", errno.EINVAL)]


@pytest.fixture
def root(tmp_path: Path) -> str:
    made = os.path.realpath(tmp_path / "env")
    os.makedirs(f"{made}/lib/python3/site-packages")
    change(made, (), (A1,))
    return made


def files(root: str) -> dict[str, bytes]:
    return {
        os.path.join(parent, name): Path(parent, name).read_bytes()
        for parent, _, names in os.walk(root)
        for name in names
    }


@pytest.mark.parametrize(("name", "number"), REFUSALS)
def test_the_commit_finds_another_way(root: str, name: str, number: int) -> None:
    with FaultyDisk(Point(n=0), Fail(number=number, lasting=True), names=(name,)) as disk:
        assert isinstance(change(root, (A1,), (A2,)), Committed)
    assert disk.fired
    assert files(root) == tree_of((A2,), scheme_at(root))


@pytest.mark.parametrize(("name", "number"), REFUSALS)
def test_undo_finds_another_way(root: str, name: str, number: int) -> None:
    before = snapshot(root)
    for count in range(10):
        stop = functools.partial(next, iter([False] * count), True)
        with FaultyDisk(Point(n=0), Fail(number=number, lasting=True), names=(name,)):
            outcome = change(root, (A1,), (A2,), stop=stop)
        if isinstance(outcome, Committed):
            break
        assert isinstance(outcome, Moved)
        assert snapshot(root) == before
    assert files(root) == tree_of((A2,), scheme_at(root))


def test_an_error_names_path_and_cause_and_what_the_environment_is(root: str) -> None:
    before = snapshot(root)

    def to_the_script(call: Call) -> bool:
        return call.name.startswith("rename") and call.paths[-1].endswith("bin/b")

    with FaultyDisk(Point(n=0), Fail(number=errno.EDQUOT), only=to_the_script), pytest.raises(CommitError) as caught:
        change(root, (A1,), (A2,))
    assert os.strerror(errno.EDQUOT) in caught.value.cause
    assert "as before" in caught.value.state
    assert caught.value.exit_code == 7
    assert snapshot(root) == before


def test_without_syncing_nothing_is_synced(root: str) -> None:
    with FaultyDisk(names=("fsync", "syncfs")) as disk:
        change(root, (A1,), (A2,), fsync=False)
    assert disk.made == []


def test_a_last_sync_that_fails_is_said_and_no_failure(root: str) -> None:
    journal_gone = False

    def after_the_journal(call: Call) -> bool:
        nonlocal journal_gone
        journal_gone = journal_gone or (call.name == "unlink" and call.paths[0].endswith("/journal"))
        return journal_gone and call.name == "fsync"

    with FaultyDisk(Point(n=0), Fail(number=errno.EIO), only=after_the_journal) as disk:
        outcome = change(root, (A1,), (A2,))
    assert disk.fired
    assert isinstance(outcome, Committed)
    assert not outcome.durable
    assert files(root) == tree_of((A2,), scheme_at(root))
