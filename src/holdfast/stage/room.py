"""Is there room, in bytes and inodes? Asked before anything is downloaded, and again before the new tree is built.

**Guarantees**: changes nothing, and asks for no more than is certainly needed: what it refuses would have failed.
An answer names the path, what is needed there and what there is.

**On crash**: nothing to leave.

**Limits**: an early answer: quotas are not seen, others write meanwhile, and what takes more than was certain (a wheel
unpacked; a copy where blocks might have been shared) is found at the call. A file system that compresses is taken at
its word about free bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdfast import disk
from holdfast.errors import NoRoomError
from holdfast.model.changes import ChangeSet
from holdfast.model.composed import FromStore, Generated, PlacedFile
from holdfast.model.request import LinkMode
from holdfast.model.transaction import Transaction

_LINKING = frozenset({LinkMode.AUTO, LinkMode.HARDLINK})


def check_room_for_downloads(sizes: Sequence[int], *, work: str, store: str) -> None:
    """Refuse what cannot be held once it is downloaded.

    Args:
        sizes: Of the files that are to be downloaded, in bytes, as far as they are known.
        work: The work area, where they arrive one after another; it also takes what the store cannot.
        store: The directory in which they are unpacked.

    Raises:
        NoRoomError: There is no room for the longest in the work area, or none for all of them.
    """
    if not sizes:
        return
    _check(work, max(sizes), 1)
    places = {disk.stat(path).st_dev: path for path in map(disk.nearest_directory, (store, work))}
    total = 0
    for path in places.values():
        if (free := disk.room(path).bytes) is None:
            return
        total += free
    if sum(sizes) > total:
        raise _refused(" and ".join(places.values()), sum(sizes), total, "bytes")


def check_room_for_files(changes: ChangeSet, tx: Transaction, link_mode: LinkMode) -> None:
    """Refuse a change that cannot be staged where it will be.

    Args:
        changes: What will be staged.
        tx: Its transaction.
        link_mode: How files come from the store: a hard link takes no room.

    Raises:
        NoRoomError: There is no room in the file system of one of the transaction's directories.
    """
    devices: dict[bool, int] = {}  # by "lasting": the cache lies in one file system, and so does the work area
    needs: dict[str, tuple[int, int]] = {}
    for step in changes.steps:
        files = changes.contents.get(step.n, ())
        path = tx.directory_of(step.place.scheme).path
        device = disk.stat(path).st_dev
        taken, entries = needs.get(path, (0, 0))
        for source in _sources(files):
            if source.lasting not in devices:
                devices[source.lasting] = _device(source.path)
        for _, file in files:
            size, count = _need(file, device, devices, link_mode)
            taken, entries = taken + size, entries + count
        directories = len({name.rpartition("/")[0] for name, _ in files}) if step.directory else 0
        needs[path] = taken, entries + directories
    for path, (taken, entries) in needs.items():
        _check(path, taken, entries)


def _sources(files: Iterable[tuple[str, PlacedFile]]) -> Iterable[FromStore]:
    return (file.source for _, file in files if isinstance(file.source, FromStore))


def _device(path: str) -> int:
    try:
        return disk.stat(path).st_dev
    except OSError:  # gone from the store: staging will say so
        return -1


def _need(file: PlacedFile, device: int, devices: dict[bool, int], mode: LinkMode) -> tuple[int, int]:
    """The bytes and inodes that one file certainly takes."""
    match file.source:
        case Generated(content=content):
            return len(content), 1
        case FromStore(linkable=linkable, lasting=lasting):
            if mode is LinkMode.SYMLINK:
                return 0, 1
            if devices[lasting] != device or mode is LinkMode.COPY:
                return max(file.size, 0), 1
            return 0, int(not (linkable and mode in _LINKING))


def _check(path: str, taken: int, entries: int) -> None:
    room = disk.room(disk.nearest_directory(path))
    if room.bytes is not None and taken > room.bytes:
        raise _refused(path, taken, room.bytes, "bytes")
    if room.inodes is not None and entries > room.inodes:
        raise _refused(path, entries, room.inodes, "inodes")


def _refused(path: str, needed: int, available: int, unit: str) -> NoRoomError:
    option = "-i" if unit == "inodes" else "-h"
    return NoRoomError(
        f"There is no room in {path}: {needed:,} {unit} are needed there, {available:,} are available.",
        hint=f"Make room there, then repeat the command: df {option} {path.replace(' and ', ' ')}",
    )
