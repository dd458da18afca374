"""RECORD of an installed distribution: one row for each file, as the standard and its readers want it.

https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file : paths are relative
to the directory that holds the dist-info; RECORD itself and bytecode have neither hash nor size.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RecordRow:
    """One row.

    Attributes:
        path: ``/`` separated, relative to the dist-info's parent (``../../../bin/x``).
        digest: sha256, urlsafe base64 without padding; empty: the row has neither hash nor size.
        size: Bytes; of no account without a digest.
    """

    path: str
    digest: str = ""
    size: int = 0


def write_record(rows: Iterable[RecordRow]) -> bytes:
    """The bytes of RECORD, sorted by path as pip and uv sort it."""
    from installer.records import Hash, RecordEntry  # noqa: PLC0415 - only who installs something pays its import

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in sorted(rows):
        entry = RecordEntry(
            path=row.path,
            hash_=Hash("sha256", row.digest) if row.digest else None,
            size=row.size if row.digest else None,
        )
        writer.writerow(entry.to_row())
    return text.getvalue().encode("utf-8", "surrogateescape")
