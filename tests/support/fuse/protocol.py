"""The words of the kernel's FUSE protocol (include/uapi/linux/fuse.h), version 7.31: numbers and layouts."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from enum import IntEnum

MAJOR, MINOR = 7, 31
MAX_WRITE = 128 * 1024
ROOT_ID = 1


class Opcode(IntEnum):
    """What the kernel may ask for; everything else is answered with ENOSYS."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    READLINK = 5
    SYMLINK = 6
    MKNOD = 8
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    LINK = 13
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    FSYNCDIR = 30
    SETLK = 32
    SETLKW = 33
    CREATE = 35
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    RENAME2 = 45


# INIT's flags: reads in parallel, O_TRUNC at open, large writes, pages dropped when the mtime moved, flock asked here.
ASYNC_READ, ATOMIC_O_TRUNC, BIG_WRITES, FLOCK_LOCKS, AUTO_INVAL_DATA = 1 << 0, 1 << 3, 1 << 5, 1 << 10, 1 << 12

# SETATTR's `valid`.
SET_MODE, SET_UID, SET_GID, SET_SIZE, SET_ATIME, SET_MTIME = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5
SET_ATIME_NOW, SET_MTIME_NOW = 1 << 7, 1 << 8

LK_FLOCK = 1 << 0

IN_HEADER = struct.Struct("=IIQQIIIHH")  # len opcode unique nodeid uid gid pid extlen padding
OUT_HEADER = struct.Struct("=IiQ")  # len error unique
ATTR = struct.Struct("=6Q10I")
ENTRY = struct.Struct("=4Q2I")  # nodeid generation entry_valid attr_valid, nanoseconds of both; then ATTR
ATTR_OUT = struct.Struct("=Q2I")  # valid, nanoseconds, dummy; then ATTR
INIT_IN = struct.Struct("=4I")
INIT_OUT = struct.Struct("=4I2H2I2H8I")
SETATTR_IN = struct.Struct("=2I6Q8I")
MKNOD_IN = struct.Struct("=4I")
MKDIR_IN = struct.Struct("=2I")
RENAME_IN = struct.Struct("=Q")
RENAME2_IN = struct.Struct("=Q2I")
LINK_IN = struct.Struct("=Q")

OPEN_OUT = struct.Struct("=Q2I")
CREATE_IN = struct.Struct("=4I")
HANDLE_IN = struct.Struct("=Q")  # what RELEASE, FSYNC and the like begin with
READ_IN = struct.Struct("=2Q2IQ2I")  # fh offset size flags lock_owner flags padding; WRITE's too
WRITE_OUT = struct.Struct("=2I")
STATFS_OUT = struct.Struct("=5Q10I")
LK_IN = struct.Struct("=4Q4I")  # fh owner start end type pid flags padding
FORGET_IN = struct.Struct("=Q")
FORGET_ONE = struct.Struct("=2Q")
BATCH_IN = struct.Struct("=2I")
INTERRUPT_IN = struct.Struct("=Q")
DIRENT = struct.Struct("=2Q2I")  # ino offset namelen type; then the name, padded to 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question of the kernel's: what is asked for, of which node, by whom."""

    opcode: Opcode
    unique: int
    node: int
    uid: int
    gid: int
    payload: bytes


def attributes(status: os.stat_result) -> bytes:
    """One file's attributes."""
    times = (status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)
    seconds, fractions = zip(*(divmod(each, 1_000_000_000) for each in times), strict=True)
    return ATTR.pack(
        status.st_ino,
        status.st_size,
        status.st_blocks,
        *(each & 0xFFFFFFFFFFFFFFFF for each in seconds),
        *fractions,
        status.st_mode,
        status.st_nlink,
        status.st_uid,
        status.st_gid,
        status.st_rdev & 0xFFFFFFFF,
        status.st_blksize,
        0,
    )


def names(payload: bytes) -> list[str]:
    """The NUL-terminated names that a request ends with."""
    return [os.fsdecode(each) for each in payload.split(b"\0")[:-1]]


def dirent(inode: int, offset: int, kind: int, name: str) -> bytes:
    """One entry of a listing."""
    encoded = os.fsencode(name)
    packed = DIRENT.pack(inode, offset, len(encoded), kind) + encoded
    return packed.ljust((len(packed) + 7) & ~7, b"\0")
