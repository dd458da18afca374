"""How a file gets from the store into the staged tree: hard link, shared blocks, copy, symlink.

**Guarantees**: what is asked for by name is done or refused with the reason; ``auto`` takes the cheapest way that works
and keeps the rights: a hard link only where it gives nobody more than a copy would, never in a shared target and never
from a store of somebody else. A copy keeps the file's mtime, by which its bytecode is valid.

**On crash**: a part of a file may be left, in the transaction directory.

**Limits**: which way works is learnt by trying, once for each reason: a file system that refuses one link is not asked
again.
"""

from __future__ import annotations

import errno
from typing import assert_never

from holdfast import disk
from holdfast.errors import TargetError
from holdfast.model.composed import FromStore
from holdfast.model.request import LinkMode
from holdfast.model.rights import Rights

STORE_MODE, STORE_PROGRAM_MODE = 0o644, 0o755
"""The modes that every file in the store has, and a hard link carries along."""

_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
_NO_REFLINKS = frozenset(
    {errno.EXDEV, errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOTTY, errno.EBADF}
)


class Linker:
    """Brings files of the store into one directory.

    Args:
        mode: As asked for.
        directory: Descriptor of the directory that names are relative to.

    Attributes:
        unshared: A group could not be given to a copy.
    """

    def __init__(self, mode: LinkMode, directory: int) -> None:
        self._mode = mode
        self._directory = directory
        self._hardlink = mode in {LinkMode.AUTO, LinkMode.HARDLINK}
        self._reflink = mode in {LinkMode.AUTO, LinkMode.REFLINK}
        self.unshared = False

    def bring(self, source: FromStore, name: str, given: Rights, *, executable: bool) -> LinkMode:
        """Make ``name`` from a file of the store.

        Args:
            source: The file.
            name: Relative to the directory.
            given: The rights that it gets.
            executable: Whether those of a program.

        Returns:
            The way that was taken.

        Raises:
            TargetError: The mode that was asked for does not work here.
            OSError: The file is gone, or nothing can be written.
        """
        if self._hardlink and self._may_link(source, given, executable=executable):
            if self._link(source.path, name):
                return LinkMode.HARDLINK
        elif self._mode is LinkMode.HARDLINK:
            raise _refused(self._mode, "the file would get the store's owner and rights in place of the target's")
        match self._mode:
            case LinkMode.SYMLINK:
                if not source.lasting:
                    raise _refused(self._mode, "the file is not in the cache, so the link would lead nowhere")
                disk.symlink(source.path, name, dir_fd=self._directory)
                return LinkMode.SYMLINK
            case LinkMode.AUTO | LinkMode.HARDLINK | LinkMode.REFLINK | LinkMode.COPY:
                shares = self._copy(source, name, given, executable=executable)
                return LinkMode.REFLINK if shares else LinkMode.COPY
            case _:
                assert_never(self._mode)

    @staticmethod
    def _may_link(source: FromStore, given: Rights, *, executable: bool) -> bool:
        """A link has the store's mode: that must not be more than the target gives (less is only the own group's)."""
        carried = STORE_PROGRAM_MODE if executable else STORE_MODE
        return source.linkable and not given.shared and not carried & ~given.mode(executable=executable)

    def _link(self, path: str, name: str) -> bool:
        try:
            disk.link(path, name, dst_dir_fd=self._directory)
        except OSError as error:
            if error.errno == errno.EMLINK:
                return False  # this file has all the links that it may have: a fresh copy starts anew
            if error.errno not in _NO_LINKS:
                raise
            if self._mode is LinkMode.HARDLINK:
                raise _refused(self._mode, error.strerror or str(error)) from error
            self._hardlink = False
            return False
        return True

    def _copy(self, source: FromStore, name: str, given: Rights, *, executable: bool) -> bool:
        """Copy; whether the copy shares the original's blocks."""
        original = disk.open_regular(source.path)
        try:
            copy = disk.open_new(name, dir_fd=self._directory)
            try:
                shares = self._reflink and self._clone(original, copy)
                if not shares:
                    disk.copy(original, copy)
                if not disk.give_rights(copy, given.mode(executable=executable), given.gid):
                    self.unshared = True
                mtime = source.mtime_ns or disk.fstat(original).st_mtime_ns
                disk.utime(copy, (mtime, mtime))
            finally:
                disk.close(copy)
        finally:
            disk.close(original)
        return shares

    def _clone(self, original: int, copy: int) -> bool:
        try:
            disk.reflink(original, copy)
        except OSError as error:
            if error.errno not in _NO_REFLINKS:
                raise
            if self._mode is LinkMode.REFLINK:
                raise _refused(self._mode, error.strerror or str(error)) from error
            self._reflink = False
            return False
        return True


def _refused(mode: LinkMode, reason: str) -> TargetError:
    return TargetError(f"--link-mode={mode} does not work for this target: {reason}.", hint="Use --link-mode=auto")
