"""The transaction directory: where one change is staged, beside the target."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.model.owner import OwnerRecord
from holdfast.model.target import SchemeKey, Target

LOCK_NAME = ".holdfast.lock"
"""Directory whose existence with one entry is the environment lock, in each library directory."""

BROKEN_NAME = "broken"
"""In a transaction directory: the record of its lock, which somebody broke who judged the owner dead."""

KEPT_NAME = "kept"
"""In a transaction directory: foreign files that could not be given back; nobody removes it but a person."""

TAKEN_NAME = "taken"
"""In a transaction directory: the directories of dead transactions, on their way to be recovered by its owner."""

TRANSACTION_PREFIX = ".holdfast-"
"""``.holdfast-<id>``: a transaction directory; the id is 32 lower-case hexadecimal digits."""


_ID_LENGTH = 32


def is_transaction_name(name: str) -> bool:
    """Whether a directory entry is named like a transaction directory."""
    identifier = name.removeprefix(TRANSACTION_PREFIX)
    return identifier != name and len(identifier) == _ID_LENGTH and not set(identifier) - set("0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionDirectory:
    """One ``.holdfast-<id>`` with its own flat ``new/`` and ``old/`` (and ``lock/`` where it is a locked directory).

    Attributes:
        path: Absolute.
        parent: The scheme directory (real path) it lies in.
        schemes: The scheme keys whose directories are reached by rename from here.
        locked: It lies in a library directory, which has a lock of its own.
    """

    path: str
    parent: str
    schemes: tuple[SchemeKey, ...]
    locked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """Everything that one transaction owns on disk.

    Attributes:
        owner: The record in ``owner``.
        directories: The first holds the journal (purelib's).
        target: Where it commits to.
        unreached: Schemes in another file system than the first directory, where no sibling could be made.
    """

    owner: OwnerRecord
    target: Target
    directories: tuple[TransactionDirectory, ...]
    unreached: tuple[SchemeKey, ...] = ()

    @property
    def id(self) -> str:
        """The transaction's id."""
        return self.owner.id

    def directory_of(self, scheme: SchemeKey) -> TransactionDirectory:
        """The transaction directory from which a scheme's entries are moved."""
        return next(directory for directory in self.directories if scheme in directory.schemes)
