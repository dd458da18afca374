"""The live line of a terminal: what is going on, how far, how fast. Pure state; ``console`` paints it."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.events import (
    DistributionStaged,
    DownloadAdvanced,
    DownloadFinished,
    DownloadStarted,
    Event,
    LockAcquired,
    LockWaiting,
    Phase,
    PhaseFinished,
    PhaseStarted,
    ProjectConsidered,
)
from holdfast.report.amounts import bytes_text, count_text, seconds_text
from holdfast.report.escape import printable


@dataclass(slots=True, kw_only=True)
class Progress:
    """What the live line shows.

    Attributes:
        phase: None between phases: no line.
        total: Units of the phase, when known.
        done: Units finished; ``cached`` of them were there before.
        received: Bytes of the current download phase; ``expected`` of them known so far.
        started: When the phase began, on the painter's clock, seconds.
    """

    phase: Phase | None = None
    total: int | None = None
    done: int = 0
    cached: int = 0
    received: int = 0
    expected: int = 0
    started: float = 0.0
    subject: str = ""
    waiting: str = ""
    considered: set[str] = field(default_factory=set)

    def take(self, event: Event, now: float) -> None:
        """Account for one event at ``now`` seconds."""
        match event:
            case PhaseStarted(phase=phase, total=total):
                self.phase, self.total, self.started = phase, total, now
                self.done = self.cached = self.received = self.expected = 0
                self.subject = ""
            case PhaseFinished():
                self.phase = None
            case ProjectConsidered(name=name, version=version):
                self.considered.add(name)
                self.subject = name if version is None else f"{name} {version}"
            case DownloadStarted(filename=filename, size=size):
                self.subject = filename
                self.expected += size or 0
            case DownloadAdvanced(received=received):
                self.received += received
            case DownloadFinished(cached=cached):
                self.done += 1
                self.cached += cached
            case DistributionStaged():
                self.done += 1
            case LockWaiting(path=path, holder=holder, waited=waited):
                self.waiting = f"Waiting  {seconds_text(waited)}  for {path}, held by {holder}"
            case LockAcquired():
                self.waiting = ""
            case _:
                pass

    def line(self, now: float) -> str:
        """The text of the live line, empty when there is nothing to show."""
        if self.waiting:
            return printable(self.waiting)
        match self.phase:
            case Phase.RESOLVE:
                return printable(f"Resolving  {count_text(len(self.considered), 'package')}  {self.subject}")
            case Phase.DOWNLOAD:
                elapsed = max(now - self.started, 0.001)
                of = f" of {bytes_text(self.expected)}" if self.expected >= self.received > 0 else ""
                speed = f"{bytes_text(self.received / elapsed)}/s"
                count = f"{self.done}/{self.total}" if self.total is not None else str(self.done)
                return printable(f"Downloading  {count}  {bytes_text(self.received)}{of}  {speed}  {self.subject}")
            case Phase.INSTALL:
                return f"Installing  {self.done}" + (f"/{self.total}" if self.total is not None else "")
            case None:
                return ""
