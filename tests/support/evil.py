"""Wheels that `zipfile` would not write: every byte of the archive is put down by hand, and each field may lie.

The layout is PKWARE's APPNOTE 4.3; whoever only wants a wrong RECORD or a missing file uses `tests.support.damage`.
"""

from __future__ import annotations

import stat
import struct
import zlib
from dataclasses import dataclass

from tests.support.archives import FILE_MODE, record_hash, record_text

STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14
UTF8 = 0x800
LINK = stat.S_IFLNK | 0o777
FIFO = stat.S_IFIFO | 0o644

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One member, and what the archive says of it.

    Args:
        name: in the archive's list.
        content: what it inflates to.
        mode: of the file, with its type.
        method: how it says that it is packed.
        packed: the bytes that lie there; None: `content`, packed honestly (stored or deflated).
        size: the unpacked size that is claimed; None: that of `content`.
        packed_size: the packed size that is claimed; None: that of what lies there.
        crc: that is claimed; None: that of `content`.
        local_name: before the content, where the list says otherwise.
        local_extra: bytes of the extra field before the content.
        claimed_extra: the length of that field as its header says it; None: the true one.
        at: another offset in the list than where it lies.
        absent: nothing of it lies in the file, the list alone has it.
        listed: RECORD lists it.
    """

    name: str
    content: bytes = b""
    mode: int = FILE_MODE
    method: int = DEFLATED
    packed: bytes | None = None
    size: int | None = None
    packed_size: int | None = None
    crc: int | None = None
    local_name: bytes | None = None
    local_extra: bytes = b""
    claimed_extra: int | None = None
    at: int | None = None
    absent: bool = False
    listed: bool = True

    @property
    def data(self) -> bytes:
        """What lies in the file."""
        if self.packed is not None:
            return self.packed
        return deflated(self.content) if self.method == DEFLATED else self.content


@dataclass(frozen=True, slots=True, kw_only=True)
class Evil:
    """A wheel that is right but for what is added or exchanged.

    Args:
        name: of the project; normalised.
        version: of it.
        entries: further members, or others in the place of one with the same name (METADATA, WHEEL, RECORD too).
        comment: at the end of the archive.
    """

    name: str = "evil"
    version: str = "1.0"
    entries: tuple[Entry, ...] = ()
    comment: bytes = b""

    @property
    def info(self) -> str:
        """The dist-info directory."""
        return f"{self.name}-{self.version}.dist-info"

    @property
    def filename(self) -> str:
        """Of the wheel."""
        return f"{self.name}-{self.version}-py3-none-any.whl"

    def bytes(self) -> bytes:
        """The whole file."""
        metadata = f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n"
        wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        honest = (
            Entry(name=f"{self.name}/__init__.py", content=b"EVIL = 1\n"),
            Entry(name=f"{self.info}/METADATA", content=metadata.encode()),
            Entry(name=f"{self.info}/WHEEL", content=wheel.encode()),
        )
        exchanged = {each.name for each in self.entries}
        members = [*(each for each in honest if each.name not in exchanged), *self.entries]
        record = f"{self.info}/RECORD"
        if record not in exchanged:
            rows = {
                each.name: (each.name, record_hash(each.content), str(len(each.content)))
                for each in members
                if each.listed and not each.name.endswith("/")
            }
            members.append(Entry(name=record, content=record_text([*rows.values(), (record, "", "")])))
        return archive(members, self.comment)


def archive(entries: list[Entry], comment: bytes = b"") -> bytes:
    """The ZIP file of these entries, in this order."""
    body, table = bytearray(), bytearray()
    for each in entries:
        offset = len(body) if each.at is None else each.at
        raw = each.name.encode("utf-8", "surrogatepass")
        local = raw if each.local_name is None else each.local_name
        data = b"" if each.absent else each.data
        packed = len(each.data) if each.packed_size is None else each.packed_size
        size = len(each.content) if each.size is None else each.size
        crc = zlib.crc32(each.content) if each.crc is None else each.crc
        extra = len(each.local_extra) if each.claimed_extra is None else each.claimed_extra
        fields = (20, UTF8, each.method, 0, 0x5821, crc, packed, size)
        if not each.absent:
            body += _LOCAL.pack(b"PK\x03\x04", *fields, len(local), extra) + local + each.local_extra + data
        table += _CENTRAL.pack(
            b"PK\x01\x02", 0x314, *fields, len(raw), 0, 0, 0, 0, each.mode << 16, offset
        )  # made by: Unix, 2.0
        table += raw
    count = min(len(entries), 0xFFFF)
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(table), len(body), len(comment))
    return bytes(body + table) + end + comment


def deflated(content: bytes) -> bytes:
    """Packed as an honest builder does."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def deflated_zeros(mebibytes: int, byte: bytes = b"\0") -> bytes:
    """What inflates to so many MiB of one byte, made without packing them: one block, repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    first = packer.compress(byte * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    second = packer.compress(byte * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + second * (mebibytes - 1) + packer.flush()
