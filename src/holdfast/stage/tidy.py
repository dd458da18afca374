"""Removing a transaction directory or work area without losing what is not ours, and telling whose journal guards it.

**Guarantees**: never follows a symlink, never leaves the directory. The owner's record goes last, so that what a crash
leaves still names its owner. What the commit's sweep left in ``old/`` because no RECORD lists it is kept (P7).

**On crash**: a part is left; it is litter.

**Limits**: a file in ``old/`` that has another name elsewhere (a hard link) is not kept: nothing is lost with it. Where
the sweep never came to its work, everything in ``old/`` goes.
"""

from __future__ import annotations

import os
import stat

from holdfast import disk
from holdfast.model.transaction import TAKEN_NAME
from holdfast.stage.owner import OWNER_NAME

JOURNAL_NAME = "journal"
OLD_NAME = "old"
KEPT_NAME = "kept"
"""``old/`` renamed: holds foreign files; nobody removes it but a person."""
FOLLOWS_NAME = "follows"
"""In every directory of a transaction but the first: a symlink to where the first lies, which has the journal."""


def is_journalled(fd: int, name: str) -> bool:
    """Whether a transaction directory waits for recovery: it, or the first of its transaction, has a journal.

    Args:
        fd: Of the directory.
        name: Its name. (Where ``follows`` leads is untrusted, and only looked at.)
    """
    if any(disk.lexists(each, dir_fd=fd) for each in (JOURNAL_NAME, TAKEN_NAME)):
        return True
    try:
        first = disk.readlink(FOLLOWS_NAME, dir_fd=fd)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # not to be understood: not ours to remove
    return _leads_to_journal(first, name)


def _leads_to_journal(first: str, name: str) -> bool:
    try:
        seen = disk.lexists(first)
        return not seen or any(disk.lexists(os.path.join(first, name, each)) for each in (JOURNAL_NAME, TAKEN_NAME))
    except (OSError, ValueError):
        return True


def remove_own(path: str) -> bool:
    """Remove a directory of this process's transaction, at its end.

    Returns:
        False: foreign files were found in ``old/`` and are kept.

    Raises:
        OSError: Something could not be removed.
    """
    old = os.path.join(path, OLD_NAME)
    if not _is_unswept(old) and _has_foreign(old, None):
        disk.rename(old, os.path.join(path, KEPT_NAME))
    return remove(path)


def remove(path: str) -> bool:
    """Remove a directory with everything in it but ``kept``, the owner's record last; returns and raises as above."""
    try:
        names = disk.listdir(path)
    except FileNotFoundError:
        return True
    for name in names:
        if name not in {OWNER_NAME, KEPT_NAME}:
            disk.remove_tree(os.path.join(path, name))
    if KEPT_NAME in names:
        return False
    disk.remove_tree(path)
    return True


def _is_unswept(old: str) -> bool:
    """Whether an interrupt kept the commit's sweep from its work: it would have deleted every RECORD."""
    try:
        return any(disk.lexists(os.path.join(old, name, "RECORD")) for name in disk.listdir(old))
    except OSError:
        return False


def _has_foreign(name: str, dir_fd: int | None) -> bool:
    """Whether a file below, which this process could remove, has no other name: the sweep left it on purpose."""
    try:
        fd = disk.open_dir(name, dir_fd=dir_fd)
    except OSError:
        return False
    try:
        for entry in disk.scandir(fd):
            if entry.is_dir(follow_symlinks=False):
                if _has_foreign(entry.name, fd):
                    return True
            elif disk.lstat(entry.name, dir_fd=fd).st_nlink == 1 and _may_empty(fd):
                return True
        return False
    finally:
        disk.close(fd)


def _may_empty(fd: int) -> bool:
    status = disk.fstat(fd)
    mine = os.geteuid() in {0, status.st_uid}
    return bool(status.st_mode & stat.S_IWUSR if mine else status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
