"""The model checker fires: it finds what each part of the protocol is for, when that part is taken out (number 14).

Each test exchanges one function of the product for one that leaves something out, and expects a rule to be broken. The
same searches find nothing in the product as it is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from unittest import mock

import pytest

from holdfast import disk
from holdfast.commit import execute, fence, recover
from holdfast.envlock import attempt, lease, published
from holdfast.envlock.held import HeldLock
from holdfast.model.owner import OwnerRecord, Verdict
from holdfast.model.transaction import LOCK_NAME, TransactionDirectory
from tests.support.explorer import Bounds, tell
from tests.support.model_programs import Begins
from tests.support.model_settings import (
    DEATH,
    LEASE,
    MODES,
    NOTHING,
    ONE,
    OTHER_UPGRADE,
    UPGRADE,
    Model,
    commands,
    locks,
    taken_over,
)
from tests.support.reduction import exhaust

FLOCK, _ = MODES
PAIR = (UPGRADE, OTHER_UPGRADE)
LIMIT = 20_000


def release_whosever(directory: TransactionDirectory, _identifier: str, to: str, dst_dir_fd: int) -> None:
    """Without looking for one's own id."""
    place = os.path.join(directory.parent, LOCK_NAME)
    with suppress(OSError):
        for name in disk.listdir(place):
            disk.rename(os.path.join(place, name), to, dst_dir_fd=dst_dir_fd)
        disk.rmdir(place)


def break_whosever(directory: TransactionDirectory, _record: OwnerRecord) -> None:
    """By removing the directory, not by the name of who was judged."""
    with suppress(OSError):
        disk.remove_tree(os.path.join(directory.parent, LOCK_NAME))


def expired_by_place(self: lease.Leases, path: str, _record: OwnerRecord) -> bool:
    """Whoever holds it, and whatever his counter says: since when is there a lock?"""
    now = time.monotonic()
    since = self._seen.setdefault(path, ("", 0, now))[2]
    return now - since >= lease.LEASE


def rename_the_directories(path: str, suffix: str, _held: HeldLock, *, deep: bool) -> None:  # noqa: ARG001 - as rotate
    """The directories stay the same: open descriptors lead into them."""
    for kind in ("new", "old"):
        with suppress(FileNotFoundError):
            disk.rename(f"{path}/{kind}", f"{path}/{kind}{suffix}")


def keep_the_journals_name(path: str, _suffix: str) -> str:
    return "journal" if disk.lexists(f"{path}/journal") else ""


def publish_over_anything(directory: TransactionDirectory, identifier: str) -> bool:
    """As a plain file would be: whoever comes last has it."""
    place = os.path.join(directory.parent, LOCK_NAME)
    with suppress(OSError):
        disk.mkdir(place)
    with suppress(OSError):
        disk.rename(os.path.join(directory.path, "lock", identifier), os.path.join(place, identifier))
    return True


MUTANTS: dict[str, tuple[object, str, Callable[..., object], Model, Bounds]] = {
    "a lock that is published whoever has it": (
        published,
        "publish",
        publish_over_anything,
        locks(ONE, FLOCK, FLOCK),
        NOTHING,
    ),
    "a release without one's own id": (
        published,
        "_take_out",
        release_whosever,
        locks(ONE, FLOCK, FLOCK, apart=True, holding=True),
        LEASE,
    ),
    "a break that is not by name": (
        published,
        "break_dead",
        break_whosever,
        locks(ONE, FLOCK, FLOCK, times=(1, 2), apart=True, holding=True),
        LEASE,
    ),
    "a lease that is not by owner and counter": (
        lease.Leases,
        "expired",
        expired_by_place,
        locks(ONE, FLOCK, FLOCK, times=(1, 2), apart=True, holding=True),
        LEASE,
    ),
    "who cannot be seen is dead": (
        attempt,
        "verdict",
        lambda _sight: Verdict.DEAD,
        locks(ONE, FLOCK, FLOCK, apart=True),
        NOTHING,
    ),
    "no fence at all": (fence, "fence", lambda *_a, **_o: (), taken_over(*PAIR, step=1), NOTHING),
    "a fence that renames the directories": (
        fence,
        "rotate",
        rename_the_directories,
        taken_over(*PAIR, step=1),
        NOTHING,
    ),
    "a fence that leaves the journal its name": (
        fence,
        "_rename_journal",
        keep_the_journals_name,
        taken_over(*PAIR, step=3),
        NOTHING,
    ),
    "a recovery in place": (fence, "_take", lambda *_: [], taken_over(*PAIR, step=1), NOTHING),
    "no look for the lock after ENOENT": (
        HeldLock,
        "still_held",
        lambda _self: True,
        taken_over(*PAIR, step=1),
        NOTHING,
    ),
    "no recovery": (
        recover,
        "_take_back",
        lambda *_: (),
        commands(*PAIR, begins=(Begins.ASKING, 1)),
        DEATH,
    ),
    "no journal": (execute._Commit, "_publish", lambda *_: None, commands(*PAIR), NOTHING),
    "a journal that outlives the lock": (
        execute._Commit,
        "_unlink_journal",
        lambda _self: None,
        commands(*PAIR),
        NOTHING,
    ),
    "no second look at what was assumed": (execute, "recheck", lambda *_: None, commands(*PAIR), NOTHING),
}


DEEP = {"a break that is not by name", "a lease that is not by owner and counter", "no recovery"}
"""What takes minutes: it is found late in the order of the search."""


@pytest.mark.parametrize(
    "what", [pytest.param(each, marks=pytest.mark.exhaustive) if each in DEEP else each for each in MUTANTS]
)
def test_what_is_left_out_is_found(what: str) -> None:
    room, name, without, model, bounds = MUTANTS[what]
    with mock.patch.object(room, name, without):
        found = exhaust(model.setting, model.check, bounds, limit=LIMIT)
    assert found.violation is not None, str(found)
    tell(f"{what}, found in run {found.runs}", found)
