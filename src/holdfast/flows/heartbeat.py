"""Shows those who cannot see this process (another host, another pid namespace) that it still works."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from holdfast.events import Event, Reporter
from holdfast.stage.owner import touch_owner

PAUSE = 60.0
"""Seconds between two touches; ``stage.litter`` has patience for an hour."""


class Heartbeat:
    """Passes events on; while there are any, the owner's records are touched now and then.

    Args:
        reporter: Hears everything.
        directories: Whose records: transaction directories and the work area, asked for at each touch.
        pause: Seconds between two touches.
    """

    def __init__(self, reporter: Reporter, directories: Callable[[], Iterable[str]], *, pause: float = PAUSE) -> None:
        self._reporter = reporter
        self._directories = directories
        self._pause = pause
        self._touched = time.monotonic()

    def emit(self, event: Event) -> None:
        """Pass one event on."""
        self._reporter.emit(event)
        now = time.monotonic()
        if now - self._touched >= self._pause:
            self._touched = now
            for directory in self._directories():
                touch_owner(directory)
