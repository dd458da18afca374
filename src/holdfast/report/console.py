"""The reporter of the command line: prose on stderr, a live line on a terminal, plain lines in a pipe.

**Guarantees.** Nothing is written to stdout. No thread is started: the live line is repainted by the events themselves,
at most ten times a second, so that no other thread lives when the commit begins. A closed or failing stderr is ignored.

**On crash.** A terminal may keep the last live line; nothing else.

**Limits.** A phase in which no event arrives shows a standing line.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from types import TracebackType
from typing import Self, TextIO

from holdfast.events import (
    Detail,
    Event,
    LockAcquired,
    LockWaiting,
    Notice,
    Phase,
    PhaseFinished,
    Recovered,
    Retrying,
    Warned,
)
from holdfast.report.amounts import bytes_text, count_text, seconds_text
from holdfast.report.escape import printable
from holdfast.report.progress import Progress

_REPAINT_SECONDS = 0.1
_CLEAR = "\r\x1b[K"
QUIET = -1
VERBOSE = 1


class ConsoleReporter:
    """Turns events into words on a stream.

    Args:
        verbosity: -1 with ``-q`` (warnings and waits only), 0, 1 with ``-v``.
        live: Paint a live line; needs a terminal.
        color: Emphasise with ANSI colours.
        stream: Where to write; stderr by default.
    """

    def __init__(self, *, verbosity: int, live: bool, color: bool, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._verbosity = verbosity
        self._live = live
        self._color = color
        self._progress = Progress()
        self._painted = ""
        self._painted_at = 0.0
        self._waiting_said = False
        self._guard = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            self._write(self._wipe())

    def emit(self, event: Event) -> None:
        """Take note of one event; thread-safe, never raises."""
        now = time.monotonic()
        with self._guard:
            self._progress.take(event, now)
            line = self._sentence(event)
            if line is not None:
                self._write(f"{self._wipe()}{line}\n")
            if self._live and (line is not None or now - self._painted_at >= _REPAINT_SECONDS):
                self._paint(now)

    def _sentence(self, event: Event) -> str | None:
        """The lasting line that an event deserves at this verbosity, if any."""
        match event:
            case Warned(text=text):
                return f"{self._tint('warning:', '33;1')} {printable(text)}"
            case LockWaiting(path=path, holder=holder, waited=waited):
                return self._waiting_sentence(path, holder, waited)
            case LockAcquired():
                self._waiting_said = False
                return None
            case _ if self._verbosity <= QUIET:
                return None
            case Notice(text=text) | Recovered(text=text):
                return printable(text)
            case PhaseFinished():
                return self._finished_sentence(event)
            case Retrying(url=url, reason=reason, attempt=attempt, delay=delay):
                text = f"{url}: {reason}; trying again in {seconds_text(delay)} (attempt {attempt})"
                return f"{self._tint('warning:', '33;1')} {printable(text)}"
            case Detail(text=text) if self._verbosity >= VERBOSE:
                return printable(text)
            case _:
                return None

    def _waiting_sentence(self, path: str, holder: str, waited: float) -> str | None:
        """Announced once as a lasting line; on a terminal the live line goes on counting."""
        if self._waiting_said:
            return None
        self._waiting_said = True
        return printable(f"Waiting for the environment lock {path}, held by {holder} ({seconds_text(waited)} so far)")

    def _finished_sentence(self, event: PhaseFinished) -> str | None:
        """``Resolved 98 packages in 2.1 s`` and its like; phases without work are silent."""
        took = seconds_text(event.seconds)
        match event.phase:
            case Phase.RESOLVE:
                return f"Resolved {count_text(event.count, 'package')} in {took}"
            case Phase.DOWNLOAD if fetched := event.count - self._progress.cached:
                received = self._progress.received
                speed = f", {bytes_text(received / max(event.seconds, 0.001))}/s" if received else ""
                return f"Downloaded {count_text(fetched, 'package')} ({bytes_text(received)}) in {took}{speed}"
            case Phase.INSTALL if event.count:
                return f"Staged {count_text(event.count, 'package')} in {took}"
            case _:
                return None

    def _tint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text

    def _wipe(self) -> str:
        if not self._painted:
            return ""
        self._painted = ""
        return _CLEAR

    def _paint(self, now: float) -> None:
        line = self._progress.line(now)
        try:
            width = os.get_terminal_size(self._stream.fileno()).columns
        except (OSError, ValueError):
            width = 80
        line = line[: max(width - 1, 20)]
        if line != self._painted:
            self._write(f"{_CLEAR}{line}")
            self._painted = line
        self._painted_at = now

    def _write(self, text: str) -> None:
        if not text:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._live = False


def console_reporter(*, verbosity: int, color: bool | None = None, progress: bool = True) -> ConsoleReporter:
    """A reporter for this process's stderr.

    Args:
        verbosity: -1, 0 or 1.
        color: None: on a terminal, unless ``NO_COLOR`` is set.
        progress: False: never a live line.
    """
    terminal = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return ConsoleReporter(
        verbosity=verbosity,
        live=progress and terminal and verbosity > QUIET,
        color=(terminal and not os.environ.get("NO_COLOR")) if color is None else color,
    )
