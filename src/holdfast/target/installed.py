"""What is installed in a target: a settled view, or an error.

**Guarantees**: a view in which nothing moved: listed, read, listed again with the same names, nothing vanished, no
journal of an unfinished transaction (design section 4, "Readers never report a half state"). Nothing is written, no
lock is taken.

**On crash**: changes nothing.

**Limits**: RECORDs are not read here (`records.with_records` does that for the few that matter). ``.egg`` directories
that ``easy-install.pth`` puts on the path are not seen. A visible directory of somebody else that may not be listed
counts as empty, as it does for an import.
"""

from __future__ import annotations

import os
import time

from packaging.utils import NormalizedName

from holdfast.errors import InterruptedTransactionError, TargetError
from holdfast.model.installed import BrokenDistribution, InstalledDistribution, InstalledState
from holdfast.model.target import Target
from holdfast.model.transaction import TAKEN_NAME, is_transaction_name
from holdfast.target.infos import VanishedError, is_info_name, read_info

PATIENCE = 1.0
"""Seconds until a moving environment is reported as such."""
_PAUSE, _GROWTH = 0.02, 1.1
_LONGER = 25

_Listing = tuple[tuple[str, tuple[str, ...]], ...]


def read_installed(target: Target, *, patience: float = PATIENCE) -> InstalledState:
    """Read the target's distributions and those that are visible from it.

    Args:
        target: Where.
        patience: Seconds to wait for a transaction of somebody else to end. For names that keep moving it is many times
            that: the client of a network file system may remember for so long what is gone (sshfs: 20 s).

    Raises:
        InterruptedTransactionError: A journal lies there, or names kept moving, for all that time.
        TargetError: A library directory of the target may not be read.
    """
    began = time.monotonic()
    pause = _PAUSE
    while True:
        state = _attempt(target)
        if state is not None:
            return state
        passed = time.monotonic() - began
        if passed >= patience and (passed >= patience * _LONGER or _journals(target)):
            raise _unsettled(target)
        time.sleep(pause)
        pause = min(pause * _GROWTH, patience / 2)


def has_journal(target: Target) -> bool:
    """Whether a transaction has begun to change the target and has not ended."""
    return bool(_journals(target))


def _attempt(target: Target) -> InstalledState | None:
    """One pass; None if something moved meanwhile."""
    if _journals(target):
        return None
    before = _listing(target)
    try:
        state = _read(target, before)
    except VanishedError:
        return None
    return state if _listing(target) == before and not _journals(target) else None


def _read(target: Target, listing: _Listing) -> InstalledState:
    distributions: dict[NormalizedName, InstalledDistribution] = {}
    duplicates: list[InstalledDistribution] = []
    broken: list[BrokenDistribution] = []
    own = target.library_directories
    for location, names in listing:
        here: list[InstalledDistribution] = []
        for name in names:
            found = read_info(location, name, owned=location in own)
            if isinstance(found, BrokenDistribution):
                broken.append(found)
            else:
                here.append(found)
        # Of several in one directory an import finds any: the newest counts, and a dist-info before an egg-info.
        for each in sorted(here, key=lambda each: (each.info_name.endswith(".dist-info"), each.version), reverse=True):
            if each.name in distributions:
                duplicates.append(each)
            else:
                distributions[each.name] = each
    return InstalledState(
        distributions=dict(sorted(distributions.items())),
        duplicates=tuple(duplicates),
        broken=tuple(broken),
        observed=tuple((location, names) for location, names in listing if location in own),
    )


def _listing(target: Target) -> _Listing:
    """The dist-info names in each visible directory, the target's own first."""
    directories = dict.fromkeys((*target.library_directories, *target.visible))
    return tuple(
        (directory, tuple(sorted(name for name in _names(target, directory) if is_info_name(name))))
        for directory in directories
    )


def _names(target: Target, directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        if directory in target.library_directories:
            raise TargetError(
                f"{directory} may not be read by this user.",
                hint=f"Look at its owner and rights: ls -ld {directory}",
            ) from error
        return []


def _journals(target: Target) -> list[str]:
    return [
        path
        for directory in target.library_directories
        for name in _names(target, directory)
        if is_transaction_name(name) and not os.path.islink(os.path.join(directory, name))
        for mark in ("journal", TAKEN_NAME)
        if _lies(path := os.path.join(directory, name, mark))
    ]


def _lies(path: str) -> bool:
    """Whether it is there; opened, because the client of a network file system may remember what is gone by now."""
    if not os.path.lexists(path):
        return False
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    except FileNotFoundError:
        return False
    except OSError:  # not for us, or a symlink: something is there
        return True
    return True


def _unsettled(target: Target) -> InterruptedTransactionError:
    journals = _journals(target)
    if journals:
        return InterruptedTransactionError(
            f"An unfinished transaction lies in {os.path.dirname(journals[0])}: what is installed cannot be told.",
            hint="holdfast recover",
        )
    return InterruptedTransactionError(
        f"Somebody is changing {target.scheme.purelib} all the time: what is installed cannot be told.",
        hint="Wait for the other installer, then try again; holdfast recover if there is none.",
    )
