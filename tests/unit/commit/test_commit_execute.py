"""The commit on real trees: from one set of distributions to another, with the real lock and the real staging."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest

from holdfast.errors import HarmError
from holdfast.model.changes import Committed, Moved
from holdfast.model.request import InstallPolicy
from tests.crash.world import Dist, change, scheme_at, tree_of, write_tree
from tests.support.trees import snapshot, unchanged


def files(root: str) -> dict[str, bytes]:
    found = {}
    for parent, _, names in os.walk(root):
        for name in names:
            path = os.path.join(parent, name)
            found[path] = Path(path).read_bytes()
    return found


@pytest.fixture
def root(tmp_path: Path) -> str:
    made = os.path.realpath(tmp_path / "env")
    os.makedirs(f"{made}/lib/python3/site-packages")
    return made


A1 = Dist(name="a", version="1", files={"a/__init__.py": "1", "a/x.py": "x", "bin:a": "#!a", "data:share/a/t": "t"})
A2 = Dist(name="a", version="2", files={"a/__init__.py": "2", "a/y.py": "y", "bin:a": "#!a2"})


def test_a_fresh_install_places_exactly_its_files(root: str) -> None:
    assert isinstance(change(root, (), (A1,)), Committed)
    assert files(root) == tree_of((A1,), scheme_at(root))


def test_uninstall_after_install_gives_the_initial_tree(root: str) -> None:
    os.makedirs(f"{root}/bin")
    before = snapshot(root)
    change(root, (), (A1,))
    change(root, (A1,), ())
    unchanged(before, root)


def test_an_upgrade_leaves_nothing_of_the_old_version(root: str) -> None:
    change(root, (), (A1,))
    os.makedirs(f"{root}/lib/python3/site-packages/a/__pycache__")
    Path(f"{root}/lib/python3/site-packages/a/__pycache__/x.cpython-311.pyc").write_bytes(b"")
    assert isinstance(change(root, (A1,), (A2,)), Committed)
    assert files(root) == tree_of((A2,), scheme_at(root))


def test_foreign_files_stay_where_they_are(root: str) -> None:
    change(root, (), (A1,))
    foreign = Path(f"{root}/lib/python3/site-packages/a/mine.txt")
    foreign.write_text("mine", encoding="utf-8")
    change(root, (A1,), (A2,))
    assert files(root) == tree_of((A2,), scheme_at(root)) | {str(foreign): b"mine"}
    change(root, (A2,), ())
    assert files(root) == {str(foreign): b"mine"}


def test_a_module_becomes_a_package_and_a_module_again(root: str) -> None:
    module = Dist(name="m", version="1", files={"m.py": "module"})
    package = Dist(name="m", version="2", files={"m/__init__.py": "package"})
    change(root, (), (module,))
    change(root, (module,), (package,))
    assert files(root) == tree_of((package,), scheme_at(root))
    change(root, (package,), (module,))
    assert files(root) == tree_of((module,), scheme_at(root))


def test_a_file_becomes_a_directory_and_a_file_again(root: str) -> None:
    one = Dist(name="m", version="1", files={"data:etc/m": "file"})
    two = Dist(name="m", version="2", files={"data:etc/m/conf": "below"})
    change(root, (), (one,))
    change(root, (one,), (two,))
    assert files(root) == tree_of((two,), scheme_at(root))
    change(root, (two,), (one,))
    assert files(root) == tree_of((one,), scheme_at(root))


def test_the_same_version_again_restores_what_was_edited(root: str) -> None:
    change(root, (), (A1,))
    Path(f"{root}/lib/python3/site-packages/a/x.py").write_text("edited", encoding="utf-8")
    change(root, (A1,), (A1,), again=frozenset({"a"}))
    assert files(root) == tree_of((A1,), scheme_at(root))


def test_a_foreign_file_in_a_dist_info_does_not_hinder_the_same_version_again(root: str) -> None:
    change(root, (), (A1,))
    foreign = f"{root}/lib/python3/site-packages/{A1.info}/notes"
    write_tree({foreign: b"mine"})
    change(root, (A1,), (A1,), again=frozenset({"a"}))
    assert files(root) == tree_of((A1,), scheme_at(root)) | {foreign: b"mine"}


def test_a_shared_file_goes_with_its_last_owner(root: str) -> None:
    one = Dist(name="one", files={"ns/__init__.py": "", "ns/one.py": "1"})
    two = Dist(name="two", files={"ns/__init__.py": "", "ns/two.py": "2"})
    change(root, (), (one, two))
    change(root, (one, two), (two,))
    assert files(root) == tree_of((two,), scheme_at(root))
    change(root, (two,), ())
    assert files(root) == {}


def test_a_signal_between_the_steps_takes_everything_back(root: str) -> None:
    change(root, (), (A1,))
    before = snapshot(root)
    for count in range(6):
        answers = functools.partial(next, iter([False] * count), True)
        assert isinstance(change(root, (A1,), (A2,), stop=answers), Moved)
        unchanged(before, root)


@pytest.mark.parametrize(
    "path",
    ["lib/python3/site-packages/a/came.py", "lib/python3/site-packages/a-9.dist-info/METADATA", "bin/b"],
)
def test_a_world_that_moved_means_plan_again(root: str, path: str) -> None:
    new = Dist(name="a", version="2", files={"a/__init__.py": "2", "bin:b": "b"})
    change(root, (), (A1,))
    before = {**files(root), f"{root}/{path}": b"meanwhile"}
    outcome = change(root, (A1,), (new,), meanwhile=lambda: write_tree({f"{root}/{path}": b"meanwhile"}))
    assert isinstance(outcome, Moved)
    assert files(root) == before


def test_new_bytecode_does_not_mean_plan_again(root: str) -> None:
    change(root, (), (A1,))
    cache = f"{root}/lib/python3/site-packages/a/__pycache__/x.cpython-311.pyc"
    assert isinstance(change(root, (A1,), (A2,), meanwhile=lambda: write_tree({cache: b"bytecode"})), Committed)
    assert files(root) == tree_of((A2,), scheme_at(root))


def test_what_is_in_the_way_is_refused_and_replaced_only_on_demand(root: str) -> None:
    path = f"{root}/bin/a"
    write_tree({path: b"mine"})
    with pytest.raises(HarmError, match="bin/a"):
        change(root, (), (A1,))
    assert files(root) == {path: b"mine"}
    change(root, (), (A1,), policy=InstallPolicy(replace_unowned=True))
    assert files(root) == tree_of((A1,), scheme_at(root))


def test_what_is_identical_is_adopted(root: str) -> None:
    write_tree({f"{root}/bin/a": b"#!a"})
    change(root, (), (A1,))
    assert files(root) == tree_of((A1,), scheme_at(root))
    change(root, (A1,), ())
    assert files(root) == {}
