"""Who holds a lock or a transaction directory: the owner's record, and the rule that judges whether he is dead."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Protocol

RECORD_LIMIT = 4096
"""Bytes of a record that are ever read or written (design section 3)."""
_INTEGERS = 1 << 64
"""What a system counts fits below it; what does not (NaN neither) was not counted by one."""


class LockMode(StrEnum):
    """How the environment lock is taken."""

    FLOCK = "flock"
    MARKER = "marker"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerRecord:
    """The content of a lock file and of ``owner``. Untrusted when read: compare, print escaped, never follow.

    Attributes:
        id: The transaction's id: 32 lower-case hexadecimal digits, never used twice.
        pid: In the namespace ``pid_namespace`` (the inode number of /proc/self/ns/pid; 0 where there is none;
            negative where that is not known).
        boot: The boot id of the machine.
        started: The process's start time, clock ticks since boot (0: unreadable).
        uid: Effective user id.
        mode: Lock mode of the transaction.
        counter: Heartbeat.
        host: For people.
        user: For people.
        command: Subcommand and requirement names: no URL credentials, no query.
        since: Unix time of the start, for people.
        schemes: Scheme keys that have a sibling directory with this id (EXDEV), besides the library directories.
    """

    id: str
    pid: int
    pid_namespace: int
    boot: str
    started: int
    uid: int
    mode: LockMode
    counter: int = 0
    host: str = ""
    user: str = ""
    command: str = ""
    since: float = 0.0
    schemes: tuple[str, ...] = ()

    def to_bytes(self, *, size: int = 0) -> bytes:
        """Serialise, at most RECORD_LIMIT bytes (the command is cut to fit).

        Args:
            size: Pad to so many bytes: what is rewritten in place must not change its length.
        """
        data = asdict(self)
        while len(encoded := json.dumps(data).encode()) >= RECORD_LIMIT:
            data["command"] = data["command"][: len(data["command"]) // 2]
        return encoded.ljust(size - 1) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> OwnerRecord | None:
        """Parse; None for anything that is not a whole record of known types."""
        try:
            loaded = json.loads(data)
            if not isinstance(loaded, dict):
                return None
            known = {field.name: loaded[field.name] for field in fields(cls) if field.name in loaded}
            known["mode"] = LockMode(known["mode"])
            known["schemes"] = tuple(str(key) for key in known.get("schemes", ()))
            record = cls(**known)
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        integers = (record.pid, record.pid_namespace, record.started, record.uid, record.counter)
        texts = (record.id, record.boot, record.host, record.user, record.command)
        whole = all(type(value) is int and 0 <= value < _INTEGERS for value in integers)
        whole = whole and all(type(value) is str for value in texts)
        return record if whole and isinstance(record.since, (int, float)) and abs(record.since) < _INTEGERS else None


class Verdict(StrEnum):
    """What can be said of an owner from here."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


class ProcessSight(Protocol):
    """What is seen of a pid now: whether it exists, its state letter and start time (None: unreadable)."""

    @property
    def exists(self) -> bool:
        """There is such a process."""

    @property
    def state(self) -> str | None:
        """As /proc shows it: Z and X are dead."""

    @property
    def started(self) -> int | None:
        """Clock ticks since boot."""


def rings_here(record: OwnerRecord, *, boot: str, pid_namespace: int) -> bool:
    """Whether a flock that is free says that its owner is dead: he runs on this boot, and is hidden from us.

    The caller sees to it that the file system is one whose locks are those of this machine.
    """
    elsewhere = record.pid_namespace != pid_namespace
    return bool(boot) and record.boot == boot and elsewhere and record.mode is LockMode.FLOCK


def judge(record: OwnerRecord, *, boot: str, pid_namespace: int, sight: ProcessSight) -> Verdict:
    """Judge an owner by the rule of design section 3, "Who is dead".

    Args:
        record: The owner's record.
        boot: This machine's boot id.
        pid_namespace: This process's pid namespace.
        sight: What this process sees of ``record.pid``; only meaningful in the same boot and namespace.
    """
    if not record.boot or record.boot != boot or record.pid_namespace != pid_namespace:
        return Verdict.UNKNOWN
    if not sight.exists or sight.state in {"Z", "X", "x"}:
        return Verdict.DEAD
    if sight.started is None or record.started == 0:
        return Verdict.UNKNOWN
    return Verdict.ALIVE if sight.started == record.started else Verdict.DEAD
