"""A file system as a value: inodes, directory entries and path walks, with the errors that Linux gives.

Every change passes through a few methods of `Tree` that keep `Tree.state` up to date: a number that is equal for equal
trees, whatever way led there. Numbers of inodes are given out per maker (`Tree.maker`), so that what two processes make
has the same number in whichever order they make it. They note what was looked at and changed (`Tree.noted`), too.
"""

from __future__ import annotations

import errno
import os
import stat as modes
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from tests.support import footprints
from tests.support.footprints import Footprint

NAME_LIMIT = 255
_LINKS_FOLLOWED = 40
_PER_MAKER = 1_000_000
_TICK = 4_000_000  # ns: the clock by which a kernel stamps files
_SECOND_NAME = 2


@dataclass(slots=True, eq=False)
class Inode:
    """A file, directory or symlink.

    Attributes:
        entries: Of a directory; None for everything else.
        parent: Of a directory, what ``..`` leads to, even when it has been removed.
        opened: Open file descriptions that keep it.
        flocks: Which of them have it locked: description -> exclusive.
        named: Entries that lead here.
        lower: A directory that cannot be renamed: overlayfs answers EXDEV for those of a lower layer.
    """

    number: int
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    atime_ns: int
    data: bytes = b""
    entries: dict[str, Inode] | None = None
    parent: Inode | None = None
    named: int = 0
    lower: bool = False
    opened: int = 0
    flocks: dict[object, bool] = field(default_factory=dict)
    changes: int = 0
    mark: int = 0

    @property
    def is_dir(self) -> bool:
        return self.entries is not None

    @property
    def is_link(self) -> bool:
        return modes.S_ISLNK(self.mode)

    def status(self) -> os.stat_result:
        """As fstat(2) says."""
        links = self.named
        if self.entries is not None and self.named:
            links += 1 + sum(child.is_dir for child in self.entries.values())
        times = (self.atime_ns, self.mtime_ns, self.mtime_ns)
        seconds = tuple(each // 1_000_000_000 for each in times)
        return os.stat_result(
            (self.mode, self.number, 1, links, self.uid, self.gid, len(self.data), *seconds),
            {
                "st_atime_ns": times[0],
                "st_mtime_ns": times[1],
                "st_ctime_ns": times[2],
                "st_atime": times[0] / 1e9,
                "st_mtime": times[1] / 1e9,
                "st_ctime": times[2] / 1e9,
            },
        )


def failure(number: int, path: object = None, other: object = None) -> OSError:
    """The error that ``os`` would raise."""
    if other is not None:
        return OSError(number, os.strerror(number), path, None, other)
    return OSError(number, os.strerror(number), path) if path is not None else OSError(number, os.strerror(number))


class Tree:
    """One file system.

    Args:
        now: The clock by which files are stamped, in ns.
        coarse: Stamp as real kernels do, by ticks of 4 ms: two changes may leave one mtime. Otherwise every change
            of an inode shows.
        reuse: Give the numbers of freed inodes to new ones at once, as ext4 does.

    Attributes:
        maker: Who makes the next inodes.
        noted: Where everything that is looked at or changed is noted; None: nowhere.
        state: Equal for equal trees.
        steady: Whether all who change it go by one clock.
        version: Counts the changes.
    """

    def __init__(
        self, *, now: Callable[[], int] = lambda: 1_700_000_000_000_000_000, coarse: bool = False, reuse: bool = False
    ) -> None:
        self.now = now
        self.maker = 0
        self.noted: Footprint | None = None
        self.state = 0
        self.version = 0
        self.steady: Callable[[], bool] = lambda: True
        self._coarse = coarse
        self._reuse = reuse
        self._free: list[int] = []
        self._numbers: dict[int, count[int]] = {}
        self.root = self.new(modes.S_IFDIR | 0o755, 0, 0)
        self.root.named = 1
        self.root.parent = self.root

    def clone(self, now: Callable[[], int]) -> Tree:
        """The same tree, nothing of it open or locked."""
        copy = Tree(now=now, coarse=self._coarse, reuse=self._reuse)
        copy._free = list(self._free)
        copy._numbers = {0: count(10_000)}
        known: dict[Inode, Inode] = {}
        copy.state = 0
        copy.root = copy._cloned(self.root, copy.root, known)
        copy.root.parent = copy.root
        return copy

    def _cloned(self, inode: Inode, parent: Inode, known: dict[Inode, Inode]) -> Inode:
        if (made := known.get(inode)) is not None:
            return made
        made = known[inode] = Inode(
            number=inode.number,
            mode=inode.mode,
            uid=inode.uid,
            gid=inode.gid,
            mtime_ns=inode.mtime_ns,
            atime_ns=inode.atime_ns,
            data=inode.data,
            parent=parent if inode.is_dir else None,
            named=inode.named,
            lower=inode.lower,
            changes=inode.changes,
        )
        self._print(made)
        if inode.entries is not None:
            made.entries = {}
            for name, child in inode.entries.items():
                made.entries[name] = self._cloned(child, made, known)
                self.state ^= hash((made.number, name, child.number))
        return made

    # -- changes: all of them

    def new(self, mode: int, uid: int, gid: int, data: bytes = b"") -> Inode:
        """An inode without a name."""
        if self._reuse and self.noted:
            self.noted.writes.add(footprints.NUMBERS)
        if self._reuse and self._free:
            number = self._free.pop()
        else:
            number = self.maker * _PER_MAKER + next(self._numbers.setdefault(self.maker, count(2)))
        now = self._stamp(0)
        made = Inode(number=number, mode=mode, uid=uid, gid=gid, mtime_ns=now, atime_ns=now, data=data)
        if modes.S_ISDIR(mode):
            made.entries = {}
        self._print(made)
        return made

    def enter(self, directory: Inode, name: str, inode: Inode) -> None:
        """Give an inode a name that is free."""
        assert directory.entries is not None
        assert name not in directory.entries
        directory.entries[name] = inode
        inode.named += 1
        self._note_entry(directory, name, inode, came=True)
        if inode.is_dir:
            inode.parent = directory
        self.state ^= hash((directory.number, name, inode.number))
        self.touch(directory)

    def leave(self, directory: Inode, name: str) -> None:
        """Take a name away."""
        assert directory.entries is not None
        inode = directory.entries.pop(name)
        inode.named -= 1
        self._note_entry(directory, name, inode, came=False)
        self.state ^= hash((directory.number, name, inode.number))
        self.touch(directory)
        self.drop(inode)

    def _note_entry(self, directory: Inode, name: str, inode: Inode, *, came: bool) -> None:
        """An entry came or went."""
        if (noted := self.noted) is not None:
            noted.writes.add(footprints.entry(directory.number, name))
            if came:
                noted.writes.add(footprints.arrival(directory.number, name))
            noted.touches.add(footprints.listing(directory.number, footprints.Names.of(name)))
            noted.reads.add(footprints.named(directory.number))
            if inode.is_dir:
                noted.writes.add(footprints.parent(inode.number))
            if inode.named < _SECOND_NAME:
                noted.writes.add(footprints.named(inode.number))

    def note_read(self, place: footprints.Place) -> None:
        """Something was looked at."""
        if self.noted is not None:
            self.noted.reads.add(place)

    def note_listing(self, directory: Inode, kinds: frozenset[footprints.Names] = footprints.ALL_NAMES) -> None:
        """The names in a directory were looked at."""
        if self.noted is not None:
            self.noted.reads |= footprints.listings(directory.number, kinds)

    def drop(self, inode: Inode) -> None:
        """Forget an inode that has neither a name nor an opener."""
        if not inode.named and not inode.opened and inode.mark:
            if self._reuse and self.noted:
                self.noted.writes.add(footprints.NUMBERS)
            self.state ^= inode.mark
            inode.mark = 0
            self._free.append(inode.number)
            self._free.sort(reverse=True)

    def touch(self, inode: Inode) -> None:
        """Its content changed."""
        before = inode.mtime_ns
        inode.changes += 1
        inode.mtime_ns = self._stamp(inode.changes)
        self._print(inode)
        if self.noted is None or (inode.is_dir and inode.mtime_ns == before):
            return
        # two entries of one directory leave the same time, if it is told by one clock
        (self.noted.touches if inode.is_dir and self.steady() else self.noted.writes).add(
            footprints.status(inode.number)
        )

    def write(self, inode: Inode, data: bytes) -> None:
        """Give a file its content."""
        inode.data = data
        self.touch(inode)

    def give(
        self,
        inode: Inode,
        *,
        mode: int | None = None,
        uid: int = -1,
        gid: int = -1,
        times: tuple[int, int] | None = None,
    ) -> None:
        """Change what is known of an inode."""
        if self.noted is not None:
            self.noted.writes.add(footprints.status(inode.number))
        if mode is not None:
            inode.mode = modes.S_IFMT(inode.mode) | modes.S_IMODE(mode)
        inode.uid = inode.uid if uid == -1 else uid
        inode.gid = inode.gid if gid == -1 else gid
        if times is not None:
            inode.atime_ns, inode.mtime_ns = times
        self._print(inode)

    def _stamp(self, changes: int) -> int:
        tick = self.now() // _TICK * _TICK
        return tick if self._coarse else tick + changes

    def _print(self, inode: Inode) -> None:
        mark = hash((inode.number, inode.mode, inode.gid, inode.mtime_ns, inode.data)) | 1
        self.state ^= inode.mark ^ mark
        inode.mark = mark
        self.version += 1

    # -- looking

    def resolve(self, path: str, start: Inode, *, follow: bool) -> Inode:
        """What lies at a path.

        Raises:
            OSError: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG.
        """
        if not path:
            raise failure(errno.ENOENT, path)
        return self._walk(path, start, follow=follow or path.endswith("/"), whole=path, depth=0)

    def parent(self, path: str, start: Inode) -> tuple[Inode, str]:
        """The directory that a path names an entry of, and the entry's name (perhaps ``.``, ``..`` or empty for /)."""
        if not path:
            raise failure(errno.ENOENT, path)
        stem, _, name = path.rstrip("/").rpartition("/")
        if not path.rstrip("/"):
            return self.root, ""
        if not stem:
            directory = self.root if path.startswith("/") else start
        else:
            directory = self._walk(stem, start, follow=True, whole=path, depth=0)
        if not directory.is_dir:
            raise failure(errno.ENOTDIR, path)
        return directory, name

    def lookup(self, directory: Inode, name: str, path: str) -> Inode | None:
        """An entry of a directory; in a removed directory nothing is found."""
        if directory.named and len(name) > NAME_LIMIT:
            raise failure(errno.ENAMETOOLONG, path)
        found = (directory.entries or {}).get(name)
        if self.noted is not None:
            place = footprints.entry(directory.number, name)
            self.noted.reads.add(place)
            if found is None:
                self.noted.missing.add(place)
        return found

    def _walk(self, path: str, start: Inode, *, follow: bool, whole: str, depth: int) -> Inode:
        at = self.root if path.startswith("/") else start
        names = [name for name in path.split("/") if name]
        for n, name in enumerate(names):
            if not at.is_dir:
                raise failure(errno.ENOTDIR, whole)
            if name == ".":
                continue
            if name == "..":
                assert at.parent is not None
                self.note_read(footprints.parent(at.number))
                at = at.parent
                continue
            found = self.lookup(at, name, whole)
            if found is None:
                raise failure(errno.ENOENT, whole)
            if found.is_link and (follow or n + 1 < len(names)):
                if depth >= _LINKS_FOLLOWED:
                    raise failure(errno.ELOOP, whole)
                at = self._walk(found.data.decode(), at, follow=True, whole=whole, depth=depth + 1)
            else:
                at = found
        if path.endswith("/") and not at.is_dir:
            raise failure(errno.ENOTDIR, whole)
        return at

    def files(self, inode: Inode | None = None, prefix: str = "") -> dict[str, bytes | None]:
        """Every path below a directory: the content of files and symlinks, None for directories."""
        found: dict[str, bytes | None] = {}
        at = self.root if inode is None else inode
        for name, child in sorted((at.entries or {}).items()):
            path = f"{prefix}/{name}"
            found[path] = None if child.is_dir else child.data
            found.update(self.files(child, path))
        return found

    def is_below(self, inode: Inode, ancestor: Inode) -> bool:
        """Whether a directory is another one or lies in it."""
        while inode is not ancestor:
            if inode.parent is None or inode.parent is inode:
                return False
            self.note_read(footprints.parent(inode.number))
            inode = inode.parent
        return True
