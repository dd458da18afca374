"""What every writing command carries along besides its work."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.events import Reporter
from holdfast.flows.signals import Signals
from holdfast.model.request import InstallPolicy, LockSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One running command.

    Attributes:
        policy: What is allowed, and how files are placed.
        lock: Mode and timeout of the environment lock.
        command: Subcommand and requirement names, for the owner's record; no credentials.
        signals: When a signal may stop it.
        reporter: Hears of everything but the commit itself.
    """

    policy: InstallPolicy
    lock: LockSettings
    command: str
    signals: Signals
    reporter: Reporter
