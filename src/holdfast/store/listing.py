"""The RECORD inside a wheel: what it lists, and whether the members are that.

Follows https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file and, for
what must be listed, https://packaging.python.org/en/latest/specifications/binary-distribution-format/ .
"""

from __future__ import annotations

import csv
import hashlib
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.store.faults import WheelFault, shown

STRONG = frozenset({"sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s"})
"""Hash algorithms that count: "sha256 or better"."""

_COLUMNS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One row: the digest's algorithm and bytes; the size, None when not stated."""

    algorithm: str
    digest: bytes
    size: int | None


def unlisted_by_right(info: str) -> frozenset[str]:
    """The files of a dist-info directory that need no hash: RECORD itself and its signatures."""
    return frozenset(f"{info}/{name}" for name in ("RECORD", "RECORD.jws", "RECORD.p7s"))


def parse_listing(data: bytes) -> dict[str, Listed | None]:
    """Read a wheel's RECORD: path to row, None for a row without a hash.

    Raises:
        WheelFault: It is no such table, or lists a path twice in different words.
    """
    rows: dict[str, Listed | None] = {}
    try:
        table = list(csv.reader(data.decode("utf-8").splitlines()))
    except UnicodeDecodeError:
        raise WheelFault("its RECORD is not UTF-8", record=True) from None
    except csv.Error as error:
        raise WheelFault(f"its RECORD is not a table ({error})", record=True) from None
    for number, row in enumerate(table, 1):
        if not row:
            continue
        if len(row) != _COLUMNS:
            raise WheelFault(f"line {number} of its RECORD has {len(row)} columns, not three", record=True)
        path = row[0].replace("\\", "/")
        listed = _row(path, row[1], row[2])
        if path in rows and rows[path] != listed:
            raise WheelFault(f"its RECORD lists {shown(path)} twice, differently", record=True)
        rows[path] = listed
    return rows


def _row(path: str, digest: str, size: str) -> Listed | None:
    if not digest:
        return None
    algorithm, separator, value = digest.partition("=")
    try:
        return Listed(
            algorithm=algorithm.lower() if separator else "",
            digest=urlsafe_b64decode(value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4)),
            size=int(size) if size else None,
        )
    except (ValueError, Base64Error):
        raise WheelFault(f"its RECORD has no proper hash and size for {shown(path)}", record=True) from None


def check_complete(rows: Mapping[str, Listed | None], members: frozenset[str], info: str) -> None:
    """Everything in the wheel is listed with a strong hash, and everything listed is in the wheel.

    Args:
        rows: As `parse_listing` gives them.
        members: The names in the archive, directories left out.
        info: The dist-info directory.

    Raises:
        WheelFault: It is not so.
    """
    free = unlisted_by_right(info)
    for name in sorted(members - free):
        listed = rows.get(name)
        if listed is None:
            how = "lists {} without a hash" if name in rows else "does not list {}"
            raise WheelFault(f"its RECORD {how.format(shown(name))}", record=True)
        if listed.algorithm not in STRONG:
            weak = f"its RECORD hashes {shown(name)} with {shown(listed.algorithm)}, which proves nothing"
            raise WheelFault(weak, record=True)
    if missing := sorted(path for path in rows.keys() - members - free if not path.endswith("/")):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise WheelFault(f"its RECORD lists {shown(missing[0])}{more}, which it does not hold", record=True)


def check_member(name: str, listed: Listed | None, sha256: bytes, size: int, other: bytes | None) -> None:
    """One member is what its row says.

    Args:
        name: Of the member.
        listed: Its row; None where none is needed.
        sha256: Of its content.
        size: Of its content.
        other: Its digest by the row's algorithm, where that is not sha256.

    Raises:
        WheelFault: It is not.
    """
    if listed is None:
        return
    if listed.size is not None and listed.size != size:
        raise WheelFault(f"{shown(name)} has {size} bytes, its RECORD says {listed.size}", record=True)
    if listed.digest != (sha256 if other is None else other):
        raise WheelFault(f"{shown(name)} has not the hash that its RECORD says", record=True)


def second_hash(listed: Listed | None) -> hashlib._Hash | None:
    """A hash object for a row whose algorithm is a strong one other than sha256."""
    if listed is None or listed.algorithm == "sha256" or listed.algorithm not in STRONG:
        return None
    return hashlib.new(listed.algorithm)
