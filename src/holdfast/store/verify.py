"""Whether a store entry is still what its manifest says (promise P8).

**Guarantees**: every file is looked at. One with the manifest's size, mtime and mode is believed, unless it has other
names too and its inode changed after the entry was last sealed (`WheelStore.seal`): then it is hashed, for somebody may
have edited it and set its mtime back. One with another mtime or mode is hashed too, and if its content is right it is
renewed: a fresh copy takes its place, so that the file in whatever environment shares the old inode is left alone.

**On crash**: a copy named ``.renewing-*`` may stay in the entry; no manifest lists it.

**Limits**: an edit that restores size and mtime is not seen where nothing shares the file any more (to hash all that
removed environments shared would double the time of a warm installation), nor one through a symlink, nor one made
between the comparison of an installation and its links. No edit is lost to the clock: the store's files are dated
between 2000 and 2008 (``keys.modified_ns``), so that whatever is written now shows, in whichever tick.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from enum import StrEnum

from holdfast import disk
from holdfast.model.hashes import record_text
from holdfast.model.stored import Manifest, WheelFile
from holdfast.store.unpack import FILE_MODE, PROGRAM_MODE

_CHUNK = 1 << 20
_REGULAR = stat.S_IFREG | FILE_MODE
_PROGRAM = stat.S_IFREG | PROGRAM_MODE


class Health(StrEnum):
    """What can be said of an entry."""

    SOUND = "sound"
    """All as published: hard links may be made."""
    TOUCHED = "touched"
    """The contents are right, but times or rights are not and could not be renewed: copy, do not link."""
    DAMAGED = "damaged"
    """Something is missing or has other content."""


def compare(tree: int, manifest: Manifest, *, sealed_ns: int | None, renew: bool) -> Health:
    """Compare a tree with its manifest.

    Args:
        tree: Descriptor of the entry's ``tree`` directory.
        manifest: Of the entry.
        sealed_ns: When it was sealed, by the file system's clock; None: every file is hashed.
        renew: Files may be replaced by fresh copies of themselves.

    Raises:
        OSError: It cannot be read.
    """
    health = Health.SOUND
    for file in manifest.files:
        try:
            status = disk.lstat(file.member, dir_fd=tree)
        except (FileNotFoundError, NotADirectoryError):
            return Health.DAMAGED
        wanted = _PROGRAM if file.executable else _REGULAR
        if status.st_size == file.size and status.st_mtime_ns == file.mtime_ns and status.st_mode == wanted:
            suspect = sealed_ns is None or (status.st_ctime_ns > sealed_ns and status.st_nlink > 1)
            if suspect and not _is_right(tree, file):
                return Health.DAMAGED
            continue
        if status.st_size != file.size or not stat.S_ISREG(status.st_mode) or not _is_right(tree, file):
            return Health.DAMAGED
        if not (renew and _renewed(tree, file)):
            health = Health.TOUCHED
    return health


def digest_of(fd: int) -> str:
    """The sha256, as RECORD writes it, of an open file from its offset on."""
    digest = hashlib.sha256()
    while chunk := disk.read(fd, _CHUNK):
        digest.update(chunk)
    return record_text(digest.digest())


def _is_right(tree: int, file: WheelFile) -> bool:
    fd = disk.open_regular(file.member, dir_fd=tree)
    try:
        return digest_of(fd) == file.digest
    finally:
        disk.close(fd)


def _renewed(tree: int, file: WheelFile) -> bool:
    """Put a copy with the right times and rights in the file's place; False where that is refused."""
    fresh = f".renewing-{os.urandom(16).hex()}"
    try:
        source = disk.open_regular(file.member, dir_fd=tree)
        try:
            copy = disk.open_new(fresh, dir_fd=tree)
            try:
                disk.copy(source, copy)
                disk.fchmod(copy, PROGRAM_MODE if file.executable else FILE_MODE)
                disk.utime(copy, (file.mtime_ns, file.mtime_ns))
            finally:
                disk.close(copy)
        finally:
            disk.close(source)
        disk.rename(fresh, file.member, src_dir_fd=tree, dst_dir_fd=tree)
    except OSError:
        with contextlib.suppress(OSError):
            disk.unlink(fresh, dir_fd=tree)
        return False
    return True
