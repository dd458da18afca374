"""Renaming, linking and making entries."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from holdfast import disk
from holdfast.disk import calls


class WithoutExclusiveRename(calls.Calls):
    """A file system that cannot rename exclusively, and perhaps cannot link."""

    def __init__(self, *, links: bool) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

        self.rename_noreplace = refuse
        if not links:
            self.link = refuse


BACKENDS = {
    "native": calls.Calls(),
    "linked": WithoutExclusiveRename(links=True),
    "looked": WithoutExclusiveRename(links=False),
}


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)
def test_an_exclusive_rename_moves_onto_nothing(tmp_path: Path, backend: calls.Calls) -> None:
    (tmp_path / "file").write_text("content")
    (tmp_path / "directory").mkdir()
    with calls.using(backend):
        disk.rename_exclusive(str(tmp_path / "file"), str(tmp_path / "moved"))
        disk.rename_exclusive(str(tmp_path / "directory"), str(tmp_path / "gone"))
    assert sorted(os.listdir(tmp_path)) == ["gone", "moved"]
    assert (tmp_path / "moved").read_text() == "content"


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)
@pytest.mark.parametrize("kind", ["file", "directory"])
@pytest.mark.parametrize("there", ["file", "directory", "dangling"])
def test_an_exclusive_rename_fails_onto_anything(tmp_path: Path, backend: calls.Calls, kind: str, there: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir() if kind == "directory" else source.write_text("new")
    match there:
        case "file":
            target.write_text("old")
        case "directory":
            target.mkdir()
        case _:
            target.symlink_to("nowhere")
    before = os.lstat(target)
    with calls.using(backend), pytest.raises(FileExistsError):
        disk.rename_exclusive(str(source), str(target))
    assert source.exists()
    assert os.lstat(target).st_ino == before.st_ino


def test_an_exclusive_rename_works_by_descriptor(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "file").write_text("content")
    source, target = disk.open_dir(str(tmp_path / "a")), disk.open_dir(str(tmp_path / "b"))
    try:
        disk.rename_exclusive("file", "file", src_dir_fd=source, dst_dir_fd=target)
    finally:
        disk.close(source)
        disk.close(target)
    assert (tmp_path / "b" / "file").read_text() == "content"


def test_a_link_names_the_symlink_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    (tmp_path / "symlink").symlink_to("file")
    disk.link(str(tmp_path / "symlink"), str(tmp_path / "second"))
    assert os.readlink(tmp_path / "second") == "file"


def test_only_the_parents_that_were_made_are_removed_again(tmp_path: Path) -> None:
    made = disk.make_parents(str(tmp_path / "a" / "b" / "c"))
    assert made == tuple(str(tmp_path / part) for part in ("a", "a/b", "a/b/c"))
    assert disk.make_parents(str(tmp_path / "a" / "b")) == ()
    (tmp_path / "a" / "foreign").touch()
    disk.remove_parents(made)
    assert os.listdir(tmp_path / "a") == ["foreign"]


def test_a_parent_that_leads_nowhere_ends_in_an_error(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        disk.make_parents(str(tmp_path / "dangling" / "below"))


def test_exchange_swaps_whatever_lies_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "inside").write_text("")
    if not disk.exchange(str(tmp_path / "file"), str(tmp_path / "directory")):
        pytest.skip("this file system cannot exchange")
    assert (tmp_path / "directory").read_text() == "content"
    assert os.listdir(tmp_path / "file") == ["inside"]
    with pytest.raises(FileNotFoundError):
        disk.exchange(str(tmp_path / "file"), str(tmp_path / "absent"))


def test_exchange_says_where_it_cannot(tmp_path: Path) -> None:
    class Without(calls.Calls):
        def __init__(self) -> None:
            def refuse(*_: object, **__: object) -> None:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

            self.rename_exchange = refuse

    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    with calls.using(Without()):
        assert not disk.exchange(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (tmp_path / "a").read_text() == "a"
