"""A few threads that run tasks, and end when told to.

**Guarantees**: no thread is started before there is work; after `Pool.close` no task begins any more. Threads are
daemons, so that a name lookup that hangs cannot keep an interrupted process alive.

**On crash**: holds nothing on disk.

**Limits**: a task must not wait for another task of the same pool. ``concurrent.futures`` is not used: it imports
logging (10 ms) and waits for its threads when the interpreter ends.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


HEARING = 0.25
"""Seconds that a thread sleeps at most before it hears a signal.

One that comes just before it goes to sleep does not wake it, and the handler runs when it wakes.
"""


class Cancelled(Exception):  # noqa: N818 - named by what happened; nobody did anything wrong
    """The task was dropped before it began, or its work was broken off."""


class Task(Generic[T]):
    """Something that a thread computes. Made by `Pool.submit`, or done already by `Task.of`."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work: Callable[[], T] | None = work
        self._finished = threading.Event()
        self._error: BaseException | None = None
        self._value: T

    @classmethod
    def of(cls, value: T) -> Task[T]:
        """A task that is done."""
        task = cls(lambda: value)
        task.run()
        return task

    @property
    def done(self) -> bool:
        """Whether `result` answers at once."""
        return self._finished.is_set()

    def result(self, timeout: float | None = None) -> T:
        """Wait for the outcome; raise what the work raised.

        Raises:
            Cancelled: The pool was closed before the task began.
            TimeoutError: It is not done after ``timeout`` seconds.
        """
        while not self._finished.wait(HEARING if timeout is None else timeout):
            if timeout is not None:
                raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._value

    def run(self) -> None:
        """Do the work, in this thread."""
        work, self._work = self._work, None
        assert work is not None, "a task runs once"  # noqa: S101 - the pool's own invariant
        try:
            self._value = work()
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the result
            self._error = error
        finally:
            self._finished.set()

    def cancel(self) -> None:
        """Drop it before it began."""
        self._work = None
        self._error = Cancelled()
        self._finished.set()


class Pool:
    """Up to ``size`` threads, started as work comes.

    Args:
        size: Most threads.
        name: What the threads are called.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size = max(1, size)
        self._name = name
        self._changed = threading.Condition()
        self._waiting: deque[Task[object]] = deque()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False

    def submit(self, work: Callable[[], T]) -> Task[T]:
        """Have ``work`` done by a thread; tasks begin in the order in which they were submitted."""
        task = Task(work)
        with self._changed:
            if self._closed:
                task.cancel()
                return task
            self._waiting.append(task)  # type: ignore[arg-type] # the queue never looks at results
            if self._idle >= len(self._waiting):
                self._changed.notify()
            elif len(self._threads) < self._size:
                thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._threads.append(thread)
                thread.start()
        return task

    @property
    def busy(self) -> bool:
        """Whether a thread is at work."""
        with self._changed:
            return any(thread.is_alive() for thread in self._threads) and self._idle < len(self._threads)

    def cancel_waiting(self) -> None:
        """Begin no further task; those under way go on."""
        with self._changed:
            self._closed = True
            while self._waiting:
                self._waiting.popleft().cancel()
            self._changed.notify_all()

    def close(self, timeout: float | None = None) -> bool:
        """Drop what waits, wait for what runs.

        Args:
            timeout: Seconds for all threads together; None: as long as it takes.

        Returns:
            Whether every thread has ended.
        """
        self.cancel_waiting()
        share = None if timeout is None else timeout / max(1, len(self._threads))
        for thread in self._threads:
            with suppress(RuntimeError):  # a signal came before it was started
                thread.join(share)
        return not any(thread.is_alive() for thread in self._threads)

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                while not self._waiting and not self._closed:
                    self._changed.wait()
                self._idle -= 1
                if not self._waiting:
                    return
                task = self._waiting.popleft()
            task.run()
