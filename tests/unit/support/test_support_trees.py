from __future__ import annotations

import os

import pytest

from tests.support.trees import Entry, diff, footprint, snapshot, unchanged


@pytest.fixture
def tree(tmp_path: object) -> str:
    root = f"{tmp_path}/tree"
    os.makedirs(f"{root}/sub")
    write(f"{root}/sub/file", "one")
    os.symlink("sub/file", f"{root}/link")
    os.symlink("sub", f"{root}/directory-link")
    return root


def write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def test_a_snapshot_tells_files_directories_and_links_apart(tree: str) -> None:
    found = snapshot(tree)

    assert {path: entry.kind for path, entry in found.items()} == {
        "sub": "dir",
        "sub/file": "file",
        "link": "link",
        "directory-link": "link",
    }
    assert found["link"] == Entry("link", 0, "sub/file")


def test_a_missing_tree_is_an_empty_one(tree: str) -> None:
    assert snapshot(f"{tree}/nowhere") == {}


def test_every_kind_of_change_is_seen(tree: str) -> None:
    before = snapshot(tree)
    write(f"{tree}/new", "")
    write(f"{tree}/sub/file", "two")
    os.remove(f"{tree}/link")
    os.chmod(f"{tree}/sub", 0o700)

    found = diff(before, snapshot(tree))

    assert (found.added, found.removed, found.changed) == (("new",), ("link",), ("sub", "sub/file"))
    with pytest.raises(AssertionError, match="changed"):
        unchanged(before, tree)


def test_an_unchanged_tree_is_no_difference(tree: str) -> None:
    unchanged(snapshot(tree), tree)


def test_a_footprint_names_what_is_left(tree: str) -> None:
    with footprint(ignored=("tree/sub*",), tree=tree) as left:
        write(f"{tree}/new", "")
        write(f"{tree}/sub/allowed", "")

    assert left.found.added == ("tree/new",)
    with pytest.raises(AssertionError, match="tree/new"):
        left.assert_nothing()


def test_a_footprint_of_nothing_is_empty(tree: str) -> None:
    with footprint(tree=tree) as left:
        write(f"{tree}/fleeting", "")
        os.remove(f"{tree}/fleeting")

    left.assert_nothing()
