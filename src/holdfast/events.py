"""What happens while holdfast works, as values; the Reporter protocol that receives them; a silent default.

Rooms emit events; only ``report`` turns them into words on a stream. Between the journal and the release of the lock
nothing is emitted (a stopped terminal must not hold the lock).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Phase(StrEnum):
    """The parts of a command that a person sees go by."""

    RESOLVE = "resolve"
    DOWNLOAD = "download"
    INSTALL = "install"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseStarted:
    """A phase begins. ``total`` counts its units when known: distributions (download, install)."""

    phase: Phase
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseFinished:
    """A phase ended after ``seconds``; ``count`` units were done (0: everything was there already)."""

    phase: Phase
    count: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectConsidered:
    """The solver looks at a project. ``version`` is None while its page is fetched."""

    name: str
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadStarted:
    """A wheel's download begins. ``size`` in bytes when known."""

    filename: str
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadAdvanced:
    """``received`` more bytes of ``filename`` are here."""

    filename: str
    received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadFinished:
    """The wheel is verified and in the store. ``cached``: it was there before."""

    filename: str
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionStaged:
    """One distribution's tree is complete beside the target."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """A request failed and is tried again after ``delay`` seconds. ``reason`` has no credentials."""

    url: str
    reason: str
    attempt: int
    delay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWaiting:
    """The lock is held by somebody else; emitted within one second, then about once a second.

    ``holder`` is a printable description (pid, user, host, command); ``waited`` seconds so far.
    """

    path: str
    holder: str
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LockAcquired:
    """The lock is ours after ``waited`` seconds. Only emitted after a wait was announced."""

    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """An interrupted transaction of somebody was finished or undone. ``text`` says what was done."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One line worth knowing (shown unless -q)."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """One line that a user must see (shown with -q too)."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One line for -v."""

    text: str


Event = (
    PhaseStarted
    | PhaseFinished
    | ProjectConsidered
    | DownloadStarted
    | DownloadAdvanced
    | DownloadFinished
    | DistributionStaged
    | Retrying
    | LockWaiting
    | LockAcquired
    | Recovered
    | Notice
    | Warned
    | Detail
)


class Reporter(Protocol):
    """Receives events. Called from several threads while downloading; must not raise."""

    def emit(self, event: Event) -> None:
        """Take note of one event."""


class SilentReporter:
    """Drops every event: the default of tests and of library use."""

    def emit(self, event: Event) -> None:
        """Drop it."""


SILENT = SilentReporter()
