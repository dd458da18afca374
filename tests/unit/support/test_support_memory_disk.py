"""The file system in memory gives the results and errors of the real one, whatever is done in whatever order."""

from __future__ import annotations

import errno
import fcntl
import os
import stat as modes
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdfast import disk
from holdfast.disk import calls
from tests.support.faulty_disk import ALL
from tests.support.memory_disk import MemoryDisk
from tests.support.memory_tree import Tree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is Linux whose errors are copied")

NAMES = ("a", "b", "c")
Operation = tuple[Any, ...]
SLOTS = 4
OPENINGS = (
    os.O_RDONLY,
    os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK,
    os.O_RDONLY | os.O_DIRECTORY,
    os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW,
    os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK,
    os.O_WRONLY,
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW,
    os.O_RDWR | os.O_CREAT | os.O_EXCL,
    os.O_RDWR | os.O_CREAT,
    os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    os.O_WRONLY | os.O_CREAT | os.O_APPEND,
)

component = st.sampled_from(NAMES)
path = st.one_of(
    component,
    st.tuples(component, component).map("/".join),
    st.tuples(component, component, component).map("/".join),
    st.tuples(component, component).map(lambda pair: f"{pair[0]}/../{pair[1]}"),
    st.sampled_from((".", "a/.", "a/..", "", "./c", "x" * 256, "a/" + "x" * 256)),
)
slot = st.integers(0, SLOTS - 1)
where = st.one_of(st.none(), st.just("root"), slot)
"""What a path is relative to: nothing (it is made absolute), the top directory, one of the open descriptors."""

operation = st.one_of(
    st.tuples(st.sampled_from(("rename", "rename_noreplace", "link")), path, where, path, where),
    st.tuples(st.just("symlink"), st.sampled_from(("a", "b/c", "./b", "nowhere", "c", "")), path, where),
    st.tuples(st.sampled_from(("unlink", "rmdir", "stat", "lstat", "readlink", "utime", "listpath")), path, where),
    st.tuples(st.just("mkdir"), path, where, st.sampled_from((0o777, 0o700, 0o1755))),
    st.tuples(st.just("mkdir"), path, where, st.just(0o777)),
    st.tuples(st.sampled_from(("open", "create")), slot, path, where, st.sampled_from(OPENINGS)),
    st.tuples(st.sampled_from(("close", "fstat", "fsync", "listdir", "scandir", "flock", "try", "unlock")), slot),
    st.tuples(st.just("read"), slot, st.integers(0, 8)),
    st.tuples(st.just("write"), slot, st.binary(max_size=6)),
    st.tuples(st.just("pwrite"), slot, st.binary(max_size=6), st.integers(0, 6)),
    st.tuples(st.just("truncate"), slot, st.integers(-1, 8)),
    st.tuples(st.just("fchmod"), slot, st.sampled_from((0o755, 0o600, 0o2775, 0o640))),
)


