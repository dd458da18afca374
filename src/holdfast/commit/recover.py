"""Take back what a dead process left half done, and tell others what waits for it.

**Guarantees**: `find_journals` only reads. `recover` works under the lock, on journals whose owner cannot be at work:
who holds the lock knows that no other transaction with a lock is. A journal that it does not understand is left alone.

**On crash**: the journal is still there; the next `recover` goes on.

**Limits**: the transaction directory itself is left to ``stage.litter``. A journal of a ``--lock-mode=none``
transaction is only touched when its owner can be seen to be dead.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from holdfast import disk
from holdfast.commit.journal import Journal, read_journal
from holdfast.commit.rooms import JOURNAL, Doors, Rooms, locate_room
from holdfast.commit.undo import undo
from holdfast.envlock.held import HeldLock
from holdfast.errors import InterruptedTransactionError, TargetError
from holdfast.model.owner import RECORD_LIMIT, LockMode, OwnerRecord, ProcessSight, Verdict, judge
from holdfast.model.target import SchemeKey, Target
from holdfast.model.transaction import TRANSACTION_PREFIX, is_transaction_name

_OWNER = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundJournal:
    """A transaction directory with a journal in it.

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
            if is_transaction_name(name) and _has_journal(path):
                owner = _owner(path)
                found.append(FoundJournal(path=path, owner=owner, verdict=_verdict(owner)))
    return tuple(found)


def recover(target: Target, held: HeldLock) -> RecoveryOutcome:
    """Take back every interrupted transaction but the holder's own.

    Args:
        target: Its scheme says where everything is, whatever the journals say.
        held: The lock of the target.

    Raises:
        InterruptedTransactionError: A journal is not understood, or taking back failed, or the lock is ``none``.
        TargetError: This user may not move what is to be moved.
    """
    held.check()
    recovered: list[str] = []
    left: list[str] = []
    alive: list[FoundJournal] = []
    for found in find_journals(target):
        if found.id == held.transaction.id:
            continue
        if held.mode is LockMode.NONE:
            raise InterruptedTransactionError(
                f"An interrupted transaction left {os.path.join(found.path, JOURNAL)}, and recovery needs the lock.",
                hint="holdfast recover",
            )
        if _may_be_at_work(found):
            alive.append(found)
            continue
        recovered.append(_sentence(found))
        left += _take_back(found, target)
    return RecoveryOutcome(recovered=tuple(recovered), left=tuple(left), alive=tuple(alive))


def _may_be_at_work(found: FoundJournal) -> bool:
    """Only a transaction without a lock can be at work while we hold it."""
    return found.owner is not None and found.owner.mode is LockMode.NONE and found.verdict is not Verdict.DEAD


def _take_back(found: FoundJournal, target: Target) -> tuple[str, ...]:
    try:
        journal = read_journal(found.path)
        with Doors(target.scheme) as doors, Rooms(_rooms(journal, found, target)) as rooms:
            left = undo(journal, target, doors, rooms, fsync=True)
            # DISK: OLD in the target; the journal is no longer needed
            disk.unlink(JOURNAL, dir_fd=rooms.first.own)
            disk.fsync(rooms.first.own)
    except FileNotFoundError as error:
        if not disk.lexists(os.path.join(found.path, JOURNAL)):
            return ()  # somebody removed it by hand
        raise _stuck(found, error) from error
    except PermissionError as error:
        who = f" of {found.owner.user!r} (uid {found.owner.uid})" if found.owner else ""
        raise TargetError(
            f"{error.filename}: this user may not take back the interrupted transaction{who} in {found.path}.",
            hint="Let that user, or root, run: holdfast recover",
        ) from error
    except OSError as error:
        raise _stuck(found, error) from error
    return left


def _stuck(found: FoundJournal, error: OSError) -> InterruptedTransactionError:
    return InterruptedTransactionError(
        f"Taking back the interrupted transaction in {found.path} failed: {error.filename}: {error.strerror}.",
        hint="Remove the cause, then: holdfast recover",
        state="Its journal is left; nothing is lost.",
    )


def _rooms(journal: Journal, found: FoundJournal, target: Target) -> list[tuple[str, tuple[SchemeKey, ...]]]:
    """The transaction directories: the one found, and those of the other scheme keys by their place in the scheme."""
    first, *further = journal.rooms or ((),)
    rooms = [(found.path, first)]
    for keys in further:
        path = locate_room(target.scheme, keys, journal.id)
        if path is None:
            names = ", ".join(keys)
            raise InterruptedTransactionError(
                f"The interrupted transaction in {found.path} has a part in the directories for {names} that is gone.",
                state="The journal was left alone.",
            )
        rooms.append((path, keys))
    return rooms


def _has_journal(path: str) -> bool:
    try:
        return disk.lexists(os.path.join(path, JOURNAL))
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
    seen = disk.sight(owner.pid)
    return judge(
        owner,
        boot=disk.boot_id(),
        pid_namespace=disk.pid_namespace(),
        sight=ProcessSight(exists=seen.exists, state=seen.state, started=seen.started),
    )


def _sentence(found: FoundJournal) -> str:
    if found.owner is None:
        return f"Took back an interrupted transaction ({found.id})."
    return (
        f"Took back the interrupted `holdfast {found.owner.command}` of {found.owner.user!r} (pid {found.owner.pid})."
    )
