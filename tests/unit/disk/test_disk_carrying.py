# mypy: disable-error-code="override"
# (functions of the system, which are not methods, are overridden by methods)
"""A directory that cannot be renamed is carried; killed anywhere, every file is on one of the two sides."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

import pytest

from holdfast import disk
from holdfast.disk import calls
from tests.support.memory_disk import MemoryDisk

FILES = {"a": b"a", "RECORD": b"r", "deep/b": b"b", "deep/er/c": b"c"}


def made(name: str, dir_fd: int | None, model: os.stat_result) -> None:
    """Make a directory that may be there already, with the mode of its model."""
    if not disk.lexists(name, dir_fd=dir_fd):
        disk.mkdir(name, model.st_mode & 0o777, dir_fd=dir_fd)


class DiedError(Exception):
    """The process ends here."""


class Overlay(MemoryDisk):
    """A package in a lower layer; dies at a call.

    Args:
        dies: After so many renames and rmdirs.
    """

    def __init__(self, dies: int = 1000) -> None:
        super().__init__()
        self.left = 1000
        with calls.using(self):
            for name in ("/package/deep/er", "/package/empty"):
                disk.make_parents(name)
            for name, content in FILES.items():
                disk.write_new(f"/package/{name}", content)
        for name, found in self.tree.files().items():
            self.tree.resolve(name, self.tree.root, follow=False).lower = found is None
        self.left = dies

    def rename(self, src: str, dst: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
        self._live()
        super().rename(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    def rmdir(self, path: str, *, dir_fd: int | None = None) -> None:
        self._live()
        super().rmdir(path, dir_fd=dir_fd)

    def _live(self) -> None:
        if self.left == 0:
            raise DiedError
        self.left -= 1

    def seen(self) -> dict[str, bytes | None]:
        return self.tree.files()


def whole(at: str) -> dict[str, bytes | None]:
    directories: dict[str, bytes | None] = dict.fromkeys((at, f"{at}/deep", f"{at}/deep/er", f"{at}/empty"))
    return directories | {f"{at}/{name}": content for name, content in FILES.items()}


def test_it_moves_with_everything_in_it() -> None:
    with calls.using(overlay := Overlay()):
        assert disk.carry("/package", "/old", make=made) == len(FILES)
    assert overlay.seen() == whole("/old")


def test_what_is_not_in_the_lower_layer_moves_whole() -> None:
    with calls.using(overlay := Overlay()):
        disk.make_parents("/package/deep/new")
        disk.write_new("/package/deep/new/d", b"d")
        assert disk.carry("/package", "/old", make=made) == len(FILES)
    assert overlay.seen() == {**whole("/old"), "/old/deep/new": None, "/old/deep/new/d": b"d"}


def test_what_leaves_first_is_the_callers_to_say() -> None:
    with calls.using(overlay := Overlay(dies=1)), pytest.raises(DiedError):
        disk.carry("/package", "/old", make=made, order=lambda name: (name != "RECORD", name))
    assert [name for name in overlay.seen() if name.startswith("/old/")] == ["/old/RECORD"]


@pytest.mark.parametrize("dies", range(14))
def test_killed_anywhere_it_goes_on_in_either_direction(dies: int) -> None:
    for way in (("/package", "/old"), ("/old", "/package")):
        with calls.using(overlay := Overlay(dies)):
            with suppress(DiedError):
                disk.carry("/package", "/old", make=made)
            overlay.left = 1000
            seen = overlay.seen()
            for name, content in FILES.items():
                assert sum(seen.get(f"{side}/{name}") == content for side in ("/package", "/old")) == 1
            if disk.lexists(way[0]):
                disk.carry(*way, make=made)
        assert overlay.seen() == whole(way[1])


def test_what_lies_in_the_way_is_not_replaced() -> None:
    with calls.using(overlay := Overlay()):
        disk.make_parents("/old/deep")
        disk.write_new("/old/deep/b", b"another")
        with pytest.raises(FileExistsError):
            disk.carry("/package", "/old", make=made)
    assert overlay.seen()["/old/deep/b"] == b"another"
    assert overlay.seen()["/package/deep/b"] == b"b"


def test_what_comes_meanwhile_is_carried_too() -> None:
    written = False

    def between() -> None:
        nonlocal written
        if not written and disk.lexists("/old/deep/b"):
            written = True
            disk.write_new("/package/late", b"late")

    with calls.using(overlay := Overlay()):
        assert disk.carry("/package", "/old", make=made, between=between) == len(FILES) + 1
    assert overlay.seen() == {**whole("/old"), "/old/late": b"late"}


def test_an_error_leaves_every_directory_on_the_old_side() -> None:
    """So that the way back needs no room."""
    with calls.using(overlay := Overlay()):
        moves = iter((None, None, errno.ENOSPC))

        def between() -> None:
            if (number := next(moves)) is not None:
                raise OSError(number, os.strerror(number))

        with pytest.raises(OSError, match="No space"):
            disk.carry("/package", "/old", make=made, between=between)
    directories = {name for name, content in whole("/package").items() if content is None}
    assert directories <= overlay.seen().keys()


def test_only_what_is_empty_is_removed() -> None:
    with calls.using(overlay := Overlay()):
        assert not disk.remove_empty("/package")
        assert "/package/empty" not in overlay.seen()
        assert "/package/deep/er/c" in overlay.seen()