class Side:
    """One of the two file systems, with its descriptors by slot."""

    def __init__(self, backend: calls.Calls, base: str) -> None:
        self.calls = backend
        self.base = base
        self.top = backend.open(base, os.O_RDONLY | os.O_DIRECTORY)
        self.slots: dict[int, int] = {}

    def do(self, wanted: Operation) -> object:
        """The result, in words that both sides share."""
        try:
            return self._do(*wanted)
        except OSError as error:
            return errno.errorcode[error.errno or 0]

    def _do(self, name: str, *args: Any) -> object:  # noqa: ANN401 - an operation's own
        method: Callable[..., object] | None = getattr(self, f"_{name}", None)
        if method is not None:
            return method(*args)
        if name in {"rename", "rename_noreplace", "link"}:
            src, src_fd = self._at(args[0], args[1])
            dst, dst_fd = self._at(args[2], args[3])
            options = {"follow_symlinks": False} if name == "link" else {}
            return getattr(self.calls, name)(src, dst, src_dir_fd=src_fd, dst_dir_fd=dst_fd, **options)
        if name in {"unlink", "rmdir", "readlink"}:
            at, fd = self._at(*args)
            return getattr(self.calls, name)(at, dir_fd=fd)
        return getattr(self.calls, name)(self._fd(args[0]), *args[1:])

    def _at(self, at: str, relative: object) -> tuple[str, int | None]:
        if relative is None:
            return (os.path.join(self.base, at) if at else at), None
        return at, self.top if relative == "root" else self._fd(relative)

    def _fd(self, slot: Any) -> int:  # noqa: ANN401 - from an operation
        return self.slots.get(slot, 9999)

    def _open(self, slot: int, at: str, relative: object, flags: int) -> str:
        return self._opened(self.calls.open, slot, at, relative, flags)

    def _create(self, slot: int, at: str, relative: object, flags: int) -> str:
        return self._opened(self.calls.create, slot, at, relative, flags)

    def _opened(self, call: Callable[..., int], slot: int, at: str, relative: object, flags: int) -> str:
        real, dir_fd = self._at(at, relative)
        fd = call(real, flags | os.O_CLOEXEC, 0o666, dir_fd=dir_fd)
        if slot in self.slots:
            self.calls.close(self.slots[slot])
        self.slots[slot] = fd
        return "opened"

    def _close(self, slot: int) -> None:
        self.calls.close(self._fd(slot))
        del self.slots[slot]

    def _mkdir(self, at: str, relative: object, mode: int) -> None:
        real, dir_fd = self._at(at, relative)
        self.calls.mkdir(real, mode, dir_fd=dir_fd)

    def _symlink(self, to: str, at: str, relative: object) -> None:
        real, dir_fd = self._at(at, relative)
        self.calls.symlink(to, real, dir_fd=dir_fd)

    def _utime(self, at: str, relative: object) -> object:
        real, dir_fd = self._at(at, relative)
        times = (10**18, 10**18 + 7)
        self.calls.utime(real, ns=times, dir_fd=dir_fd, follow_symlinks=False)
        return self.calls.stat(real, dir_fd=dir_fd, follow_symlinks=False).st_mtime_ns

    def _stat(self, at: str, relative: object) -> object:
        real, dir_fd = self._at(at, relative)
        return self._told(self.calls.stat(real, dir_fd=dir_fd))

    def _lstat(self, at: str, relative: object) -> object:
        real, dir_fd = self._at(at, relative)
        return self._told(self.calls.stat(real, dir_fd=dir_fd, follow_symlinks=False))

    def _fstat(self, slot: int) -> object:
        return self._told(self.calls.fstat(self._fd(slot)))

    def _told(self, status: os.stat_result) -> object:
        """What can be compared: no inodes, no times, no sizes of directories."""
        directory = modes.S_ISDIR(status.st_mode)
        return (oct(status.st_mode), "directory" if directory else (status.st_nlink, status.st_size))

    def _listpath(self, at: str, relative: object) -> object:
        real, dir_fd = self._at(at, relative)
        return sorted(self.calls.listdir(real)) if dir_fd is None else "no such call"

    def _listdir(self, slot: int) -> object:
        return sorted(self.calls.listdir(self._fd(slot)))

    def _scandir(self, slot: int) -> object:
        return sorted(
            (entry.name, entry.is_dir(follow_symlinks=False), entry.is_symlink())
            for entry in self.calls.scandir(self._fd(slot))
        )

    def _flock(self, slot: int) -> None:
        self.calls.flock(self._fd(slot), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _try(self, slot: int) -> None:
        self.calls.flock(self._fd(slot), fcntl.LOCK_SH | fcntl.LOCK_NB)

    def _unlock(self, slot: int) -> None:
        self.calls.flock(self._fd(slot), fcntl.LOCK_UN)

    def tree(self) -> object:
        """Everything below the top, after the end."""
        return [*self._below(self.top, "")]

    def _below(self, directory: int, prefix: str) -> list[object]:
        found: list[object] = []
        for name in sorted(self.calls.listdir(directory)):
            status = self.calls.stat(name, dir_fd=directory, follow_symlinks=False)
            found.append((prefix + name, self._told(status)))
            if modes.S_ISDIR(status.st_mode):
                fd = self.calls.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory)
                found += self._below(fd, f"{prefix}{name}/")
                self.calls.close(fd)
            elif modes.S_ISLNK(status.st_mode):
                found.append(self.calls.readlink(name, dir_fd=directory))
        return found

    def close(self) -> None:
        """Give every descriptor back."""
        for fd in (self.top, *self.slots.values()):
            self.calls.close(fd)


def compare(operations: list[Operation], backend: MemoryDisk | None = None) -> None:
    """Do the same on both sides."""
    kept = os.umask(0o022)
    with tempfile.TemporaryDirectory() as base:
        base = os.path.join(os.path.realpath(base), "top")  # noqa: PLW2901 - nothing in it leads out of it
        os.mkdir(base)
        memory = backend or MemoryDisk()
        with calls.using(memory):
            disk.make_parents(base)
        sides = Side(calls.Calls(), base), Side(memory, base)
        try:
            for n, each in enumerate(operations):
                real, simulated = (side.do(each) for side in sides)
                assert simulated == real, f"{each}: {simulated} in memory, {real} on disk; after {operations[:n]}"
            assert sides[1].tree() == sides[0].tree()
        finally:
            os.umask(kept)
            for side in sides:
                side.close()


