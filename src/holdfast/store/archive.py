"""A ZIP file read with suspicion: its list checked before a byte is unpacked, each member checked while it is read.

**Guarantees**: the members that `Archive` lists have safe names (relative, no ``..``, nothing a file system takes for
something else), are regular files, each name once, also where case does not count, and none below another; they do not
overlap. `Archive.chunks` gives exactly the declared number of bytes with the declared CRC, or raises: a bomb is cut at
its declared size. Declared sizes, the number of directories and the length of the list itself are bounded.

**On crash**: only reads.

**Limits**: the file must not change while it is read (a download or a file that its hash was taken of). Stored and
deflated members only, as wheels have them.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from holdfast.store.faults import WheelFault, shown

CHUNK = 1 << 20
LARGEST_RATIO = 100
"""Of unpacked to packed bytes, of a whole wheel that is larger than `RATIO_APPLIES_ABOVE` unpacked."""
RATIO_APPLIES_ABOVE = 256 << 20
LONGEST_COMPONENT = 255
LONGEST_NAME = 2000
LONGEST_LIST = 16 << 20
"""Bytes of the central directory: 150,000 members and more."""
DIRECTORIES_PER_MEMBER = 10
SPARE_DIRECTORIES = 1000

_LOCAL = struct.Struct("<4s22xHH")
_ENCRYPTED = 0x1 | 0x40
_UTF8 = 0x800
# Of Unicode's: C1, the separators of lines and paragraphs, and what turns the direction of writing.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of the archive, as its central directory declares it; ``raw`` is its name there."""

    name: str
    raw: bytes
    offset: int
    packed: int
    size: int
    crc: int
    deflated: bool
    executable: bool


class Archive:
    """An open wheel file.

    Args:
        path: Of the file.

    Attributes:
        members: By name; directories are left out.

    Raises:
        WheelFault: It is not a ZIP file, or one that must not be unpacked.
        OSError: It cannot be read.
    """

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.members, start = _members(self._fd)
            self._ends = _ends(self.members.values(), start)
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def read(self, member: Member, limit: int) -> bytes:
        """The whole content of a small member.

        Raises:
            WheelFault: It is longer than ``limit`` bytes, or damaged.
        """
        if member.size > limit:
            raise WheelFault(f"{shown(member.name)} has {member.size} bytes, more than the {limit} that make sense")
        return b"".join(self.chunks(member))

    def chunks(self, member: Member) -> Iterator[bytes]:
        """The content, piece by piece.

        Raises:
            WheelFault: Its size or CRC is not the declared one, or it does not inflate. (Raised after the last piece:
                what was taken before is not to be used.)
        """
        size = crc = 0
        pieces = self._packed(member)
        for chunk in _inflated(pieces, member) if member.deflated else pieces:
            size += len(chunk)
            if size > member.size:
                break
            crc = zlib.crc32(chunk, crc)
            yield chunk
        if size != member.size:
            raise WheelFault(f"{shown(member.name)} is not of its declared size")
        if crc != member.crc:
            raise WheelFault(f"{shown(member.name)} is damaged (CRC)")

    def _packed(self, member: Member) -> Iterator[bytes]:
        header = os.pread(self._fd, _LOCAL.size + len(member.raw), member.offset)
        if len(header) < _LOCAL.size:
            raise WheelFault(f"it ends before {shown(member.name)}")
        signature, name_length, extra_length = _LOCAL.unpack_from(header)
        if signature != b"PK\x03\x04":
            raise WheelFault(f"{shown(member.name)} is not where the archive's list says")
        if name_length != len(member.raw) or header[_LOCAL.size :] != member.raw:
            raise WheelFault(f"{shown(member.name)} has another name where it lies than in the archive's list")
        offset = member.offset + _LOCAL.size + name_length + extra_length
        end = offset + member.packed
        if end > self._ends[member.offset]:
            raise WheelFault(f"{shown(member.name)} overlaps another member")
        while offset < end:
            data = os.pread(self._fd, min(CHUNK, end - offset), offset)
            if not data:
                raise WheelFault(f"it ends inside {shown(member.name)}")
            offset += len(data)
            yield data


def _inflated(pieces: Iterator[bytes], member: Member) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in pieces:
            data = inflate.decompress(piece, CHUNK)
            while data:
                yield data
                data = inflate.decompress(inflate.unconsumed_tail, CHUNK)
    except zlib.error as error:
        raise WheelFault(f"{shown(member.name)} is damaged ({error})") from error
    if not inflate.eof or inflate.unused_data:
        raise WheelFault(f"{shown(member.name)} is damaged (its compressed data does not end where it should)")


