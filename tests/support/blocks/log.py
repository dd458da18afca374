"""The log of a recorded disk: what was written where, when, and when the disk was told to flush."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

BLOCK = 4096
"""What a disk writes whole or not at all; less than any of the file systems writes at once."""
HEAD = struct.Struct("=3Q")
"""Nanoseconds of CLOCK_MONOTONIC, offset, size; then the data. Size 0: a flush."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A write, or a flush (without data)."""

    at: int
    offset: int
    data: bytes

    @property
    def is_flush(self) -> bool:
        """Everything that was written before is on the medium when it is answered."""
        return not self.data


def packed(at: int, offset: int, data: bytes) -> bytes:
    """One entry, as the log has it."""
    return HEAD.pack(at, offset, len(data)) + data


def read_log(path: str) -> tuple[Entry, ...]:
    """The whole log, in order."""
    entries = []
    left = os.path.getsize(path)
    with open(path, "rb") as file:
        while left:
            at, offset, size = HEAD.unpack(file.read(HEAD.size))
            entries.append(Entry(at=at, offset=offset, data=file.read(size)))
            left -= HEAD.size + size
    return tuple(entries)
