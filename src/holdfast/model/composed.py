"""A distribution as it will lie in the target: every file with its place and where its bytes come from."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.model.target import SchemeKey


@dataclass(frozen=True, slots=True, kw_only=True)
class FromStore:
    """Linked or copied from an absolute path in the store.

    Attributes:
        mtime_ns: Of the file there, and of every copy: bytecode is valid by it.
        linkable: A hard link may be made from it (as `StoredWheel.linkable` says).
        lasting: It will be there after this transaction: a symlink may point to it.
    """

    path: str
    mtime_ns: int = 0
    linkable: bool = True
    lasting: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """Written new: a script, RECORD, INSTALLER, REQUESTED, direct_url.json."""

    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFile:
    """One file of the new state.

    Attributes:
        scheme: The scheme directory that ``path`` is relative to.
        path: ``/`` separated, normalised, never absolute, never ``..``.
        size: Bytes; -1 when not known before it is compiled.
        digest: sha256, urlsafe base64 without padding, as RECORD writes it after ``sha256=``; empty for RECORD
            itself and bytecode.
    """

    scheme: SchemeKey
    path: str
    size: int
    digest: str
    executable: bool
    source: FromStore | Generated


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedDistribution:
    """The complete new state of one distribution.

    Attributes:
        info_name: Basename of its dist-info directory.
        info_scheme: PURELIB or PLATLIB: where the dist-info goes.
        record_digest: sha256 hex of the RECORD that is among ``files``.
        files: All of them, dist-info and scripts included.
    """

    name: NormalizedName
    version: Version
    info_name: str
    info_scheme: SchemeKey
    record_digest: str
    files: tuple[PlacedFile, ...]
