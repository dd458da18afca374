"""Reads RECORDs (PEP 376, 627), only of the distributions that a command is about.

**Guarantees**: every path of a RECORD comes back as written; nothing is followed or judged here.

**On crash**: changes nothing.

**Limits**: a size that is no number counts as not given, as other installers write such lines.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Collection
from dataclasses import replace

from packaging.utils import NormalizedName

from holdfast.errors import IntegrityError
from holdfast.model.installed import InstalledDistribution, InstalledState, RecordEntry
from holdfast.model.metadata import METADATA_LIMIT
from holdfast.target.infos import read_limited

_COLUMNS = 3
_LIMIT = 64 * 1024 * 1024
_VANISHED = "vanished"
"""In place of a sha256: of a RECORD that was gone, with its distribution, before it was read."""


def with_records(state: InstalledState, names: Collection[NormalizedName]) -> InstalledState:
    """The same state with ``record`` and ``record_digest`` filled for some projects, duplicates included.

    Args:
        state: As `read_installed` gives it: every ``record`` is empty (there is one) or None (there is none).
        names: The projects whose files matter. Distributions outside of the target stay as they are.

    Returns:
        A RECORD that cannot be read counts as none: nobody can tell its files, which matters only if it is to leave. A
        distribution that vanished meanwhile keeps its unread RECORD, with a digest that no commit will find in place.
    """
    wanted = frozenset(names)

    def filled(each: InstalledDistribution) -> InstalledDistribution:
        if each.name not in wanted or each.record is None or not each.owned:
            return each
        try:
            record, digest = read_record(each)
        except IntegrityError:
            gone = not os.path.lexists(os.path.join(each.location, each.info_name))
            return replace(each, record_digest=_VANISHED) if gone else replace(each, record=None)
        return replace(each, record=record, record_digest=digest)

    return replace(
        state,
        distributions={name: filled(each) for name, each in state.distributions.items()},
        duplicates=tuple(map(filled, state.duplicates)),
    )


def read_record(distribution: InstalledDistribution) -> tuple[tuple[RecordEntry, ...], str]:
    """The lines of a RECORD and the sha256 of its bytes.

    Raises:
        IntegrityError: It is gone, or is not a RECORD.
    """
    path = os.path.join(distribution.location, distribution.info_name, "RECORD")
    try:
        data = read_limited(path, _LIMIT + 1)
        if len(data) > _LIMIT:
            raise ValueError(f"it has more than {_LIMIT} bytes")
        rows = [row for row in csv.reader(io.StringIO(data.decode("utf-8"), newline="")) if row]
        if not rows:  # it lists itself at least; uv and pip empty it before they write it
            raise ValueError("it is empty")
        entries = tuple(map(_entry, rows))
    except (OSError, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise IntegrityError(
            f"The RECORD of {distribution.name} {distribution.version} cannot be read: {path}: {reason}",
            hint="Look at what is installed: holdfast check --files",
        ) from error
    return entries, hashlib.sha256(data).hexdigest()


def metadata_digest(distribution: InstalledDistribution) -> str:
    """The sha256 hex of METADATA, which tells the wheel that it came from; empty if it cannot be read."""
    try:
        data = read_limited(os.path.join(distribution.location, distribution.info_name, "METADATA"), METADATA_LIMIT)
    except OSError:
        return ""
    return hashlib.sha256(data).hexdigest()


def _entry(row: list[str]) -> RecordEntry:
    """One line.

    Raises:
        ValueError: It has more than three columns, or no path. (Some tools leave empty columns out.)
    """
    if len(row) > _COLUMNS or not row[0]:
        raise ValueError(f"not a line of a RECORD: {','.join(row)!r}")
    path, hashed, size = (*row, "", "")[:_COLUMNS]
    algorithm, _, digest = hashed.partition("=")
    return RecordEntry(path=path, algorithm=algorithm, digest=digest, size=int(size) if size.isdigit() else None)
