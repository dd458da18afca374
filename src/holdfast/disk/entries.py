"""Directory entries: renaming, linking, making and removing them, one call each.

**Guarantees**: each function is one system call, except `rename_exclusive` where the file system has no such call
(see there), `make_directory`, `make_parents` and `remove_parents`. A symlink as the last component is never followed.

**On crash**: an entry is there or not. After the fall-back of `rename_exclusive` a file may lie at both names, as one
inode.

**Limits**: nothing is synced; see ``writing.fsync_path``.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from holdfast.disk import calls
from holdfast.disk.reading import is_private, open_dir

_NO_SUCH_CALL = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
_NO_LINKS = frozenset({errno.EPERM, errno.EMLINK, errno.EACCES, *_NO_SUCH_CALL})


def rename(src: str, dst: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
    """Move an entry over what lies at ``dst``: a file over a file, a directory over an empty one."""
    calls.current.rename(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)


def rename_exclusive(src: str, dst: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
    """Rename that fails onto anything, even onto an empty directory.

    Where the file system cannot do that in one call: a file is linked and then unlinked; a directory, or a file that
    may not be linked, is renamed after a look, and what comes to lie there between the two (a file; an empty
    directory) is replaced.

    Raises:
        FileExistsError: Something lies at ``dst``.
    """
    try:
        calls.current.rename_noreplace(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
    except OSError as error:
        if error.errno not in _NO_SUCH_CALL:
            raise
        _rename_after_look(src, dst, src_dir_fd, dst_dir_fd)


def _rename_after_look(src: str, dst: str, src_dir_fd: int | None, dst_dir_fd: int | None) -> None:
    try:
        link(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
    except OSError as error:  # a directory: EPERM everywhere
        if error.errno not in _NO_LINKS:
            raise
    else:
        unlink(src, dir_fd=src_dir_fd)
        return
    try:
        calls.current.stat(dst, dir_fd=dst_dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        rename(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), src, None, dst)


def exchange(src: str, dst: str) -> bool:
    """Exchange what lies at two paths, whatever it is, in one call.

    Returns:
        False: system or file system has no such call, or not for these (a lower layer of an overlay); nothing was
            done.
    """
    try:
        calls.current.rename_exchange(src, dst)
    except OSError as error:
        if error.errno not in {*_NO_SUCH_CALL, errno.EXDEV}:
            raise
        return False
    return True


def link(src: str, dst: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
    """Give the file (or symlink) ``src`` another name; fails onto anything."""
    calls.current.link(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=False)


def symlink(to: str, path: str, *, dir_fd: int | None = None) -> None:
    """Make a symbolic link with the text ``to``; fails onto anything."""
    calls.current.symlink(to, path, dir_fd=dir_fd)


def unlink(path: str, *, dir_fd: int | None = None) -> None:
    """Remove a file or symlink."""
    calls.current.unlink(path, dir_fd=dir_fd)


def rmdir(path: str, *, dir_fd: int | None = None) -> None:
    """Remove an empty directory."""
    calls.current.rmdir(path, dir_fd=dir_fd)


def mkdir(path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
    """Make a directory; ``mode`` is masked by the umask (give it exact rights with ``fchmod``)."""
    calls.current.mkdir(path, mode, dir_fd=dir_fd)


def make_directory(path: str, give: Callable[[int], bool], mode: int = 0o700, *, dir_fd: int | None = None) -> bool:
    """Make a directory with its rights, or none.

    Args:
        path: Where nothing lies.
        give: Gives it its rights through a descriptor, and says whether that was possible (`give_rights`).
        mode: Until then, masked by the umask; if private, what is not (any more) is not ours, and is given nothing.
        dir_fd: What a relative path begins at.

    Raises:
        FileExistsError: Something lies there.
    """
    mkdir(path, mode, dir_fd=dir_fd)
    try:
        fd = open_dir(path, dir_fd=dir_fd)
        try:
            return give(fd) if mode & 0o077 or is_private(fd) else True
        finally:
            calls.current.close(fd)
    except BaseException:
        rmdir(path, dir_fd=dir_fd)
        raise


def make_parents(path: str, make: Callable[[str], object] = mkdir) -> tuple[str, ...]:
    """Make a directory and its missing parents, or none of them.

    Args:
        path: What already lies there is left alone, whatever it is.
        make: Makes one directory; the default follows the umask.

    Returns:
        The directories that this call made, outermost first: what `remove_parents` takes.
    """
    made: tuple[str, ...] = ()
    try:
        make(path)
    except FileExistsError:
        return made
    except FileNotFoundError:
        parent = os.path.dirname(path)
        if parent in {path, ""}:
            raise
        made = make_parents(parent, make)
        try:
            make(path)
        except FileExistsError:  # somebody else made it meanwhile
            return made
        except BaseException:
            remove_parents(made)
            raise
    return (*made, path)


def remove_parents(made: tuple[str, ...]) -> None:
    """Remove directories that `make_parents` made, innermost first, as far as they are empty."""
    for path in reversed(made):
        try:
            rmdir(path)
        except OSError:
            return
