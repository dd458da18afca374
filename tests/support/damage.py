"""Ways to spoil a wheel on purpose, as data. `tests.support.wheels` applies them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongHash:
    """RECORD lists `path` with the hash of other content."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongSize:
    """RECORD lists `path` with a size that is `by` bytes off."""

    path: str
    by: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """The archive holds `path`, RECORD does not know it."""

    path: str
    content: bytes = b"unlisted\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unhashed:
    """RECORD lists `path` without hash and size."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """RECORD lists `path`, the archive does not hold it."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRecord:
    """There is no RECORD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMetadata:
    """There is no METADATA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoWheelFile:
    """There is no WHEEL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncated:
    """The archive ends after `keep` bytes (negative: without its last bytes)."""

    keep: int = -40


@dataclass(frozen=True, slots=True, kw_only=True)
class RottenBytes:
    """The stored bytes of `path` are not what their CRC says; the member is stored, not deflated."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Traversal:
    """A member is named `path`, outside of the wheel; RECORD lists it rightly."""

    path: str = "../../escaped.py"
    content: bytes = b"escaped = True\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondDistInfo:
    """Another distribution's `.dist-info` is inside too; RECORD lists it rightly."""

    name: str = "stowaway"
    version: str = "6.6"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilenameSays:
    """The file name claims another name or version than the content."""

    name: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NonUtf8Metadata:
    """METADATA holds Latin-1 bytes; RECORD lists them rightly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """The archive holds `path` twice, with `content` the second time; RECORD knows the first."""

    path: str
    content: bytes = b"the second of that name\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateRow:
    """RECORD lists `path` twice, the second time with another hash."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymlinkEntry:
    """A member is a symbolic link to `to`; RECORD lists its content (the link's text) rightly."""

    path: str
    to: str


Damage = (
    WrongHash
    | WrongSize
    | Unlisted
    | Unhashed
    | Missing
    | NoRecord
    | NoMetadata
    | NoWheelFile
    | Truncated
    | RottenBytes
    | Traversal
    | SecondDistInfo
    | FilenameSays
    | NonUtf8Metadata
    | Duplicate
    | DuplicateRow
    | SymlinkEntry
)
