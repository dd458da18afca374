"""What disks may hold after their power was lost at one moment.

A disk keeps what was written before the last flush that it answered. Of what came later it has any blocks, in any
order.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.support.blocks.images import Image
from tests.support.blocks.log import BLOCK, Entry


class Loss(StrEnum):
    """What became of the blocks that were written since the last flush."""

    NONE = "none"
    SOME = "some"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When the power was lost, and what was lost with it.

    Attributes:
        counts: The entries of each disk's log that came before.
        since: When the last of them was written, in nanoseconds of CLOCK_MONOTONIC; 0: before them all.
        until: When the next one was.
    """

    counts: tuple[int, ...]
    loss: Loss
    since: int
    until: int

    def __str__(self) -> str:
        return f"power lost after {self.counts} entries, unflushed blocks lost: {self.loss}"


def moments(logs: Sequence[Sequence[Entry]]) -> tuple[Moment, ...]:
    """After each entry of any disk with nothing lost, and with some and with all lost that was not flushed."""
    times = sorted(entry.at for log in logs for entry in log)
    found: list[Moment] = []
    for since, until in zip([0, *times], [*times, 1 << 63], strict=True):
        counts = tuple(sum(entry.at <= since for entry in log) for log in logs)
        flushed = all(not count or log[count - 1].is_flush for count, log in zip(counts, logs, strict=True))
        losses = (Loss.NONE,) if flushed else tuple(Loss)
        found += [Moment(counts=counts, loss=loss, since=since, until=until) for loss in losses]
    return tuple(found)


class Replay:
    """One disk, played again from the beginning; moments are asked for in their order.

    Args:
        log: All of it.
        image: As it was before the first entry.
        path: What the paths of the images that are made begin with.
    """

    def __init__(self, log: Sequence[Entry], image: Image, path: str) -> None:
        self._log = log
        self._rolling = image.copy(f"{path}.rolling")
        self._path = path
        self._flushed = 0
        self._made = 0

    def at(self, count: int, loss: Loss, seed: str) -> Image:
        """The disk after so many entries; the caller removes the image.

        Args:
            count: Of entries.
            loss: Of blocks that were not flushed.
            seed: Decides which.
        """
        last = max((n + 1 for n in range(count) if self._log[n].is_flush), default=0)
        with open(self._rolling.path, "r+b") as file:
            for block, offset in _blocks(self._log[self._flushed : last]):
                os.pwrite(file.fileno(), block, offset)
        self._flushed = max(last, self._flushed)
        self._made += 1  # a path is not used twice: the kernel may hold what it read for a moment
        made = self._rolling.copy(f"{self._path}.{self._made}")
        chosen = random.Random(seed)
        with open(made.path, "r+b") as file:
            for block, offset in _blocks(self._log[last:count]):
                if loss is Loss.NONE or (loss is Loss.SOME and chosen.random() < 0.5):
                    os.pwrite(file.fileno(), block, offset)
        return made


def _blocks(entries: Sequence[Entry]) -> Iterator[tuple[bytes, int]]:
    for entry in entries:
        for start in range(0, len(entry.data), BLOCK):
            yield entry.data[start : start + BLOCK], entry.offset + start
