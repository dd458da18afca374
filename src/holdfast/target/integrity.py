"""Whether the installed files are what their RECORDs say (``check --files``).

**Guarantees**: every listed file is looked at; one with a hash is read whole and hashed, by several threads where there
are processors for them (hashing and reading leave the interpreter's lock). Nothing is written.

**On crash**: changes nothing.

**Limits**: a RECORD line without a hash (RECORD itself, bytecode) only asks for existence, and bytecode may be missing:
any Python may remove it. What no RECORD lists is looked for by `holdfast.target.foreign`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from holdfast.model.hashes import record_text
from holdfast.model.installed import InstalledDistribution, RecordEntry

_CHUNK = 1 << 20
_BATCH = 64
"""Files that a thread takes at once: most are so small that handing them over costs as much as hashing them."""
_MOST_THREADS = 8
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class FaultKind(StrEnum):
    """What is wrong with a file."""

    MISSING = "missing"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFault:
    """One file that is not what a RECORD says. ``path`` is absolute.

    Attributes:
        info: Path of the dist-info directory of the distribution that is meant.
    """

    name: str
    version: str
    path: str
    kind: FaultKind
    info: str = ""


_Listed = tuple[InstalledDistribution, str, RecordEntry]


def file_faults(distributions: Iterable[InstalledDistribution], *, threads: int | None = None) -> tuple[FileFault, ...]:
    """Compare files with RECORDs.

    Args:
        distributions: With their RECORDs (see `holdfast.target.records.with_records`); one without has no faults here.
        threads: How many read and hash; None: one for each processor, at most eight.
    """
    listed = [(each, path, entry) for each in distributions for path, entry in listed_files(each)]
    batches = [listed[at : at + _BATCH] for at in range(0, len(listed), _BATCH)]
    workers = min(threads or (os.cpu_count() or 1), _MOST_THREADS, len(batches))
    if workers < 2:  # noqa: PLR2004 - one alone
        found = map(_compare_all, batches)
        return tuple(fault for faults in found for fault in faults)
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only where there is something to share out

    with ThreadPoolExecutor(workers, thread_name_prefix="holdfast-check") as pool:
        return tuple(fault for faults in pool.map(_compare_all, batches) for fault in faults)


def listed_files(distribution: InstalledDistribution) -> Iterator[tuple[str, RecordEntry]]:
    """Absolute path and line of every file in a RECORD, symlinks not resolved."""
    base = distribution.location
    for entry in distribution.record or ():
        yield os.path.normpath(os.path.join(base, entry.path)), entry


def fault(distribution: InstalledDistribution, path: str, kind: FaultKind) -> FileFault:
    """Of one file of a distribution, or near one."""
    return FileFault(
        name=distribution.metadata.display_name,
        version=str(distribution.version),
        path=path,
        kind=kind,
        info=os.path.join(distribution.location, distribution.info_name),
    )


def _compare_all(listed: Sequence[_Listed]) -> list[FileFault]:
    return [
        fault(distribution, path, kind)
        for distribution, path, entry in listed
        if (kind := _compare(path, entry)) is not None
    ]


def _compare(path: str, entry: RecordEntry) -> FaultKind | None:
    try:
        if not entry.digest:
            return None if stat.S_ISREG(os.stat(path).st_mode) else FaultKind.DAMAGED
        return None if _is_intact(path, entry) else FaultKind.DAMAGED
    except FileNotFoundError:
        return None if path.endswith(".pyc") else FaultKind.MISSING
    except NotADirectoryError:
        return FaultKind.MISSING
    except (OSError, ValueError):  # ValueError: an algorithm that hashlib does not know, or a name that no file has
        return FaultKind.UNREADABLE


def _is_intact(path: str, entry: RecordEntry) -> bool:
    fd = os.open(path, _FLAGS)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or (entry.size is not None and status.st_size != entry.size):
            return False
        hasher = hashlib.new(entry.algorithm, usedforsecurity=False)
        while chunk := os.read(fd, _CHUNK):
            hasher.update(chunk)
        return record_text(hasher.digest()) == entry.digest.rstrip("=")
    finally:
        os.close(fd)