@given(st.lists(operation, max_size=40))
@settings(max_examples=300)
@example(
    [("mkdir", "a", None, 0o777), ("open", 0, "a", None, os.O_RDONLY), ("rmdir", "a", None), ("mkdir", "b", 0, 0o777)]
)
@example(
    [
        ("mkdir", "a", None, 0o777),
        ("create", 1, "b", None, os.O_RDWR | os.O_CREAT),
        ("open", 0, "a", None, os.O_RDONLY),
        ("rename", "a", None, "c", None),
        ("rename", "b", None, "b", 0),
        ("rename", "b", 0, "a", "root"),
        ("rmdir", "c", None),
        ("rename", "a", "root", "b", 0),
        ("rename", "b", 0, "a", "root"),
        ("link", "a", "root", "b", 0),
        ("listdir", 0),
        ("stat", "../a", 0),
    ]
)
@example(
    [
        ("mkdir", "a", None, 0o777),
        ("mkdir", "a/b", None, 0o777),
        ("mkdir", "c", None, 0o777),
        ("rename", "c", None, "a", None),
    ]
)
def test_memory_and_the_real_file_system_agree(operations: list[Operation]) -> None:
    compare(operations)


@pytest.mark.exhaustive
@given(st.lists(operation, max_size=120))
@settings(max_examples=20_000)
def test_memory_and_the_real_file_system_agree_for_long(operations: list[Operation]) -> None:
    compare(operations)


class Lenient(MemoryDisk):
    """Renames a directory over one that is not empty: a file system that would make the lock worthless."""

    def rename(  # type: ignore[override] # a function of the system is overridden by a method
        self, src: str, dst: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
    ) -> None:
        try:
            super().rename(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise


def test_the_comparison_fires() -> None:
    operations = [("mkdir", each, None, 0o777) for each in ("a", "a/b", "c")] + [("rename", "c", None, "a", None)]
    compare([*operations])
    with pytest.raises(AssertionError, match="rename"):
        compare([*operations], Lenient())


def test_every_call_is_simulated() -> None:
    assert [name for name in ALL if name not in vars(MemoryDisk)] == []


def test_the_functions_of_disk_work_in_memory() -> None:
    with calls.using(MemoryDisk()):
        disk.make_parents("/a/b/c")
        disk.write_new("/a/b/file", b"content", mode=0o644, sync=True)
        disk.symlink("b/file", "/a/link")
        disk.link("/a/b/file", "/a/b/c/other")
        assert disk.realpath("/a/link") == "/a/b/file"
        assert disk.read_regular("/a/b/c/other", limit=3) == b"con"
        with pytest.raises(FileExistsError):
            disk.rename_exclusive("/a/b/c/other", "/a/b/file")
        disk.remove_tree("/a")
        assert not disk.lexists("/a")
    assert not os.path.exists("/a/b")


def test_a_lock_ends_with_its_open_file() -> None:
    with calls.using(MemoryDisk()) as memory:
        assert isinstance(memory, MemoryDisk)
        first = disk.open_new("/lock")
        second = disk.open_for_writing("/lock")
        assert disk.try_flock(first)
        assert not disk.try_flock(second)
        disk.close(first)
        assert disk.try_flock(second)
        memory.end(memory.process)
        assert disk.try_flock(disk.open_for_writing("/lock"))


def test_equal_trees_have_equal_states() -> None:
    def made(names: str) -> int:
        memory = MemoryDisk(Tree())
        with calls.using(memory):
            for name in names:
                memory.tree.maker = ord(name)
                disk.mkdir(f"/{name}")
                disk.write_new(f"/{name}/file", name.encode())
        return memory.tree.state

    assert made("abc") == made("cab")
    assert made("abc") != made("abd")


def test_a_clone_is_equal_and_apart() -> None:
    memory = MemoryDisk(Tree())
    with calls.using(memory):
        disk.make_parents("/a/b")
        disk.write_new("/a/file", b"1")
    copy = memory.tree.clone(memory.tree.now)
    assert copy.files() == memory.tree.files()
    with calls.using(MemoryDisk(copy)):
        disk.rename("/a/file", "/a/b/file")
    assert "/a/file" in memory.tree.files()
    assert copy.files() == {"/a": None, "/a/b": None, "/a/b/file": b"1"}


def test_a_coarse_clock_hides_a_second_change() -> None:
    for coarse in (True, False):
        with calls.using(MemoryDisk(Tree(coarse=coarse))):
            disk.mkdir("/a")
            before = disk.stat("/a").st_mtime_ns
            disk.mkdir("/a/b")
            assert (disk.stat("/a").st_mtime_ns == before) is coarse


def test_the_number_of_a_removed_file_is_given_again() -> None:
    with calls.using(MemoryDisk(Tree(reuse=True))):
        disk.mkdir("/a")
        number = disk.stat("/a").st_ino
        disk.rmdir("/a")
        disk.write_new("/b", b"")
        assert disk.stat("/b").st_ino == number
