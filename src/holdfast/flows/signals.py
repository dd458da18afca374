"""When a signal may stop holdfast: at once while nothing is at stake, between the steps of a commit, never in clean-up.

**Guarantees.** SIGINT, SIGTERM and SIGHUP raise :class:`InterruptedBySignal` in the main thread, once: further ones
only repeat what is already happening. Inside :meth:`Signals.deferred` they set a flag instead, and SIGTSTP waits too (a
stopped process must not hold the lock). A shielded context manager is entered and left whole.

**On crash.** Nothing lies on disk.

**Limits.** Only the main thread can install handlers; elsewhere (library use) signals are left as they are.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType, TracebackType
from typing import Self, TypeVar

from holdfast.errors import NOTHING_CHANGED, InterruptedBySignal

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_T = TypeVar("_T")
_latest: Signals | None = None


def latest_state() -> str:
    """What this process's last command made of its environment so far, for who is stopped after its `Signals` ended."""
    return NOTHING_CHANGED if _latest is None else _latest.state


class Signals:
    """The signal policy of one command; a context manager around its whole work.

    Attributes:
        received: The first stopping signal, None so far.
        state: What the environment looks like now, for the words of whoever is stopped.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.state = NOTHING_CHANGED
        self._depth = 0
        self._raised = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        global _latest  # noqa: PLW0603 - what a late signal asks for: there is one command in a process
        _latest = self
        if threading.current_thread() is threading.main_thread():
            for signum in _STOPPING:
                if signal.getsignal(signum) is not signal.SIG_IGN:  # nohup and background jobs stay as they were
                    self._before[signum] = signal.signal(signum, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)  # type: ignore[arg-type]  # as signal.signal returned it

    def _handle(self, signum: int, _frame: FrameType | None) -> None:
        if self.received is None:
            self.received = signum
        if self._depth == 0:
            self.check()

    def check(self) -> None:
        """Raise if a signal has arrived and was not raised yet; polled where signals are deferred.

        Raises:
            InterruptedBySignal: A stopping signal arrived.
        """
        if self.received is not None and not self._raised:
            self._raised = True
            raise InterruptedBySignal(self.received, state=self.state)

    def stop_asked(self) -> bool:
        """Whether a stopping signal has arrived."""
        return self.received is not None

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Signals only set the flag inside; what arrived is raised at the end of the outermost block."""
        suspended: list[int] = []
        before = None
        self._depth += 1
        if self._depth == 1 and self._before:
            before = signal.signal(signal.SIGTSTP, lambda signum, _frame: suspended.append(signum))
        try:
            yield
        finally:
            self._depth -= 1
            if before is not None:
                signal.signal(signal.SIGTSTP, before)
                if suspended:
                    signal.raise_signal(signal.SIGTSTP)
        if self._depth == 0:
            self.check()

    @contextmanager
    def shield(self, context: AbstractContextManager[_T]) -> Iterator[_T]:
        """Enter and leave ``context`` whole: a signal in between waits until it is entered or left."""
        self._depth += 1
        try:
            value = context.__enter__()
        except BaseException:
            self._depth -= 1
            raise
        try:
            self._depth -= 1
            if self._depth == 0:
                self.check()
            yield value
        except BaseException as error:  # noqa: BLE001 - passed on to the context, then raised again
            self._depth += 1
            try:
                if not context.__exit__(type(error), error, error.__traceback__):
                    raise
            finally:
                self._depth -= 1
        else:
            self._depth += 1
            try:
                context.__exit__(None, None, None)
            finally:
                self._depth -= 1
            if self._depth == 0:
                self.check()
