"""What every writing command carries along besides its work."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.events import Reporter
from holdfast.flows.signals import Signals
from holdfast.model.request import InstallPolicy, LockSettings


@dataclass(slots=True, kw_only=True)
class LockTimes:
    """Seconds that a command waited for the lock and held it, in all: it may take it more than once."""

    waited: float = 0.0
    held: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One running command.

    Attributes:
        policy: What is allowed, and how files are placed.
        lock: Mode and timeout of the environment lock.
        command: Subcommand and requirement names, for the owner's record; no credentials.
        signals: When a signal may stop it.
        reporter: Hears of everything but the commit itself.
        times: What the lock has cost so far.
        undoes: The id of the transaction that the command takes back; empty: none.
    """

    policy: InstallPolicy
    lock: LockSettings
    command: str
    signals: Signals
    reporter: Reporter
    times: LockTimes = field(default_factory=LockTimes)
    undoes: str = ""