class _List:
    """The file as `zipfile` reads its list: by no more than makes sense at a time."""

    def __init__(self, fd: int) -> None:
        self._file = os.fdopen(os.dup(fd), "rb")
        self.seek, self.tell, self.seekable = self._file.seek, self._file.tell, self._file.seekable
        self.close = self._file.close

    def read(self, size: int = -1) -> bytes:
        if size > LONGEST_LIST:
            raise WheelFault(f"its list of members has {size} bytes, more than the {LONGEST_LIST} that make sense")
        if size < 0:  # to the end, which is near: what is asked for is made room for at once
            size = min(os.fstat(self._file.fileno()).st_size - self.tell(), LONGEST_LIST)
        return self._file.read(size)


def _members(fd: int) -> tuple[dict[str, Member], int]:
    """What the list says, and where it begins."""
    file = _List(fd)
    try:
        with zipfile.ZipFile(file) as archive:
            infos: list[zipfile.ZipInfo] = archive.infolist()
            start: int = archive.start_dir
    except (zipfile.BadZipFile, ValueError, IndexError, EOFError, NotImplementedError, struct.error) as error:
        raise WheelFault(f"it is not a whole ZIP file ({error})") from error
    finally:
        file.close()
    members: dict[str, Member] = {}
    directories: set[str] = set()
    most = DIRECTORIES_PER_MEMBER * len(infos) + SPARE_DIRECTORIES
    for info in infos:
        name = _checked_name(info.orig_filename)
        parent = name
        while (parent := parent.rpartition("/")[0]) and parent not in directories:
            directories.add(parent)
            if len(directories) > most:
                raise WheelFault("it holds many more directories than files")
        if info.orig_filename.endswith("/"):
            directories.add(name)
            continue
        if name in members:
            raise WheelFault(f"it holds {shown(name)} twice")
        members[name] = _member(name, info)
    if both := directories.intersection(members):
        raise WheelFault(f"{shown(min(both))} is a file and a directory at once")
    _check_case(members, directories)
    _check_extents(members, start)
    return members, start


def _check_case(members: Iterable[str], directories: Iterable[str]) -> None:
    """No file has a name that some file systems take for that of another file or of a directory."""
    known = {_folded(name): name for name in directories}
    for name in members:
        if (other := known.setdefault(_folded(name), name)) != name:
            raise WheelFault(f"{shown(other)} and {shown(name)} differ in nothing but case, and may be one file")


def _folded(name: str) -> str:
    return (
        name.lower() if name.isascii() else unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
    )


def _member(name: str, info: zipfile.ZipInfo) -> Member:
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "no regular file"
        raise WheelFault(f"{shown(name)} is {kind}, and wheels hold only files")
    if info.flag_bits & _ENCRYPTED:
        raise WheelFault(f"{shown(name)} is encrypted")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise WheelFault(f"{shown(name)} is compressed by method {info.compress_type}; wheels are deflated or stored")
    return Member(
        name=name,
        raw=info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437"),
        offset=info.header_offset,
        packed=info.compress_size,
        size=info.file_size,
        crc=info.CRC,
        deflated=info.compress_type == zipfile.ZIP_DEFLATED,
        executable=bool(mode & 0o111),
    )


def _check_extents(members: dict[str, Member], start: int) -> None:
    """Members may not share bytes (that is how a bomb multiplies itself), and all must lie before the list."""
    end = 0
    for member in sorted(members.values(), key=lambda each: each.offset):
        if member.offset < end:
            raise WheelFault(f"{shown(member.name)} overlaps another member")
        end = member.offset + _LOCAL.size + len(member.raw) + member.packed
    if end > start:
        raise WheelFault("its members overlap its list of members")
    packed = sum(member.packed for member in members.values())
    size = sum(member.size for member in members.values())
    if size > RATIO_APPLIES_ABOVE and size > packed * LARGEST_RATIO:
        raise WheelFault(f"its {packed} bytes would unpack to {size}, as no honest wheel does")


def _ends(members: Iterable[Member], start: int) -> dict[int, int]:
    """By the offset of each member: where the next one begins, or the list."""
    offsets = sorted(member.offset for member in members)
    return dict(zip(offsets, (*offsets[1:], start), strict=True)) if offsets else {}


def _checked_name(name: str) -> str:
    """The name without the slash of a directory.

    Raises:
        WheelFault: It could lead out of the wheel, or be another name somewhere else.
    """
    plain = name.removesuffix("/")
    parts = plain.split("/")
    try:
        longest = max(len(part.encode()) for part in parts)
    except UnicodeEncodeError:
        raise WheelFault(f"the name {shown(name)} is not Unicode") from None
    if "" in parts or "." in parts or ".." in parts or _DRIVE.match(plain):
        raise WheelFault(f"the name {shown(name)} leads out of the wheel")
    if "\\" in plain:
        raise WheelFault(f"the name {shown(name)} holds a backslash")
    if _CONTROL.search(plain):
        raise WheelFault(f"the name {shown(name)} holds a control character")
    if longest > LONGEST_COMPONENT or len(plain.encode()) > LONGEST_NAME:
        raise WheelFault(f"the name {shown(name)} is too long for a file system")
    return plain
