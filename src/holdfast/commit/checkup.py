"""What an installation would meet of interrupted transactions, and whether this user may bring them to an end.

**Guarantees**: only reads.

**On crash**: changes nothing.

**Limits**: an early answer by rights: what only shows at the call (root_squash, security modules) is found by the
recovery itself.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable
from typing import assert_never

from holdfast import disk
from holdfast.commit.journal import read_journal
from holdfast.commit.recover import FoundJournal
from holdfast.commit.rooms import JOURNAL, NEW, OLD
from holdfast.errors import InterruptedTransactionError
from holdfast.model.diagnosis import FoundTransaction, Remark, Residue, owner_words
from holdfast.model.owner import LockMode, Verdict
from holdfast.model.transaction import TAKEN_NAME


def check_journals(
    journals: Iterable[FoundJournal], *, holders: Collection[str], recover: str
) -> tuple[tuple[FoundTransaction, ...], tuple[Remark, ...]]:
    """What the journals are that were found before it was looked who holds the lock.

    In this order nobody at work is taken for dead: the lock is given back after the journal is gone.

    Args:
        journals: Found in an environment's library directories.
        holders: The ids that hold its lock, seen after that, of processes that may live.
        recover: The command that brings interrupted transactions to an end.

    Returns:
        What was found, and what is to be said of it.
    """
    found, said = [], []
    for journal in journals:
        if not any(_lies(journal.path, name) for name in (JOURNAL, TAKEN_NAME)):
            continue
        at_work = _may_be_at_work(journal, holders)
        residue = Residue.WORKING if at_work else Residue.INTERRUPTED
        found.append(FoundTransaction(path=journal.path, residue=residue, owner=owner_words(journal.owner)))
        if not at_work:
            said.append(_remark(journal, recover))
    return tuple(found), tuple(said)


def _may_be_at_work(journal: FoundJournal, holders: Collection[str]) -> bool:
    """Who has no lock any more does nothing more, but for those who take none: they are judged by what is seen."""
    if journal.owner is None or journal.owner.mode is not LockMode.NONE:
        return journal.id in holders
    match journal.verdict:
        case Verdict.ALIVE | Verdict.UNKNOWN:
            return True
        case Verdict.DEAD:
            return False
        case _:
            assert_never(journal.verdict)


def _remark(journal: FoundJournal, recover: str) -> Remark:
    try:
        read_journal(journal.path)
    except FileNotFoundError:  # what a dead recovery had taken, or gone by now
        pass
    except InterruptedTransactionError as error:
        return Remark(text=error.cause, command=error.hint or recover, stops=True)
    who = f" of {owner_words(journal.owner)}" if journal.owner else ""
    if _may_take(journal.path):
        text = f"An interrupted transaction{who} lies in {journal.path}. The next command that writes undoes it."
        return Remark(text=text, command=recover)
    return Remark(
        text=f"This user may not take back the interrupted transaction{who} in {journal.path}.",
        command=f"sudo {recover}",
        stops=True,
    )


def _lies(path: str, name: str) -> bool:
    try:
        return disk.lexists(os.path.join(path, name))
    except OSError:  # not for us to see: whoever recovers will say so
        return True


def _may_take(path: str) -> bool:
    """Whether this user may move a transaction directory, and the entries of its parts (``fence``)."""
    try:
        parent, own = disk.stat(os.path.dirname(path)), disk.lstat(path)
        sticky = parent.st_mode & stat.S_ISVTX and os.geteuid() not in {0, parent.st_uid, own.st_uid}
        parts = [os.path.join(path, name) for name in (NEW, OLD)]
        moved = [path, os.path.dirname(path), *(each for each in parts if disk.lexists(each))]
    except OSError:
        return False
    return not sticky and all(map(disk.may_write, moved))
