"""When a plan is made again because the environment moved, and how often: as long as the lock may be waited for.

What is refused was judged without the lock: an installer that keeps no journal may have been at work, and what it had
not finished yet looks like nobody's files, or like a distribution without a RECORD. So a refusal is believed only when
the environment, under the lock, is what the plan was made from.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from holdfast.errors import NOTHING_CHANGED, HarmError, HoldfastError, InterruptedTransactionError, LockUnavailableError
from holdfast.events import Detail
from holdfast.flows.session import Session
from holdfast.flows.settled import with_all_records
from holdfast.model.installed import InstalledState
from holdfast.model.target import Target
from holdfast.model.transaction import Transaction
from holdfast.target.installed import read_installed

_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 1.0
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})
_TRIES = 8
"""How often something may vanish between two looks at it: each time another installer was just there."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from holdfast.model.changes import Moved


class Replanning:
    """The attempts of one command.

    Args:
        session: Whose lock timeout bounds them, from the first time that the environment moved.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._first: float | None = None
        self._pause = 0.0
        self._vanished = 0

    @contextmanager
    def refusing(self, installed: InstalledState, target: Target, *, readonly: bool) -> Iterator[None]:
        """Go on after the block when something in it was refused for what is not so any more, or vanished under it.

        Args:
            installed: What is judged, with every RECORD.
            target: Where it was read.
            readonly: Nothing is to be locked (``--dry-run``, ``--check``): the refusal stands.

        Raises:
            HarmError: The refusal, which is true.
            OSError: What vanished stays away.
            LockUnavailableError: As `again`.
        """
        try:
            yield
        except HarmError:
            if readonly or not self._has_moved(installed, target):
                raise
            self._again("what was in the way is not as it was")
        except OSError as error:
            moving = error.errno in _GONE and self._session.signals.state == NOTHING_CHANGED
            if readonly or not moving or self._vanished == _TRIES:
                raise
            self._vanished += 1
            self._again(f"{error.filename or target.scheme.purelib}: {error.strerror}")

    def again(self, outcome: Moved) -> None:
        """Say that everything is planned again.

        Raises:
            LockUnavailableError: The environment has been moving for as long as the lock may be waited for.
        """
        self._again(outcome.why)

    def _has_moved(self, installed: InstalledState, target: Target) -> bool:
        """Whether, with the lock held, something else is installed; who may not have the lock cannot tell."""
        from holdfast.stage.area import transaction  # noqa: PLC0415 - only for what is refused

        session = self._session
        begun = transaction(target, mode=session.lock.mode, command=session.command, reporter=session.reporter)
        try:
            with session.signals.shield(begun) as tx:
                return has_moved(installed, tx, session)
        except HoldfastError:
            return False

    def _again(self, why: str) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = now
        if 0 <= self._session.lock.timeout <= now - self._first:
            raise LockUnavailableError(
                f"The environment keeps changing while this change is prepared ({why}).",
                hint="the same command again, or with a longer --lock-timeout",
            )
        self._session.reporter.emit(Detail(text=f"The environment has changed meanwhile ({why}); planning again."))
        # What a client of a network file system remembers may be old for a second or more: it would move each time.
        time.sleep(self._pause)
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)


def has_moved(
    installed: InstalledState, tx: Transaction, session: Session, *, still: Callable[[], bool] = lambda: True
) -> bool:
    """Whether, with the lock held, a refusal is of what is not so any more.

    Args:
        installed: What was judged, with every RECORD.
        tx: Whose lock is taken.
        session: Of the command.
        still: Asked with the lock held: is it refused again?
    """
    from holdfast.flows.recovery import locked  # noqa: PLC0415 - only for what is refused

    with locked(tx, session):
        try:
            return not still() or with_all_records(read_installed(tx.target)) != installed
        except InterruptedTransactionError:  # half changed: by who works without the lock, or by a dead one
            return True
