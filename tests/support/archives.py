"""Zip archives and RECORD texts, put together byte by byte so that they may also be wrong."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import stat
import zipfile
from base64 import urlsafe_b64encode
from dataclasses import dataclass

MADE = (2024, 1, 1, 0, 0, 0)
FILE_MODE = stat.S_IFREG | 0o644
PROGRAM_MODE = stat.S_IFREG | 0o755
LINK_MODE = stat.S_IFLNK | 0o777


@dataclass(slots=True, kw_only=True)
class Member:
    """One entry of an archive; `rotten`: its stored bytes do not fit its CRC."""

    path: str
    content: bytes
    mode: int = FILE_MODE
    rotten: bool = False


def record_hash(content: bytes) -> str:
    """The hash column of RECORD: ``sha256=`` and URL-safe base64 without padding."""
    return "sha256=" + urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def record_text(rows: list[tuple[str, str, str]]) -> bytes:
    """RECORD, from rows of path, hash and size."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def zip_bytes(members: list[Member], *, directory_entries: bool) -> bytes:
    """The archive of these entries in this order, names that are there twice included."""
    archive = io.BytesIO()
    rotten: list[tuple[int, int]] = []
    seen: set[str] = set()
    with zipfile.ZipFile(archive, "w") as writer:
        for member in members:
            parent = os.path.dirname(member.path)
            if directory_entries and parent and parent not in seen:
                seen.add(parent)
                entry = zipfile.ZipInfo(f"{parent}/", MADE)
                entry.external_attr = (stat.S_IFDIR | 0o755) << 16 | 0x10
                writer.writestr(entry, b"")
            entry = zipfile.ZipInfo(member.path, MADE)
            entry.external_attr = member.mode << 16
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_STORED if member.rotten else zipfile.ZIP_DEFLATED
            if member.path in writer.NameToInfo:
                del writer.NameToInfo[member.path]  # zipfile warns of what we do on purpose
            writer.writestr(entry, member.content)
            if member.rotten:
                rotten.append((archive.tell() - len(member.content), len(member.content)))
    data = bytearray(archive.getvalue())
    for start, length in rotten:
        data[start + length // 2] ^= 0xFF
    return bytes(data)
