"""Take back what a dead process left half done, and tell others what waits for it.

**Guarantees**: `find_journals` only reads. `recover` works under the lock, on journals whose owner cannot be at work:
who holds the lock knows that no other transaction with a lock is, and fences (``fence``) the late steps of those that
were paused, before he looks at anything else. A journal that it does not understand is left alone.

**On crash**: the journal is still there; the next `recover` goes on.

**Limits**: a transaction directory that could not be taken is left to ``stage.litter``. A journal of a
``--lock-mode=none`` transaction is only touched when its owner can be seen to be dead, or by force.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from holdfast import disk
from holdfast.commit import fence
from holdfast.commit.fence import Taken
from holdfast.commit.journal import Journal, read_journal
from holdfast.commit.rooms import JOURNAL, Doors, Rooms, locate_room
from holdfast.commit.undo import undo
from holdfast.envlock.held import HeldLock
from holdfast.errors import InterruptedTransactionError, TargetError
from holdfast.model.owner import RECORD_LIMIT, LockMode, OwnerRecord, Verdict, judge
from holdfast.model.target import SchemeKey, Target
from holdfast.model.transaction import TAKEN_NAME, TRANSACTION_PREFIX, is_transaction_name

_OWNER = "owner"
_T = TypeVar("_T")
_LOST = frozenset({errno.ENOENT, errno.ESTALE})
_PAUSES = (0.05, 0.2, 0.5, 1.0)
"""Seconds before a part is done once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundJournal:
    """A transaction directory with a journal in it, or with what its owner had taken to recover it.

    Attributes:
        path: Of the transaction directory.
        owner: Its record, None if it cannot be read. Untrusted: print escaped.
        verdict: Of the owner, seen from here.
    """

    path: str
    owner: OwnerRecord | None
    verdict: Verdict

    @property
    def id(self) -> str:
        """The transaction's id."""
        return os.path.basename(self.path).removeprefix(TRANSACTION_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryOutcome:
    """What a recovery did.

    Attributes:
        recovered: One sentence for each transaction that was taken back.
        left: What stayed although it is not of the old state, or could not come back.
        alive: Journals of ``none`` transactions whose owner may be at work: release, wait, start over.
    """

    recovered: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    alive: tuple[FoundJournal, ...] = ()


def find_journals(target: Target) -> tuple[FoundJournal, ...]:
    """Every journal in the library directories, by transaction id; only reads."""
    found = []
    for library in target.library_directories:
        try:
            names = disk.listdir(library)
        except FileNotFoundError:
            continue
        for name in sorted(names):
            path = os.path.join(library, name)
            if not is_transaction_name(name) or not disk.is_directory(path):
                continue
            if _has(path, JOURNAL) or _has(path, TAKEN_NAME):
                owner = _owner(path)
                found.append(FoundJournal(path=path, owner=owner, verdict=_verdict(owner)))
    return tuple(found)


def recover(target: Target, held: HeldLock, *, force: bool = False) -> RecoveryOutcome:
    """Fence whoever was broken, and take back every interrupted transaction but the holder's own.

    Args:
        target: Its scheme says where everything is, whatever the journals say.
        held: The lock of the target.
        force: Fence also who works without a lock and may be alive: his late steps fail, and he ends.

    Raises:
        InterruptedTransactionError: A journal is not understood, or taking back failed, or the lock is ``none``, or
            the holder was himself taken over meanwhile.
        TargetError: This user may not move what is to be moved.
    """
    held.check()
    journals = [each for each in find_journals(target) if each.id != held.transaction.id]
    if held.mode is LockMode.NONE:
        if journals:
            raise InterruptedTransactionError(
                f"An interrupted transaction left {journals[0].path}, and recovery needs the lock.",
                hint="holdfast recover",
            )
        return RecoveryOutcome()
    alive = () if force else tuple(filter(_may_be_at_work, journals))
    for each in journals:
        if each not in alive:
            _look_before(each)
    recovered: list[str] = []
    left: list[str] = []
    for taken in _fenced(target, held, frozenset({held.transaction.id, *(each.id for each in alive)})):
        if taken.journal:
            left += _take_back(taken, target, held)
            recovered.append(_sentence(taken))
        _attempted(taken.path, taken.owner, held, partial(fence.put_away, taken, held))
    return RecoveryOutcome(recovered=tuple(recovered), left=tuple(left), alive=alive)


def _may_be_at_work(found: FoundJournal) -> bool:
    """Only a transaction without a lock can be at work while we hold it."""
    return found.owner is not None and found.owner.mode is LockMode.NONE and found.verdict is not Verdict.DEAD


def _look_before(found: FoundJournal) -> None:
    """A journal that is not understood keeps its place and its name."""
    try:
        read_journal(found.path)
    except FileNotFoundError:  # what was taken by a dead holder: it is read later
        return


def _fenced(target: Target, held: HeldLock, spare: frozenset[str]) -> tuple[Taken, ...]:
    where = held.transaction.directories[0].parent
    return _attempted(where, None, held, lambda: fence.fence(target, held, spare=spare))


def _take_back(taken: Taken, target: Target, held: HeldLock) -> tuple[str, ...]:
    def work() -> tuple[str, ...]:
        journal = read_journal(taken.path, taken.journal)
        rooms = Rooms(_rooms(journal, taken, target), suffix=taken.suffix)
        with rooms:
            left = _undone(journal, target, rooms, held)
            # DISK: OLD in the target; the journal is no longer needed
            disk.unlink(taken.journal, dir_fd=rooms.first.own)
            disk.fsync(rooms.first.own)
        return left

    return _attempted(taken.path, taken.owner, held, work)


def _undone(journal: Journal, target: Target, rooms: Rooms, held: HeldLock) -> tuple[str, ...]:
    """Undo, and once more if a directory vanished under it.

    A late holder may remove one that is empty (on overlay he carried its files out): no fence stops that.
    """
    for last in (False, True):
        try:
            with Doors(target.scheme) as doors:
                return undo(journal, target, doors, rooms, fsync=True, between=held.refresh)
        except OSError as error:
            if last or error.errno not in _LOST:
                raise
            held.check()
    raise AssertionError(journal.id)


def _attempted(path: str, owner: OwnerRecord | None, held: HeldLock, work: Callable[[], _T]) -> _T:
    """Do a part of the recovery; what fails is said in its words, or in those of somebody who was taken over.

    A handle that a server forgot while others changed directories (GlusterFS) is had anew: the part is done once more.
    """
    try:
        for pause in _PAUSES:
            try:
                return work()
            except OSError as error:
                if error.errno != errno.ESTALE:
                    raise
                held.check()
                time.sleep(pause)
                held.refresh()
        return work()
    except PermissionError as error:
        left = owner or _owner(str(error.filename or path))
        who = f" of {left.user[:100]!r} (uid {left.uid})" if left else ""
        raise TargetError(
            f"{error.filename or path}: this user may not take back the interrupted transaction{who} in {path}.",
            hint="Let that user, or root, run: holdfast recover",
        ) from error
    except RecursionError as error:
        raise InterruptedTransactionError(
            f"What lies in {path} is nested too deeply to be ours, and cannot be taken back.",
            hint=f"Look who made it, and remove it if it is not yours: ls -laR {path}",
            state="It was left alone.",
        ) from error
    except OSError as error:
        if error.errno in _LOST:
            held.check()
        where = f"{error.filename}: " if error.filename else ""
        raise InterruptedTransactionError(
            f"Taking back the interrupted transaction in {path} failed: {where}{error.strerror}.",
            hint="Remove the cause, then: holdfast recover",
            state="Its journal is left; nothing is lost.",
        ) from error


def _rooms(journal: Journal, taken: Taken, target: Target) -> list[tuple[str, tuple[SchemeKey, ...]]]:
    """The transaction directories: the one found, and those of the other scheme keys by their place in the scheme."""
    first, *further = journal.rooms or ((),)
    rooms = [(taken.path, first)]
    for keys in further:
        path = locate_room(target.scheme, keys, journal.id, taker=taken.taker)
        if path is None:
            names = ", ".join(keys)
            raise InterruptedTransactionError(
                f"The interrupted transaction in {taken.path} has a part in the directories for {names} that is gone.",
                state="The journal was left alone.",
            )
        if disk.lstat(path).st_uid != disk.lstat(os.path.join(taken.path, taken.journal)).st_uid:
            raise InterruptedTransactionError(
                f"{path} is named like a part of the interrupted transaction in {taken.path}; somebody else made it.",
                hint=f"Look whose it is, and remove it if it is not yours: ls -ld {path}",
                state="The journal was left alone.",
            )
        rooms.append((path, keys))
    return rooms


def _has(path: str, name: str) -> bool:
    try:
        return disk.lexists(os.path.join(path, name))
    except OSError:
        return True  # it may not be looked into: whoever recovers will say so


def _owner(path: str) -> OwnerRecord | None:
    try:
        fd = disk.open_dir(path)
        try:
            return OwnerRecord.from_bytes(disk.read_regular(_OWNER, limit=RECORD_LIMIT, dir_fd=fd))
        finally:
            disk.close(fd)
    except OSError:
        return None


def _verdict(owner: OwnerRecord | None) -> Verdict:
    if owner is None:
        return Verdict.UNKNOWN
    return judge(owner, boot=disk.boot_id(), pid_namespace=disk.pid_namespace(), sight=disk.sight(owner.pid))


def _sentence(taken: Taken) -> str:
    if taken.owner is None:
        return f"Took back an interrupted transaction ({taken.id})."
    return (
        f"Took back the interrupted `holdfast {taken.owner.command}` of {taken.owner.user!r} (pid {taken.owner.pid})."
    )
