"""Undo what dead predecessors left journalled, under the lock; sweep their litter after it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.commit.recover import FoundJournal, RecoveryOutcome, recover
from holdfast.envlock.acquire import acquire
from holdfast.envlock.held import HeldLock
from holdfast.envlock.holder import describe_owner
from holdfast.errors import LockUnavailableError
from holdfast.events import LockAcquired, LockWaiting, Recovered, Warned
from holdfast.flows.session import Session
from holdfast.model.target import Target
from holdfast.model.transaction import Transaction
from holdfast.stage.area import transaction
from holdfast.stage.litter import sweep
from holdfast.stage.writable import check_writable

TAKEN_BACK = "An interrupted transaction was taken back; nothing else was changed."
_PATIENCE = 0.5


@contextmanager
def locked(tx: Transaction, session: Session) -> Iterator[HeldLock]:
    """The environment lock for a block in which signals wait; while it is waited for they count.

    The litter of dead transactions is swept when the lock is given back: that may be a whole package tree.
    """
    signals = session.signals
    with signals.deferred():
        with acquire(tx, session.lock, session.reporter, interrupted=signals.check, sync=session.policy.fsync) as held:
            try:
                yield held
            finally:
                session.times.waited += held.waited
                session.times.held += held.seconds
        sweep(tx.target, spare=frozenset({tx.id}))


def recover_target(target: Target, session: Session, *, force: bool = False) -> RecoveryOutcome:
    """Take the lock and undo what the dead left journalled; waits for who works without a lock, or fences him by force.

    Raises:
        LockUnavailableError: Somebody keeps the lock, or goes on without one, until the deadline.
        TargetError: This user may not write there.
    """
    check_writable(target, target.library_directories)
    asked = time.monotonic()
    while True:
        begun = transaction(
            target,
            mode=session.lock.mode,
            command=session.command,
            sharing=session.policy.shared,
            reporter=session.reporter,
        )
        with session.signals.shield(begun) as tx, locked(tx, session) as held:
            outcome = recover(target, held, force=force)
            if outcome.recovered:
                session.signals.state = TAKEN_BACK
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


def _wait_for(found: FoundJournal, session: Session, waited: float) -> None:
    """Somebody commits with ``--lock-mode=none``: he has no lock to wait for."""
    holder = describe_owner(found.owner) if found.owner else "somebody"
    if 0 <= session.lock.timeout <= waited:
        raise LockUnavailableError(
            f"A transaction without a lock is at work in {found.path} ({holder}).",
            hint=f"Wait longer, with --lock-timeout {waited + 60:.0f}; or stop it: holdfast recover --force",
        )
    session.reporter.emit(LockWaiting(path=found.path, holder=holder, waited=waited))
    time.sleep(_PATIENCE)
    session.signals.check()
