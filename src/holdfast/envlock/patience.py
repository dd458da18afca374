"""How long, how often and how loudly somebody waits for the lock.

**Guarantees**: one deadline over everything that is waited for. The first announcement comes within a second, then one
a second. Between two looks at most 50 ms pass, and whoever asked to be interrupted is.

**On crash**: nothing of its own.

**Limits**: waiters look, they do not queue: who comes first need not go first. They never touch the holder's flock, so
that a waiter can never be taken for a holder.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from holdfast import disk
from holdfast.envlock.obstacle import Obstacle
from holdfast.errors import LockUnavailableError
from holdfast.events import LockAcquired, LockWaiting, Reporter

_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.001, 0.05, 1.5
_FIRST_WORD, _NEXT_WORD = 0.5, 1.0
_HEARTBEAT = 60.0


class Patience:
    """The waiting of one ``acquire``.

    Args:
        timeout: Seconds; 0: look once, negative: for ever.
        directory: Our transaction directory, whose owner file is touched once a minute, so that nobody takes what is
            staged there for litter.
        interrupted: Called between two looks; may raise.
    """

    def __init__(
        self, *, timeout: float, reporter: Reporter, directory: str, interrupted: Callable[[], None] | None
    ) -> None:
        self._timeout = timeout
        self._reporter = reporter
        self._directory = directory
        self._interrupted = interrupted
        self._began = time.monotonic()
        self._pause = _FIRST_PAUSE
        self._word_at = self._began + _FIRST_WORD
        self._beat_at = self._began + _HEARTBEAT
        self._announced = False

    @property
    def waited(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def wait(self, obstacle: Obstacle) -> None:
        """Wait a little for somebody.

        Raises:
            LockUnavailableError: The deadline has passed.
        """
        now = time.monotonic()
        if 0 <= self._timeout <= now - self._began:
            raise self._given_up(obstacle)
        if now >= self._word_at:
            self._reporter.emit(LockWaiting(path=obstacle.path, holder=obstacle.holder, waited=now - self._began))
            self._announced = True
            self._word_at = now + _NEXT_WORD
        if now >= self._beat_at:
            self._beat()
            self._beat_at = now + _HEARTBEAT
        if self._interrupted is not None:
            self._interrupted()
        left = self._timeout - (now - self._began) if self._timeout > 0 else self._pause
        time.sleep(min(self._pause, left))
        self._pause = min(self._pause * _GROWTH, _LONGEST_PAUSE)

    def finish(self) -> float:
        """The lock is ours: say so if the wait was announced; seconds waited."""
        waited = self.waited
        if self._announced:
            self._reporter.emit(LockAcquired(waited=waited))
        return waited

    def _beat(self) -> None:
        try:
            with disk.opened(self._directory) as fd:
                disk.utime("owner", dir_fd=fd)
        except OSError:  # a missed beat is no failure
            return

    def _given_up(self, obstacle: Obstacle) -> LockUnavailableError:
        waited = f"waited {self.waited:.0f} s" if self._timeout else "--lock-timeout=0 does not wait"
        return LockUnavailableError(f"{obstacle.path} is held by {obstacle.holder}; {waited}.", hint=obstacle.remedy)
