"""How often a plan is made again because the environment moved meanwhile: as long as the lock may be waited for."""

from __future__ import annotations

import time

from holdfast.errors import LockUnavailableError
from holdfast.events import Detail
from holdfast.flows.session import Session

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

    def again(self, outcome: Moved) -> None:
        """Say that everything is planned again.

        Raises:
            LockUnavailableError: The environment has been moving for as long as the lock may be waited for.
        """
        now = time.monotonic()
        if self._first is None:
            self._first = now
        if 0 <= self._session.lock.timeout <= now - self._first:
            raise LockUnavailableError(
                f"The environment keeps changing while this change is prepared ({outcome.why}).",
                hint="the same command again, or with a longer --lock-timeout",
            )
        self._session.reporter.emit(
            Detail(text=f"The environment has changed meanwhile ({outcome.why}); planning again.")
        )
