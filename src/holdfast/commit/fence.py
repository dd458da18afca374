"""Keep the late steps of a process that was judged dead from the target (design section 3, "Fence").

"Check, then act" cannot stop a process that is paused between the two. So whoever holds the lock takes from the dead
what their steps need: every step of a commit is one rename or link with one side in ``new/`` or ``old/``, and in a
directory that was removed each of them fails, by path, by an open descriptor and in flight.

**Guarantees**: after `fence` no process but the holder changes the target: each transaction directory whose lock was
broken, or that has something to recover, (1) lies in the holder's own, in ``taken/``, (2) its journal has another
name, (3) ``new/`` and ``old/`` are gone, their entries in fresh directories. Whoever takes over from the holder fences
what he had taken in the same way. A ``taken/`` counts as a journal for readers.

**On crash**: what was taken lies below a ``taken/`` of a dead holder, and the next one finds it there.

**Limits**: a sibling beside a scheme directory where the holder has none stays where it is; (2) and (3) are done to it.
What lies in a lower layer of an overlay cannot be renamed: it is carried, and who dies meanwhile leaves it on both
sides. A transaction of whose directories the holder locks a part only (without the journal) keeps its place; (3) is
done to it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from holdfast import disk
from holdfast.commit.carry import MADE, in_turn
from holdfast.commit.drain import rotate
from holdfast.commit.making import Forge, make_inside
from holdfast.commit.rooms import JOURNAL, locate_room
from holdfast.envlock.held import HeldLock
from holdfast.model.owner import RECORD_LIMIT, OwnerRecord
from holdfast.model.target import SchemeKey, Target
from holdfast.model.transaction import (
    BROKEN_NAME,
    TAKEN_NAME,
    TRANSACTION_PREFIX,
    TransactionDirectory,
    is_transaction_name,
)

DEAD_NAME = "dead"
"""In the holder's directory: what was taken and needs no recovery (any more); it goes with it."""
_OWNER = "owner"
_MARKS = (BROKEN_NAME, JOURNAL, TAKEN_NAME)
_NOT_WHOLE = frozenset({errno.EXDEV, errno.ENOTEMPTY, errno.EEXIST})
_NONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One dead transaction in the holder's hands.

    Attributes:
        path: Of its directory that has the journal, where it lies now; else of any.
        owner: Its record, None if it cannot be read. Untrusted: print escaped.
        journal: The journal's name now; empty: there is none.
        suffix: Of ``new`` and ``old`` now.
        taker: The id below whose directories its parts lie.
    """

    id: str
    path: str
    owner: OwnerRecord | None
    journal: str
    suffix: str
    taker: str


def marked(parent: str) -> Iterator[str]:
    """The ids of the transactions beside a lock that were broken, or have something to recover."""
    try:
        names = disk.listdir(parent)
    except FileNotFoundError:
        return
    for name in sorted(names):
        path = os.path.join(parent, name)
        if is_transaction_name(name) and disk.is_directory(path) and any(_lies(path, mark) for mark in _MARKS):
            yield name.removeprefix(TRANSACTION_PREFIX)


def fence(target: Target, held: HeldLock, *, spare: Iterable[str]) -> tuple[Taken, ...]:
    """Fence every dead transaction beside the locks that are held.

    Args:
        target: Its scheme says where siblings are.
        held: The lock.
        spare: Ids that are not touched: the holder's own, and who works without a lock.

    Raises:
        InterruptedTransactionError: The holder was itself taken over meanwhile.
        OSError: Something may not be moved by this user.
    """
    own, spared = held.transaction, frozenset(spare)
    waiting = [each for directory in own.directories if directory.locked for each in marked(directory.parent)]
    found: dict[str, Taken] = {}
    while waiting:
        identifier = waiting.pop(0)
        if identifier in spared:
            continue
        held.refresh()
        waiting += _take(identifier, held)
        taken = _disarm(identifier, target, held)
        if taken is not None:
            found[identifier] = taken
    return tuple(found.values())


def put_away(taken: Taken, held: HeldLock) -> None:
    """Nothing is left to recover in it: no reader need care, and it goes with the holder's own directory."""
    for directory in held.transaction.directories:
        path = os.path.join(directory.path, TAKEN_NAME, taken.id)
        if disk.lexists(path):
            place = os.path.join(directory.path, DEAD_NAME)
            make_inside(directory.path, DEAD_NAME)
            disk.rename(path, os.path.join(place, taken.id))
        with suppress(OSError):  # there is none, or there are others
            disk.rmdir(os.path.join(directory.path, TAKEN_NAME))


def _take(identifier: str, held: HeldLock) -> list[str]:
    """(1): its directories into ours, that with the journal last; what it had taken itself comes out beside it.

    Returns:
        The ids of what it had taken.
    """
    name, directories = TRANSACTION_PREFIX + identifier, held.transaction.directories
    inherited: list[str] = []
    if not _is_here(identifier, directories):
        return []
    for directory in reversed(directories):
        place = os.path.join(directory.path, TAKEN_NAME)
        path = os.path.join(place, identifier)
        source = os.path.join(directory.parent, name)
        if disk.lexists(source):
            make_inside(directory.path, TAKEN_NAME)
            try:
                _move(source, path, held)
            except OSError:
                if disk.lexists(source):
                    with suppress(OSError):  # an empty one would pass for a journal
                        disk.rmdir(place)
                    raise
                held.check()  # a late step of the dead holder before us: it comes with what he had taken
                with suppress(OSError):  # or its owner lived, and ended: an empty one would look like a journal
                    disk.rmdir(place)
        inherited += _inherit(path, place, held)
    return inherited


