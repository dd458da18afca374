"""A verified, unpacked wheel in the store and the manifest that describes it."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.model.target import SchemeKey


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFile:
    """One file of an unpacked wheel that will be placed (RECORD and signatures are not among them).

    Attributes:
        member: Path inside the wheel and below the store entry's ``tree/`` directory, ``/`` separated.
        scheme: Where it goes; a purelib wheel's root files go to purelib, a platlib wheel's to platlib.
        path: Relative to the scheme's directory (headers: below ``headers/<name>``), ``/`` separated, normalised,
            never ``..``.
        size: Bytes.
        digest: sha256, urlsafe base64 without padding, as RECORD writes it; verified when the wheel was added.
        executable: The archive gives it an x bit.
        mtime_ns: Of the file in the store, as set at unpacking; an entry whose file has moved from it is re-hashed
            (P8).
        shebang: It is in ``.data/scripts`` and begins with ``#!python`` or ``#!pythonw``: rewritten for the target.
    """

    member: str
    scheme: SchemeKey
    path: str
    size: int
    digest: str
    executable: bool = False
    mtime_ns: int = 0
    shebang: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptEntryPoint:
    """One ``console_scripts`` or ``gui_scripts`` entry (entry points specification)."""

    name: str
    module: str
    attribute: str
    gui: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is in a store entry.

    Attributes:
        sha256: Hex digest of the wheel file: the entry's name.
        filename: The wheel's file name.
        info_name: ``name-version.dist-info`` as it stands in the wheel.
        purelib: Root-Is-Purelib.
        files: Sorted by member.
        scripts: Entry points that become scripts.
        metadata_sha256: Hex digest of the METADATA file's bytes.
    """

    sha256: str
    filename: str
    name: NormalizedName
    version: Version
    info_name: str
    purelib: bool
    files: tuple[WheelFile, ...]
    scripts: tuple[ScriptEntryPoint, ...]
    metadata_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWheel:
    """A wheel ready to be linked from.

    Attributes:
        tree: Absolute directory that holds the members.
        manifest: Verified.
        linkable: Hard links may be made from it (owned by us, times and rights as in the manifest).
        lasting: It is in the cache, not in this transaction's work area.
    """

    tree: str
    manifest: Manifest
    linkable: bool = True
    lasting: bool = True
