"""What is installed, as a view that holds: a dead predecessor's transaction is undone first, by who may write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.commit.recover import FoundJournal, RecoveryOutcome, recover
from holdfast.envlock.acquire import acquire
from holdfast.envlock.held import HeldLock
from holdfast.errors import LockUnavailableError
from holdfast.events import LockAcquired, LockWaiting, Recovered, Warned
from holdfast.flows.session import Session
from holdfast.model.installed import InstalledState
from holdfast.model.target import Target
from holdfast.model.transaction import Transaction
from holdfast.stage.area import transaction
from holdfast.stage.litter import sweep
from holdfast.stage.writable import check_writable
from holdfast.target.installed import has_journal, read_installed
from holdfast.target.records import with_records

_PATIENCE = 0.5


@contextmanager
def locked(tx: Transaction, session: Session) -> Iterator[HeldLock]:
    """The environment lock for a block in which signals wait; while it is waited for they count."""
    signals = session.signals
    with (
        signals.deferred(),
        acquire(tx, session.lock, session.reporter, interrupted=signals.check, sync=session.policy.fsync) as held,
    ):
        yield held


def read_settled(target: Target, session: Session, *, readonly: bool) -> InstalledState:
    """Read what is installed; a journal that is found is recovered under the lock before.

    Args:
        target: Which environment.
        session: Of the command.
        readonly: Never recover (``--dry-run``, ``--check``): a journal is an error then.

    Raises:
        InterruptedTransactionError: The state is not settled and may not be settled by this command.
    """
    if not readonly and has_journal(target):
        recover_target(target, session)
    return read_installed(target)


def recover_target(target: Target, session: Session) -> RecoveryOutcome:
    """Take the lock, undo what the dead left journalled, sweep their litter; waits for who works without a lock.

    Raises:
        LockUnavailableError: Somebody keeps the lock, or goes on without one, until the deadline.
        TargetError: This user may not write there.
    """
    check_writable(target, target.library_directories)
    asked = time.monotonic()
    while True:
        begun = transaction(target, mode=session.lock.mode, command=session.command, reporter=session.reporter)
        with session.signals.shield(begun) as tx, locked(tx, session) as held:
            outcome = recover_dead(target, held)
        for text in outcome.recovered:
            session.reporter.emit(Recovered(text=text))
        for path in outcome.left:
            session.reporter.emit(Warned(text=f"{path} stays: it is not of the interrupted transaction."))
        waited = time.monotonic() - asked
        if not outcome.alive:
            if waited > _PATIENCE:
                session.reporter.emit(LockAcquired(waited=waited))
            return outcome
        _wait_for(outcome.alive[0], session, waited)


def recover_dead(target: Target, held: HeldLock) -> RecoveryOutcome:
    """Under the lock: undo the journals of dead owners, then remove litter. Silent."""
    outcome = recover(target, held)
    sweep(target, spare=frozenset({held.transaction.id}))
    return outcome


def with_all_records(installed: InstalledState) -> InstalledState:
    """The same with the RECORD of every distribution of the target: whose file is it that lies in the way?"""
    owned = [each.name for each in (*installed, *installed.duplicates) if each.owned]
    return with_records(installed, owned)


def _wait_for(found: FoundJournal, session: Session, waited: float) -> None:
    """Somebody commits with ``--lock-mode=none``: he has no lock to wait for."""
    owner = found.owner
    holder = f"pid {owner.pid}, {owner.user}, on {owner.host}: holdfast {owner.command}" if owner else "somebody"
    if 0 <= session.lock.timeout <= waited:
        raise LockUnavailableError(
            f"A transaction without a lock is at work in {found.path} ({holder}).",
            hint=f"When that process has ended: holdfast recover; or wait longer: --lock-timeout {waited + 60:.0f}",
        )
    session.reporter.emit(LockWaiting(path=found.path, holder=holder, waited=waited))
    time.sleep(_PATIENCE)
    session.signals.check()
