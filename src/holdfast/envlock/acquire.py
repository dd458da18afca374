"""Taking the environment lock: uv's, then ours in every library directory, all or none, for the length of a block.

**Guarantees**: the block runs with every lock held, or not at all (with mode NONE: after the line that says so). A
failure to take one gives back the others at once, so that nobody waits while he holds something. An owner judged dead
is broken by name and not waited for. However the block ends, the locks are given back and nothing of them is left.

**On crash**: the locks name a dead owner; the next taker breaks them. uv's lock is given back by the kernel.

**Limits**: an owner who cannot be seen is waited for until his lease has run out (``lease``); a deadline before that is
an error that says how to remove what he left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from holdfast import disk
from holdfast.envlock import uv
from holdfast.envlock.attempt import Taker
from holdfast.envlock.held import MAKER, HeldLock
from holdfast.envlock.holder import Free, Held, describe, look, verdict
from holdfast.envlock.lease import Beat
from holdfast.envlock.obstacle import Obstacle
from holdfast.envlock.patience import Patience
from holdfast.events import Reporter, Warned
from holdfast.model.owner import LockMode, Verdict
from holdfast.model.request import LockSettings
from holdfast.model.transaction import Transaction


@contextmanager
def acquire(
    transaction: Transaction,
    settings: LockSettings,
    reporter: Reporter,
    *,
    interrupted: Callable[[], None] | None = None,
    sync: bool = True,
) -> Iterator[HeldLock]:
    """Hold the environment lock for a block.

    Args:
        transaction: Whose directories are locked; its target's root is where uv's lock is looked for.
        settings: Mode and timeout.
        reporter: Gets LockWaiting, LockAcquired, Detail and Warned; nothing once the block has begun.
        interrupted: Called at least every 50 ms while waiting; may raise, and nothing is left then.
        sync: Make the owner's record last before the lock is published (``InstallPolicy.fsync``).

    Raises:
        LockUnavailableError: Busy until the deadline; not understood; no locks on this file system.
        TargetError: A library directory may not be written.
    """
    disk.preload()  # nothing is imported from here on
    if settings.mode is LockMode.NONE:
        _say_unlocked(transaction, reporter)
        held = HeldLock(maker=MAKER, transaction=transaction, mode=LockMode.NONE, waited=0.0)
        try:
            yield held
        finally:
            held.release(maker=MAKER)
        return
    patience = Patience(
        timeout=settings.timeout,
        reporter=reporter,
        directory=transaction.directories[0].path,
        interrupted=interrupted,
    )
    taker = Taker(transaction=transaction, reporter=reporter)
    try:
        mode = taker.prepare(settings.mode, sync=sync)
        while isinstance(got := taker.attempt(), Obstacle):
            patience.wait(got)
        token: HeldLock | None = None
        try:
            token = HeldLock(
                maker=MAKER,
                transaction=transaction,
                mode=mode,
                waited=patience.finish(),
                broken=tuple(taker.broken),
                beat=Beat(taker.records),
            )
            yield token
        finally:
            if token is not None:
                token.release(maker=MAKER)
            taker.give_back()
            uv.give_back(got)
    finally:
        taker.close()


def _say_unlocked(transaction: Transaction, reporter: Reporter) -> None:
    """Say, every time and in one line, that nothing protects this change, and from whom (P2)."""
    parents = [directory.parent for directory in transaction.directories if directory.locked]
    live = []
    for sight in map(look, parents):
        if isinstance(sight, Free) or (isinstance(sight, Held) and verdict(sight) is Verdict.DEAD):
            continue
        live.append(describe(sight))
    text = f"--lock-mode=none: {' and '.join(parents)} is changed without the lock"
    reporter.emit(Warned(text=f"{text}, which is held by {' and '.join(live)}" if live else text))
