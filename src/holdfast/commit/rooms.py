"""Open what a step works on: the target's directories, component by component, and the transaction's own.

**Guarantees**: below a scheme directory every component is opened without following symlinks, so that a step lands in
the scheme or fails. The scheme's directories are those that this process computed, never a path read from disk.

**On crash**: changes nothing.

**Limits**: at most `_OPEN` directories of the target are kept open.
"""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from holdfast import disk
from holdfast.model.changes import Place
from holdfast.model.target import Scheme, SchemeKey
from holdfast.model.transaction import TAKEN_NAME, TRANSACTION_PREFIX, TransactionDirectory

NEW, OLD, JOURNAL = "new", "old", "journal"
_OPEN = 128


class Doors:
    """Directories of the target, opened on demand and kept until the block ends."""

    def __init__(self, scheme: Scheme) -> None:
        self._scheme = scheme
        self._open: OrderedDict[tuple[SchemeKey, str], int] = OrderedDict()

    def parent(self, place: Place) -> tuple[int, str]:
        """Descriptor of the directory that holds a place, valid until the next call, and the name in it.

        Raises:
            OSError: A directory on the way is missing (ENOENT), or is no directory or a symlink (ENOTDIR).
        """
        if not place.path:  # a scheme directory that is made or taken away as a whole
            base = self._scheme.directory(place.scheme)
            return self._directory(place.scheme, ".."), os.path.basename(base)
        parent, _, name = place.path.rpartition("/")
        return self._directory(place.scheme, parent), name

    def directory(self, place: Place) -> int:
        """Descriptor of a directory, valid until the next call."""
        return self._directory(place.scheme, place.path)

    def _directory(self, scheme: SchemeKey, path: str) -> int:
        key = (scheme, path)
        if (fd := self._open.get(key)) is not None:
            self._open.move_to_end(key)
            return fd
        base = self._scheme.directory(scheme)
        if path in {"", ".."}:
            fd = disk.open_dir(base if not path else os.path.dirname(base))
        else:
            parent, _, name = path.rpartition("/")
            if name in {"", ".", ".."}:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
            fd = disk.open_dir(name, dir_fd=self._directory(scheme, parent))
        self._open[key] = fd
        while len(self._open) > _OPEN:
            disk.close(self._open.popitem(last=False)[1])
        return fd

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._open:
            disk.close(self._open.popitem()[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One transaction directory, open.

    Attributes:
        path: Absolute, for messages.
        own: Descriptor of the directory itself; ``new`` and ``old`` likewise.
        whole: A directory of the target can be renamed, as far as can be told before it is tried.
    """

    path: str
    own: int
    new: int
    old: int
    whole: bool


class Rooms:
    """The transaction directories of one transaction, open until the block ends.

    Args:
        rooms: (path, scheme keys reached from it); the first holds the journal.
        suffix: Of ``new`` and ``old``, if they were fenced.
    """

    def __init__(self, rooms: Iterable[tuple[str, tuple[SchemeKey, ...]]], *, suffix: str = "") -> None:
        self.all: list[Room] = []
        self._by_scheme: dict[SchemeKey, Room] = {}
        self._fds: list[int] = []
        try:
            for path, keys in rooms:
                own = self._opened(disk.open_dir(path))
                new = self._opened(disk.open_dir(NEW + suffix, dir_fd=own))
                old = self._opened(disk.open_dir(OLD + suffix, dir_fd=own))
                room = Room(path=path, own=own, new=new, old=old, whole=not disk.filesystem(path).uncovers)
                self.all.append(room)
                self._by_scheme.update(dict.fromkeys(keys, room))
        except BaseException:
            self._close()
            raise

    @classmethod
    def of(cls, directories: Iterable[TransactionDirectory]) -> Self:
        """Those of a transaction of this process."""
        return cls((each.path, each.schemes) for each in directories)

    @property
    def first(self) -> Room:
        """The one that holds the journal."""
        return self.all[0]

    def of_place(self, place: Place) -> Room:
        """The one from which a place is reached by rename."""
        return self._by_scheme[place.scheme]

    def _opened(self, fd: int) -> int:
        self._fds.append(fd)
        return fd

    def _close(self) -> None:
        while self._fds:
            disk.close(self._fds.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()


def locate_room(scheme: Scheme, keys: Iterable[SchemeKey], identifier: str, *, taker: str) -> str | None:
    """Find the transaction directory of an id for some scheme keys.

    It lies in a scheme directory, or in the parent that was nearest when the scheme directory was missing; or there in
    the directory of ``taker``, who took it.
    """
    names = (f"{TRANSACTION_PREFIX}{taker}/{TAKEN_NAME}/{identifier}", TRANSACTION_PREFIX + identifier)
    for key in keys:
        parent = scheme.directory(key)
        while True:
            for name in names:
                if disk.lexists(os.path.join(parent, name)):
                    return os.path.join(parent, name)
            above = os.path.dirname(parent)
            if above == parent:
                break
            parent = above
    return None
