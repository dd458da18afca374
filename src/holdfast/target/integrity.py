"""Whether the installed files are what their RECORDs say (``check --files``).

**Guarantees**: every listed file is looked at; one with a hash is read whole and hashed. Nothing is written.

**On crash**: changes nothing.

**Limits**: files that no RECORD lists are not looked for. A RECORD line without a hash (RECORD itself, bytecode) only
asks for existence, and bytecode may be missing: any Python may remove it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from holdfast.model.hashes import record_text
from holdfast.model.installed import InstalledDistribution, RecordEntry

_CHUNK = 1 << 20


class FaultKind(StrEnum):
    """What is wrong with a file."""

    MISSING = "missing"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"
    NO_RECORD = "no-record"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFault:
    """One file that is not what a RECORD says. ``path`` is absolute."""

    name: str
    version: str
    path: str
    kind: FaultKind


def file_faults(distribution: InstalledDistribution) -> Iterator[FileFault]:
    """Compare one distribution's files with its RECORD.

    Args:
        distribution: With its RECORD (see `holdfast.target.records.with_records`).
    """
    if distribution.record is None:
        path = os.path.join(distribution.location, distribution.info_name)
        yield _fault(distribution, path, FaultKind.NO_RECORD)
        return
    for entry in distribution.record:
        path = os.path.normpath(os.path.join(distribution.location, entry.path))
        kind = _compare(path, entry)
        if kind is not None:
            yield _fault(distribution, path, kind)


def _fault(distribution: InstalledDistribution, path: str, kind: FaultKind) -> FileFault:
    return FileFault(name=distribution.metadata.display_name, version=str(distribution.version), path=path, kind=kind)


def _compare(path: str, entry: RecordEntry) -> FaultKind | None:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return FaultKind.DAMAGED
        if not entry.digest:
            return None
        if entry.size is not None and status.st_size != entry.size:
            return FaultKind.DAMAGED
        return None if _digest(path, entry.algorithm) == entry.digest.rstrip("=") else FaultKind.DAMAGED
    except FileNotFoundError:
        return None if path.endswith(".pyc") else FaultKind.MISSING
    except NotADirectoryError:
        return FaultKind.MISSING
    except (OSError, ValueError):  # ValueError: an algorithm that hashlib does not know
        return FaultKind.UNREADABLE


def _digest(path: str, algorithm: str) -> str:
    hasher = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
    return record_text(hasher.digest())
