"""The lease: how long a holder who cannot be seen may be silent, and how he says that he still works.

A waiter reads the record through a fresh open() at each look and measures silence on his own monotonic clock, so that
no two clocks are ever compared. A holder raises the counter in his record between his steps, inline: a thread of its
own would go on saying "alive" for a holder that hangs.

**Guarantees**: only a counter that has not changed for all of `LEASE` counts as silence.

**On crash**: the counter stays as it is, and the lease runs out.

**Limits**: a holder that hangs in one call (a stopped file server, a stopped process) longer than `LEASE` is taken
over; the fence (``commit.fence``) keeps its late steps from the target.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from holdfast import disk
from holdfast.model.owner import OwnerRecord

LEASE = 30.0
"""Seconds of silence after which a holder who cannot be seen is taken over. Read at each look: tests shorten it."""
REFRESH = 5.0
"""Seconds after which a holder says again that he works. Read at each step: tests shorten it."""


class Leases:
    """What one waiter has seen of those who cannot be judged otherwise, by the lock's path."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, int, float]] = {}

    def expired(self, path: str, record: OwnerRecord) -> bool:
        """Note what a record says now; whether it has said the same for longer than the lease."""
        now = time.monotonic()
        identifier, counter, since = self._seen.get(path, ("", 0, now))
        if (identifier, counter) != (record.id, record.counter):
            self._seen[path] = (record.id, record.counter, now)
            return False
        return now - since >= LEASE

    def forget(self, path: str) -> None:
        """Nobody has that lock now: whoever comes next begins a new lease, even under an id seen before."""
        self._seen.pop(path, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A published record of ours: the descriptor that it is refreshed through (and flocked by), and what it says."""

    fd: int
    content: OwnerRecord
    size: int


def stamped(record: Record) -> Record:
    """The record of a lock that is about to be published: it says since when, however long that was waited for."""
    if abs(time.time() - record.content.since) < 1:
        return record
    content = replace(record.content, since=time.time())
    with suppress(OSError):  # for people
        disk.pwrite(record.fd, content.to_bytes(size=record.size))
    return replace(record, content=content)


class Beat:
    """The holder's side: raises the counter now and then."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records = tuple(records)
        self._counter = 0
        self._last = time.monotonic()

    def refresh(self) -> None:
        """Call it between any two steps; it writes at most once in `REFRESH` seconds."""
        now = time.monotonic()
        if now - self._last < REFRESH:
            return
        self._last = now
        self._counter += 1
        for record in self._records:
            with suppress(OSError):  # a missed beat is no failure: at worst we are taken over, and notice it
                disk.pwrite(record.fd, replace(record.content, counter=self._counter).to_bytes(size=record.size))
                disk.fsync(record.fd)
