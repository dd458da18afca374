# mypy: disable-error-code="override,assignment"
# (functions of the system, which are not methods, are overridden by methods)
"""A file system in memory behind ``holdfast.disk.calls``: every call that `disk` makes, for one process at a time.

::

    with calls.using(MemoryDisk()) as memory:
        disk.mkdir("/somewhere")

Results and errors are those of Linux on a local file system, compared with the real one by
``test_support_memory_disk.py``. Rights are kept, not enforced; there is one device; paths that end with a slash are
not held to be right.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat as modes
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from holdfast.disk import calls
from tests.support import footprints
from tests.support.memory_tree import Inode, Tree, failure

_ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
_FIRST_DESCRIPTOR = 3
_SETGID_DIRECTORY = modes.S_ISGID


@dataclass(slots=True, eq=False)
class Open:
    """An open file description."""

    inode: Inode
    flags: int
    offset: int = 0

    @property
    def readable(self) -> bool:
        return self.flags & _ACCESS != os.O_WRONLY

    @property
    def writable(self) -> bool:
        return self.flags & _ACCESS != os.O_RDONLY


@dataclass(slots=True, eq=False)
class Descriptors:
    """What the kernel keeps of one process: its descriptors and ids. ``number`` tells makers of inodes apart."""

    number: int = 0
    uid: int = 1000
    gid: int = 1000
    umask: int = 0o022
    table: dict[int, Open] = field(default_factory=dict)

    def lowest(self) -> int:
        """The number that open(2) gives next."""
        fd = _FIRST_DESCRIPTOR
        while fd in self.table:
            fd += 1
        return fd


@dataclass(frozen=True, slots=True)
class Entry:
    """What scandir gives: an ``os.DirEntry`` in all that is used of one. Only its kind is known without a look."""

    name: str
    path: str
    found: Inode
    look: Callable[[Inode], os.stat_result]

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        assert not (follow_symlinks and self.is_symlink())
        return self.found.is_dir

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        assert not (follow_symlinks and self.is_symlink())
        return modes.S_ISREG(self.found.mode)

    def is_symlink(self) -> bool:
        return self.found.is_link

    def inode(self) -> int:
        return self.found.number

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        assert not (follow_symlinks and self.is_symlink())
        return self.look(self.found)


class MemoryDisk(calls.Calls):
    """The calls, over one `Tree`.

    Args:
        tree: Kept between processes.

    Attributes:
        tree: The file system.
        process: Whose descriptors and ids count; exchange it to be another process.
        synced: How often anything was synced.
        shown: Which names a listing gives now.
    """

    def __init__(self, tree: Tree | None = None) -> None:
        self.tree = tree or Tree()
        self.process = Descriptors()
        self.synced = 0
        self.shown = footprints.ALL_NAMES

    def become(self, process: Descriptors) -> None:
        """From here on calls are those of another process."""
        self.process = process
        self.tree.maker = process.number

    def end(self, process: Descriptors) -> None:
        """A process ended: its descriptors are closed, its locks free."""
        for fd in tuple(process.table):
            self._close(process, fd)

    # -- helpers

    def _open_file(self, fd: int) -> Open:
        try:
            return self.process.table[fd]
        except KeyError:
            raise failure(errno.EBADF) from None

    def _start(self, dir_fd: int | None, path: str) -> Inode:
        if not path:
            raise failure(errno.ENOENT, path)
        if dir_fd is None or path.startswith("/"):
            return self.tree.root
        inode = self._open_file(dir_fd).inode
        if not inode.is_dir:
            raise failure(errno.ENOTDIR, path)
        return inode

    def _find(self, path: str, dir_fd: int | None, *, follow: bool) -> Inode:
        return self.tree.resolve(path, self._start(dir_fd, path), follow=follow)

    def _slot(self, path: str, dir_fd: int | None) -> tuple[Inode, str]:
        return self.tree.parent(path, self._start(dir_fd, path))

    def _vacancy(self, path: str, dir_fd: int | None, *, directory: bool = False) -> tuple[Inode, str]:
        """A name that can be given to something new."""
        parent, name = self._slot(path, dir_fd)
        if name in {"", ".", ".."} or self.tree.lookup(parent, name, path) is not None:
            raise failure(errno.EEXIST, path)
        self.tree.note_read(footprints.named(parent.number))
        if not parent.named or (path.endswith("/") and not directory):
            raise failure(errno.ENOENT, path)
        return parent, name

    def _made(self, parent: Inode, kind: int, mode: int, data: bytes = b"") -> Inode:
        gid = self.process.gid
        if parent.mode & modes.S_ISGID:
            gid = parent.gid
            mode |= _SETGID_DIRECTORY if modes.S_ISDIR(kind) else 0
        return self.tree.new(kind | mode, self.process.uid, gid, data)

    # -- entries

    def rename(self, src: str, dst: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
        self._rename(src, dst, src_dir_fd, dst_dir_fd, onto=True)

    def rename_noreplace(
        self, src: str, dst: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
    ) -> None:
        self._rename(src, dst, src_dir_fd, dst_dir_fd, onto=False)

    def rename_exchange(
        self,
        src: str,
        dst: str,
        *,
        src_dir_fd: int | None = None,  # noqa: ARG002 - as the call
        dst_dir_fd: int | None = None,  # noqa: ARG002 - as the call
    ) -> None:
        raise failure(errno.ENOSYS, src, dst)

    def _rename(self, src: str, dst: str, src_dir_fd: int | None, dst_dir_fd: int | None, *, onto: bool) -> None:  # noqa: C901 - one check after the other, in the kernel's order
        def refused(number: int) -> OSError:
            return failure(number, src, dst)

        try:
            source, old = self._slot(src, src_dir_fd)
            target, new = self._slot(dst, dst_dir_fd)
        except OSError as error:
            raise refused(error.errno or 0) from None
        if {old, new} & {"", ".", ".."}:
            raise refused(errno.EBUSY if onto or old in {"", ".", ".."} else errno.EEXIST)
        moved = self.tree.lookup(source, old, src)
        if moved is None:
            raise refused(errno.ENOENT)
        there = self.tree.lookup(target, new, dst)
        self.tree.note_read(footprints.named(target.number))
        if there is None and not target.named:
            raise refused(errno.ENOENT)
        if there is not None and not onto:
            raise refused(errno.EEXIST)
        if not moved.is_dir and (src.endswith("/") or dst.endswith("/")):
            raise refused(errno.ENOTDIR)
        if moved.is_dir and self.tree.is_below(target, moved):
            raise refused(errno.EINVAL)
        if moved.lower:
            raise refused(errno.EXDEV)
        if there is moved:
            return
        if there is not None:
            if (number := self._replaceable(moved, there, source)) is not None:
                raise refused(number)
            self.tree.leave(target, new)
        moved.opened += 1  # not to be dropped between its names
        self.tree.leave(source, old)
        self.tree.enter(target, new, moved)
        moved.opened -= 1

    def _replaceable(self, moved: Inode, there: Inode, source: Inode) -> int | None:
        """Why one entry may not be renamed over another."""
        if there.is_dir and self.tree.is_below(source, there):
            return errno.ENOTEMPTY
        if moved.is_dir and not there.is_dir:
            return errno.ENOTDIR
        if there.is_dir and not moved.is_dir:
            return errno.EISDIR
        if there.is_dir:
            self.tree.note_listing(there)
        return errno.ENOTEMPTY if there.entries else None

    def link(
        self,
        src: str,
        dst: str,
        *,
        src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
        follow_symlinks: bool = True,
    ) -> None:
        try:
            inode = self._find(src, src_dir_fd, follow=follow_symlinks)
            parent, name = self._vacancy(dst, dst_dir_fd)
        except OSError as error:
            raise failure(error.errno or 0, src, dst) from None
        if inode.is_dir:
            raise failure(errno.EPERM, src, dst)
        self.tree.enter(parent, name, inode)

    def symlink(self, to: str, path: str, *, dir_fd: int | None = None) -> None:
        try:
            if not to:
                raise failure(errno.ENOENT)
            parent, name = self._vacancy(path, dir_fd)
        except OSError as error:
            raise failure(error.errno or 0, to, path) from None
        self.tree.enter(parent, name, self._made(parent, modes.S_IFLNK, 0o777, os.fsencode(to)))

    def unlink(self, path: str, *, dir_fd: int | None = None) -> None:
        parent, name = self._slot(path, dir_fd)
        if name in {"", ".", ".."}:
            raise failure(errno.EISDIR, path)
        inode = self.tree.lookup(parent, name, path)
        if inode is None:
            raise failure(errno.ENOENT, path)
        if inode.is_dir:
            raise failure(errno.EISDIR, path)
        if path.endswith("/"):
            raise failure(errno.ENOTDIR, path)
        self.tree.leave(parent, name)

    def rmdir(self, path: str, *, dir_fd: int | None = None) -> None:
        parent, name = self._slot(path, dir_fd)
        if (number := {"": errno.EBUSY, ".": errno.EINVAL, "..": errno.ENOTEMPTY}.get(name)) is not None:
            raise failure(number, path)
        inode = self.tree.lookup(parent, name, path)
        if inode is None:
            raise failure(errno.ENOENT, path)
        if not inode.is_dir:
            raise failure(errno.ENOTDIR, path)
        self.tree.note_listing(inode)
        if inode.entries:
            raise failure(errno.ENOTEMPTY, path)
        self.tree.leave(parent, name)

    def mkdir(self, path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        parent, name = self._vacancy(path, dir_fd, directory=True)
        made = self._made(parent, modes.S_IFDIR, mode & ~self.process.umask & 0o1777)
        self.tree.enter(parent, name, made)

    # -- descriptors

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        inode = self._opened(path, flags, mode, dir_fd)
        inode.opened += 1
        fd = self.process.lowest()
        self.process.table[fd] = Open(inode, flags)
        return fd

    def create(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        return self.open(path, flags, mode, dir_fd=dir_fd)

    def _opened(self, path: str, flags: int, mode: int, dir_fd: int | None) -> Inode:
        creating = flags & os.O_CREAT
        if creating and flags & os.O_EXCL:
            self._vacancy(path, dir_fd)
        try:
            inode = self._find(path, dir_fd, follow=not flags & os.O_NOFOLLOW)
        except FileNotFoundError:
            if not creating:
                raise
            inode = self._new_file(path, mode, dir_fd)
        else:
            if inode.is_link:
                raise failure(errno.ENOTDIR if flags & os.O_DIRECTORY else errno.ELOOP, path)
            if creating and inode.is_dir:
                raise failure(errno.EISDIR, path)
            if flags & os.O_DIRECTORY and not inode.is_dir:
                raise failure(errno.ENOTDIR, path)
            if inode.is_dir and flags & _ACCESS != os.O_RDONLY:
                raise failure(errno.EISDIR, path)
        if flags & os.O_TRUNC and not inode.is_dir:
            self.tree.write(inode, b"")
        return inode

    def _new_file(self, path: str, mode: int, dir_fd: int | None) -> Inode:
        if path.endswith("/"):
            raise failure(errno.EISDIR, path)
        parent, name = self._slot(path, dir_fd)
        while (link := self.tree.lookup(parent, name, path)) is not None:  # a dangling symlink: made where it leads to
            parent, name = self.tree.parent(link.data.decode(), parent)
        self.tree.note_read(footprints.named(parent.number))
        if not parent.named:
            raise failure(errno.ENOENT, path)
        made = self._made(parent, modes.S_IFREG, mode & ~self.process.umask & 0o7777)
        self.tree.enter(parent, name, made)
        return made

    def close(self, fd: int) -> None:
        self._open_file(fd)
        self._close(self.process, fd)

    def _close(self, process: Descriptors, fd: int) -> None:
        file = process.table.pop(fd)
        file.inode.opened -= 1
        if file.inode.flocks.pop(file, None) is not None:
            self.tree.version += 1
            if self.tree.noted is not None:
                self.tree.noted.writes.add(footprints.flocked(file.inode.number))
        self.tree.drop(file.inode)

    def read(self, fd: int, length: int) -> bytes:
        file = self._open_file(fd)
        if not file.readable:
            raise failure(errno.EBADF)
        if file.inode.is_dir:
            raise failure(errno.EISDIR)
        self.tree.note_read(footprints.status(file.inode.number))
        data = file.inode.data[file.offset : file.offset + length]
        file.offset += len(data)
        return data

    def write(self, fd: int, data: bytes | memoryview) -> int:
        file = self._open_file(fd)
        if file.flags & os.O_APPEND:
            file.offset = len(file.inode.data)
        done = self.pwrite(fd, data, file.offset)
        file.offset += done
        return done

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        file = self._open_file(fd)
        if not file.writable:
            raise failure(errno.EBADF)
        if file.flags & os.O_APPEND:  # what Linux does, though POSIX says otherwise
            offset = len(file.inode.data)
        if len(data):
            before = file.inode.data.ljust(offset, b"\0")
            self.tree.write(file.inode, before[:offset] + bytes(data) + before[offset + len(data) :])
        return len(data)

    def truncate(self, fd: int, length: int) -> None:
        if length < 0:
            raise failure(errno.EINVAL)
        file = self._open_file(fd)
        if not file.writable:
            raise failure(errno.EINVAL)
        self.tree.write(file.inode, file.inode.data[:length].ljust(length, b"\0"))

    def copy_file_range(self, src: int, dst: int, count: int) -> int:
        return self.write(dst, self.read(src, count))

    def ficlone(self, dst_fd: int, src_fd: int) -> None:
        self._open_file(dst_fd)
        self._open_file(src_fd)
        raise failure(errno.EOPNOTSUPP)

    def fsync(self, fd: int) -> None:
        self._open_file(fd)
        self.synced += 1

    def syncfs(self, fd: int) -> None:
        self.fsync(fd)

    def fchmod(self, fd: int, mode: int) -> None:
        self.tree.give(self._open_file(fd).inode, mode=mode)

    def fchown(self, fd: int, uid: int, gid: int) -> None:
        self.tree.give(self._open_file(fd).inode, uid=uid, gid=gid)

    def utime(
        self,
        path: str | int,
        times: tuple[float, float] | None = None,
        *,
        ns: tuple[int, int] | None = None,
        dir_fd: int | None = None,
        follow_symlinks: bool = True,
    ) -> None:
        assert times is None
        inode = (
            self._open_file(path).inode if isinstance(path, int) else self._find(path, dir_fd, follow=follow_symlinks)
        )
        now = self.tree.now()
        self.tree.give(inode, times=ns or (now, now))

    def flock(self, fd: int, operation: int) -> None:
        file = self._open_file(fd)
        held = file.inode.flocks
        self.tree.note_read(footprints.flocked(file.inode.number))
        if operation & fcntl.LOCK_UN:
            if self.tree.noted is not None:
                self.tree.noted.writes.add(footprints.flocked(file.inode.number))
            held.pop(file, None)
            self.tree.version += 1
            return
        exclusive = bool(operation & fcntl.LOCK_EX)
        if any(other is not file and (exclusive or theirs) for other, theirs in held.items()):
            assert operation & fcntl.LOCK_NB, "nobody may wait in the kernel"
            raise failure(errno.EWOULDBLOCK)
        held[file] = exclusive
        if self.tree.noted is not None:
            self.tree.noted.writes.add(footprints.flocked(file.inode.number))

    # -- looking

    def fstat(self, fd: int) -> os.stat_result:
        return self._status(self._open_file(fd).inode)

    def _status(self, inode: Inode) -> os.stat_result:
        self.tree.note_read(footprints.status(inode.number))
        return inode.status()

    def stat(self, path: str | int, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        if isinstance(path, int):
            return self.fstat(path)
        return self._status(self._find(path, dir_fd, follow=follow_symlinks))

    def listdir(self, path: str | int) -> list[str]:
        return sorted(self._listed(path))

    def scandir(self, path: str | int) -> list[Any]:
        base = "" if isinstance(path, int) else path.rstrip("/") + "/"
        return [Entry(name, base + name, child, self._status) for name, child in sorted(self._listed(path).items())]

    def _listed(self, path: str | int) -> dict[str, Inode]:
        inode = self._open_file(path).inode if isinstance(path, int) else self._find(path, None, follow=True)
        if inode.entries is None:
            raise failure(errno.ENOTDIR, path)
        self.tree.note_listing(inode, self.shown)
        if self.shown == footprints.ALL_NAMES:
            return inode.entries
        return {name: child for name, child in inode.entries.items() if footprints.Names.of(name) in self.shown}

    def readlink(self, path: str, *, dir_fd: int | None = None) -> str:
        if dir_fd is not None:
            self._open_file(dir_fd)
        inode = self._find(path, dir_fd, follow=False)
        if not inode.is_link:
            raise failure(errno.EINVAL, path)
        return os.fsdecode(inode.data)

    def realpath(self, path: str) -> str:
        done, left = "", [name for name in path.split("/") if name]
        for _ in range(1000):
            if not left:
                break
            name = left.pop(0)
            if name in {".", ".."}:
                done = done if name == "." else done.rpartition("/")[0]
                continue
            try:
                to = self.readlink(f"{done}/{name}")
            except OSError:
                done = f"{done}/{name}"
                continue
            left = [*(each for each in to.split("/") if each), *left]
            done = "" if to.startswith("/") else done
        return done or "/"

    def access(self, path: str, mode: int, *, effective_ids: bool = False) -> bool:  # noqa: ARG002 - os.access
        try:
            self._find(path, None, follow=True)
        except OSError:
            return False
        return True

    def statvfs(self, path: str | int) -> os.statvfs_result:
        if isinstance(path, str):
            self._find(path, None, follow=True)
        return os.statvfs_result((4096, 4096, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 0, 255))