def _inherit(path: str, place: str, held: HeldLock) -> list[str]:
    """What a dead holder had taken comes out beside him. Opened one by one: ``taken`` may be a symlink to anywhere."""
    with ExitStack() as opened:
        fds: list[int] = []
        for name in (path, TAKEN_NAME):
            try:
                fds.append(disk.open_dir(name, dir_fd=fds[-1] if fds else None))
            except OSError as error:
                if error.errno not in _NONE:
                    raise
                return []
            opened.callback(disk.close, fds[-1])
        at, nested = fds
        found = [each for each in disk.listdir(nested) if is_transaction_name(TRANSACTION_PREFIX + each)]
        for each in found:
            _move(each, os.path.join(place, each), held, src_dir_fd=nested)
        with suppress(OSError):
            disk.rmdir(TAKEN_NAME, dir_fd=at)
    return found


def _move(source: str, to: str, held: HeldLock, *, src_dir_fd: int | None = None) -> None:
    """Rename a transaction directory; what lies in a lower layer of an overlay is carried.

    Then a taker who dies leaves it on both sides, and the next one finds the other half where this one had it.
    """
    try:
        disk.rename(source, to, src_dir_fd=src_dir_fd)
    except OSError as error:
        if error.errno not in _NOT_WHOLE:
            raise
        fd = disk.open_dir(os.path.dirname(os.path.dirname(to)))  # ours, beside what it was
        try:
            forge = Forge(fd=fd, name=f"{MADE}-{held.transaction.id}")
            disk.carry(source, to, src_dir_fd=src_dir_fd, make=forge.make, order=in_turn, between=held.refresh)
        finally:
            disk.close(fd)


def _is_here(identifier: str, directories: tuple[TransactionDirectory, ...]) -> bool:
    """Whether its first directory, which has the journal if there is one, is among those that we have locked."""
    name = TRANSACTION_PREFIX + identifier
    places = [os.path.join(each.parent, name) for each in directories]
    places += [os.path.join(each.path, TAKEN_NAME, identifier) for each in directories]
    return any(disk.lexists(path) and not _lies(path, "follows") for path in places)


def _disarm(identifier: str, target: Target, held: HeldLock) -> Taken | None:
    """(2) and (3), wherever its directories lie."""
    own = held.transaction
    suffix = f"-{own.id}"
    paths = [os.path.join(each.path, TAKEN_NAME, identifier) for each in own.directories]
    moved = [path for path in paths if disk.lexists(path)]
    beside = [os.path.join(each.parent, TRANSACTION_PREFIX + identifier) for each in own.directories]
    beside = [path for path in beside if disk.lexists(path)]
    first = next((path for path in (*moved, *beside) if not _lies(path, "follows")), None)
    owner = _owner_in(first) if first else None
    for scheme in owner.schemes if owner else ():
        key = next((key for key in SchemeKey if key == scheme), None)
        found = locate_room(target.scheme, (key,), identifier, taker=own.id) if key else None
        if found and found not in {*moved, *beside}:
            beside.append(found)
    journal = _rename_journal(first, suffix) if first else ""
    for path in (*moved, *beside):
        rotate(path, suffix, held, deep=bool(journal))
    if first is None:
        return None  # the journal lies where we hold no lock
    return Taken(id=identifier, path=first, owner=owner, journal=journal, suffix=suffix, taker=own.id)


def _rename_journal(path: str, suffix: str) -> str:
    """The journal's new name; empty: there is none."""
    fd = disk.open_dir(path)
    try:
        names = disk.listdir(fd)
        for name in sorted(names, reverse=True):  # journal-<id> before journal
            if name == JOURNAL + suffix:
                return name
            if name == JOURNAL or name.startswith(f"{JOURNAL}-"):
                try:
                    disk.rename(name, JOURNAL + suffix, src_dir_fd=fd, dst_dir_fd=fd)
                except FileNotFoundError:  # its owner, late, unlinked it before us: his change is in force, or undone
                    if disk.lexists(name, dir_fd=fd):
                        raise
                    continue
                return JOURNAL + suffix
        return ""
    finally:
        disk.close(fd)


def _lies(path: str, name: str) -> bool:
    try:
        return disk.lexists(os.path.join(path, name))
    except OSError:
        return True  # it may not be looked into: whoever opens it will say so


def _owner_in(path: str) -> OwnerRecord | None:
    try:
        fd = disk.open_dir(path)
        try:
            return OwnerRecord.from_bytes(disk.read_regular(_OWNER, limit=RECORD_LIMIT, dir_fd=fd))
        finally:
            disk.close(fd)
    except OSError:
        return None
