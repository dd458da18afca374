"""Recovery on real trees: who is dead, what is ours, what was changed by others meanwhile."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.commit.recover import find_journals
from holdfast.errors import InterruptedTransactionError
from holdfast.model.owner import Verdict
from tests.crash.world import Dist, change, recovered, scheme_at, target_at, tree_of, write_tree
from tests.support.faulty_disk import Call, FaultyDisk, Kill, Point, stopped
from tests.support.trees import snapshot

OLD = (
    Dist(name="a", version="1", files={"a/__init__.py": "1", "a/x.py": "x", "ns/a.py": "1", "bin:a": "1"}),
    Dist(name="b", version="1", files={"b/__init__.py": "b1", "ns/b.py": "b1"}),
)
NEW = (
    Dist(name="a", version="2", files={"a/__init__.py": "2", "a/y.py": "y", "ns/a.py": "2", "bin:a": "2"}),
    Dist(name="b", version="2", files={"b/__init__.py": "b2", "ns/b.py": "b2"}),
)


@pytest.fixture
def root(tmp_path: Path) -> str:
    made = os.path.realpath(tmp_path / "env")
    os.makedirs(f"{made}/lib/python3/site-packages")
    change(made, (), OLD)
    return made


def files(root: str) -> dict[str, bytes]:
    found = {}
    for parent, directories, names in os.walk(root):
        directories[:] = [name for name in directories if not name.startswith(".holdfast")]
        for name in names:
            path = os.path.join(parent, name)
            found[path] = Path(path).read_bytes()
    return found


def at_the_end(call: Call) -> bool:
    return call.name == "unlink" and call.paths[0].endswith("/journal")


def interrupt(root: str, only: Callable[[Call], bool] = at_the_end) -> str:
    """Kill an upgrade (just before the point of no return) and break its lock; returns the transaction directory."""
    with FaultyDisk(Point(n=0), Kill(), only=only), stopped():
        change(root, OLD, NEW)
    library = scheme_at(root).purelib
    shutil.rmtree(f"{library}/.holdfast.lock")
    (name,) = (name for name in os.listdir(library) if name.startswith(".holdfast-"))
    return f"{library}/{name}"


def test_a_journal_is_found_and_its_owner_named(root: str) -> None:
    path = interrupt(root)
    (found,) = find_journals(target_at(root))
    assert found.path == path
    assert found.owner is not None
    assert found.owner.command == "test"
    assert found.verdict is Verdict.ALIVE  # it is this very process


def test_everything_comes_back(root: str) -> None:
    before = snapshot(root)
    path = interrupt(root)
    outcome = recovered(root)
    assert len(outcome.recovered) == 1
    assert outcome.left == ()
    assert not os.path.exists(path)
    assert snapshot(root) == before


def test_a_foreign_file_that_came_into_a_new_directory_stays_and_is_named(root: str) -> None:
    interrupt(root)
    foreign = f"{scheme_at(root).purelib}/a/mine.txt"
    write_tree({foreign: b"mine"})
    outcome = recovered(root)
    assert any(line.startswith(foreign) for line in outcome.left)
    assert files(root) == tree_of(OLD, scheme_at(root)) | {foreign: b"mine"}


def test_a_file_of_ours_that_was_edited_since_stays(root: str) -> None:
    interrupt(root)
    edited = f"{scheme_at(root).scripts}/a"
    Path(edited).write_bytes(b"edited, and longer")
    outcome = recovered(root)
    assert any(line.startswith(edited) for line in outcome.left)
    assert files(root) == tree_of(OLD, scheme_at(root)) | {edited: b"edited, and longer"}


def test_a_file_of_ours_that_was_copied_is_known_by_its_hash(root: str) -> None:
    interrupt(root)
    path = f"{scheme_at(root).scripts}/a"
    shutil.copy(path, path + ".copy")
    os.replace(path + ".copy", path)
    assert recovered(root).left == ()
    assert files(root) == tree_of(OLD, scheme_at(root))


def test_a_project_that_somebody_changed_since_is_theirs(root: str) -> None:
    """Another tool installs a 3 over the half-done upgrade of a; b is ours and goes back to OLD."""
    interrupt(root)
    scheme = scheme_at(root)
    three = Dist(name="a", version="3", files={"a/__init__.py": "3", "ns/a.py": "2"})
    shutil.rmtree(f"{scheme.purelib}/a-2.dist-info")
    shutil.rmtree(f"{scheme.purelib}/a")
    write_tree(tree_of((three,), scheme))
    recovered(root)
    assert files(root) == tree_of((three, OLD[1]), scheme)


def test_a_project_that_somebody_uninstalled_since_stays_uninstalled(root: str) -> None:
    interrupt(root)
    scheme = scheme_at(root)
    for path in tree_of((NEW[0],), scheme):
        os.unlink(path)
    shutil.rmtree(f"{scheme.purelib}/a-2.dist-info")
    shutil.rmtree(f"{scheme.purelib}/a")
    recovered(root)
    assert files(root) == tree_of((OLD[1],), scheme)


def test_a_journal_that_is_not_understood_is_left_alone(root: str) -> None:
    path = interrupt(root)
    before = files(root)
    Path(f"{path}/journal").write_bytes(b'{"journal":2}')
    with pytest.raises(InterruptedTransactionError):
        recovered(root)
    assert files(root) == before
    assert os.path.exists(f"{path}/journal")


def test_a_forged_journal_cannot_reach_through_a_symlink(root: str, tmp_path: Path) -> None:
    """The place is inside a scheme by its name, but a symlink on the way would lead out."""
    path = interrupt(root)
    outside = tmp_path / "outside"
    outside.mkdir()
    os.symlink(outside, f"{scheme_at(root).purelib}/link")
    Path(f"{path}/old/9999").write_bytes(b"planted")
    with open(f"{path}/journal", "rb") as file:
        data = json.load(file)
    data["steps"] += [["remove", "purelib", f"none{n}", 0, [0]] for n in range(len(data["steps"]), 9999)]
    data["steps"] += [["remove", "purelib", "link/planted", 0, [0]]]
    Path(f"{path}/journal").write_text(json.dumps(data), encoding="utf-8")
    recovered(root)
    assert os.listdir(outside) == []
