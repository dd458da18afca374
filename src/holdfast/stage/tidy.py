"""Removing a transaction directory or work area without losing what is not ours, and telling whose journal guards it.

**Guarantees**: never follows a symlink, never leaves the directory, whoever exchanges it meanwhile. The owner's record
goes last, so that what a crash leaves still names its owner. What the commit's sweep set aside in ``kept/`` because no
RECORD lists it stays (P7).

**On crash**: a part is left; it is litter.

**Limits**: where the sweep never came to its work, everything in ``old/`` goes.
"""

from __future__ import annotations

import os

from holdfast import disk
from holdfast.model.transaction import KEPT_NAME, TAKEN_NAME
from holdfast.stage.owner import OWNER_NAME

JOURNAL_NAME = "journal"
OLD_NAME = "old"
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


def remove(path: str) -> bool:
    """Remove a transaction directory or work area with everything in it but ``kept``, the owner's record last.

    Returns:
        False: there is a ``kept``, so the directory stays.

    Raises:
        OSError: Something could not be removed.
    """
    try:
        with disk.opened(path) as fd:
            if not empty(fd):
                return False
        disk.rmdir(path)
    except FileNotFoundError:  # somebody else removes it
        return True
    return True


def empty(fd: int) -> bool:
    """Remove everything in it but ``kept``, the owner's record last.

    Returns:
        False: there is a ``kept``, so the directory stays.
    """
    names = disk.listdir(fd)
    for name in names:
        if name not in {OWNER_NAME, KEPT_NAME}:
            disk.remove_tree(name, dir_fd=fd)
    if KEPT_NAME in names:
        return False
    disk.remove_tree(OWNER_NAME, dir_fd=fd)
    return True
