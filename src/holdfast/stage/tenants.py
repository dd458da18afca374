"""Who has a transaction directory or a work area beside a target now: at work, dead, or not to be judged from here.

**Guarantees**: only reads. What has a journal is left to ``commit``.

**On crash**: changes nothing.

**Limits**: of the system temp dir only this user's own are looked at, as ``litter`` does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from holdfast import disk
from holdfast.model.diagnosis import FoundTransaction, Residue, owner_words
from holdfast.model.owner import Verdict
from holdfast.model.target import Target
from holdfast.model.transaction import TRANSACTION_PREFIX, is_transaction_name
from holdfast.stage import tidy
from holdfast.stage.owner import read_owner, verdict_by_id, verdict_in

_RESIDUE = {Verdict.ALIVE: Residue.WORKING, Verdict.DEAD: Residue.LITTER, Verdict.UNKNOWN: Residue.UNKNOWN}


def tenants(target: Target) -> tuple[FoundTransaction, ...]:
    """The transaction directories and work areas in a target's library directories and root."""
    places = dict.fromkeys(disk.realpath(each) for each in (*target.library_directories, target.root))
    return tuple(found for place in places for found in _in(place))


def _in(place: str) -> Iterator[FoundTransaction]:
    try:
        names = sorted(filter(is_transaction_name, disk.listdir(place)))
    except OSError:
        return
    for name in names:
        path = os.path.join(place, name)
        try:
            fd = disk.open_dir(path)
        except OSError:  # gone, not a directory, or not for us
            continue
        try:
            if not tidy.is_journalled(fd, name):
                owner = read_owner(fd)
                judged = verdict_in(fd, owner) if owner else verdict_by_id(name.removeprefix(TRANSACTION_PREFIX))
                yield FoundTransaction(path=path, residue=_RESIDUE[judged], owner=owner_words(owner))
        except OSError:
            continue
        finally:
            disk.close(fd)
