"""What a disk call looked at and changed, and when two of them commute.

A *place* is one piece of what a file system keeps: an entry of a directory by its name, the list of its entries,
the status and content of an inode, whether it still has a name, where a directory lies, who has it flocked. `Tree`
notes each place as it is looked at or changed. Two calls of which neither changes what the other looks at or changes
give the same results and the same tree in either order.

*Touching* is a change that commutes with others of its kind: two entries made in one directory leave the same list
and the same time of change, whichever came first; who reads the list or the time depends on both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from holdfast.model.transaction import LOCK_NAME, TRANSACTION_PREFIX

Place = tuple[object, ...]
_ENTRY, _ARRIVAL = "entry", "arrival"


@dataclass(slots=True)
class Footprint:
    """The places of one step.

    Attributes:
        reads: Looked at, be it in vain.
        touches: Changed in a way that commutes with itself.
        writes: Changed.
        missing: Entries that were looked at in vain.
    """

    reads: set[Place] = field(default_factory=set)
    touches: set[Place] = field(default_factory=set)
    writes: set[Place] = field(default_factory=set)
    missing: set[Place] = field(default_factory=set)

    def found_nothing(self, but: set[Place]) -> None:
        """The call ended with ENOENT: what it did find on its way could have left as well, and it would end so again.

        Args:
            but: What was looked at before that call.
        """
        entries = {place for place in self.reads - but - self.missing if place[0] == _ENTRY}
        self.reads -= entries
        self.reads |= {(_ARRIVAL, *place[1:]) for place in entries}

    def changes(self, places: set[Place]) -> bool:
        """Whether any of these may look different after it."""
        return not (self.writes.isdisjoint(places) and self.touches.isdisjoint(places))

    def commutes(self, other: Footprint) -> bool:
        """Whether the two can be exchanged."""
        return (
            not self.changes(other.reads)
            and not other.changes(self.reads)
            and self.writes.isdisjoint(other.writes)
            and self.writes.isdisjoint(other.touches)
            and self.touches.isdisjoint(other.writes)
        )


def entry(directory: int, name: str) -> Place:
    """What a name in a directory leads to."""
    return (_ENTRY, directory, name)


def arrival(directory: int, name: str) -> Place:
    """Whether something came to that name: all that matters of the way to a place where nothing was found."""
    return (_ARRIVAL, directory, name)


class Names(StrEnum):
    """The names in a directory, by who is interested in them."""

    LOCK = "lock"
    TRANSACTION = "transaction"
    INFO = "dist-info"
    OTHER = "other"

    @classmethod
    def of(cls, name: str) -> Names:
        """Which one is."""
        if name == LOCK_NAME:
            return cls.LOCK
        if name.startswith(TRANSACTION_PREFIX):
            return cls.TRANSACTION
        return cls.INFO if name.endswith(".dist-info") else cls.OTHER


ALL_NAMES = frozenset(Names)


def listing(directory: int, names: Names) -> Place:
    """Which names of a kind there are."""
    return ("listing", directory, names)


def listings(directory: int, kinds: frozenset[Names] = ALL_NAMES) -> set[Place]:
    """Which names of these kinds there are."""
    return {listing(directory, each) for each in kinds}


def status(inode: int) -> Place:
    """Content, rights and times."""
    return ("status", inode)


def named(inode: int) -> Place:
    """Whether it has a name: in a removed directory nothing can be made."""
    return ("named", inode)


def parent(directory: int) -> Place:
    """What lies above it."""
    return ("parent", directory)


def flocked(inode: int) -> Place:
    """Who has it locked."""
    return ("flocked", inode)


NUMBERS: Place = ("numbers",)
"""Which inode numbers are free, where they are given again."""
