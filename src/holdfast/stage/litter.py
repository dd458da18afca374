"""What dead processes left: transaction directories without a journal, work areas, an ownerless lock directory.

**Guarantees**: only what is named as holdfast names it, in the places where holdfast puts it, with what holdfast puts
into it (somebody else may have given the name to what is not ours), and only when its owner is dead, or cannot be
judged from here and has not touched it for an hour by the clock of whoever keeps the files. What was judged is what is
removed, whatever comes to its place meanwhile; never follows a symlink. What has a journal, here or in the first
directory of its transaction, is left to recovery; what holds foreign files (``kept``) to a person.

**On crash**: a part is removed; the rest is found again.

**Limits**: in the system temp dir only this user's own, with this TMPDIR. What may not be removed stays, silently: a
later command that may removes it. Touched in the future by a wrong clock, it stays until then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

from holdfast import disk
from holdfast.model.owner import OwnerRecord, Verdict
from holdfast.model.target import SchemeKey, Target
from holdfast.model.transaction import BROKEN_NAME, LOCK_NAME, TRANSACTION_PREFIX, is_transaction_name
from holdfast.stage import tidy
from holdfast.stage.owner import OWNER_NAME, new_id, read_owner, verdict_by_id, verdict_in
from holdfast.stage.workarea import temporary_directory, temporary_prefix

_PART = "part"
MAKERS_PARTS = frozenset({"new", "inside", _PART, tidy.OLD_NAME})
"""What makers of environments (``create``) have in what they make beside."""
_WITH_SIBLINGS = {key.value: key for key in (SchemeKey.SCRIPTS, SchemeKey.HEADERS, SchemeKey.DATA)}

LOCK_PART = "lock"
"""In a transaction directory: the lock before it is published."""

PATIENCE = 3600.0
"""Seconds without a touch after which the directory of an owner who cannot be judged is litter."""


def sweep(target: Target, *, spare: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Remove the litter beside a target and in this user's system temp dir.

    Args:
        target: In whose library directories and root is looked.
        spare: Ids that are not looked at (one's own).

    Returns:
        The paths that were removed.
    """
    removed: list[str] = []
    for place in dict.fromkeys(disk.realpath(each) for each in (*target.library_directories, target.root)):
        removed += _sweep_place(target, place, is_transaction_name, TRANSACTION_PREFIX, spare)
    removed += _sweep_place(target, temporary_directory(), _is_temporary_name, temporary_prefix(), spare)
    return tuple(removed)


def sweep_beside(place: str) -> None:
    """Remove what dead makers of environments left in a directory, and put back what they had moved away.

    They left no record: they are judged by the ids, and only what this user made is touched, and has nothing in it but
    what they put there. What has a record, and no journal, is of a ``doctor`` who was asked about a directory that was
    not there yet.

    Args:
        place: In which environments lie, or will.
    """
    for name in _names(place):
        path = os.path.join(place, name)
        identifier = name.removeprefix(TRANSACTION_PREFIX)
        try:
            with disk.opened(path) as fd:
                if disk.fstat(fd).st_uid != os.geteuid() or not _beside_is_gone(fd, place, name, identifier):
                    continue
            disk.rmdir(path)
        except OSError:
            continue


def _beside_is_gone(fd: int, place: str, name: str, identifier: str) -> bool:
    """Empty what lies beside environments, if its maker is dead."""
    parts = frozenset(disk.listdir(fd))
    if OWNER_NAME in parts:
        owner, dead = _judge(fd, place, name, identifier, private=False)
        return dead and _empty(fd, owner, identifier)
    if parts - MAKERS_PARTS or verdict_by_id(identifier) is not Verdict.DEAD:
        return False
    if tidy.OLD_NAME in parts:
        _put_back(fd, place)
    if _PART in parts:
        _carry_back(fd, place)
    for part in parts:
        disk.remove_tree(part, dir_fd=fd)
    return True


def _put_back(maker: int, place: str) -> None:
    with disk.opened(tidy.OLD_NAME, dir_fd=maker) as old:
        for name in disk.listdir(old):
            with suppress(FileExistsError):  # the new one is in place: the old one goes
                disk.rename_exclusive(name, os.path.join(place, name), src_dir_fd=old)


def _carry_back(maker: int, place: str) -> None:
    """The other half lies at its place."""
    with disk.opened(_PART, dir_fd=maker) as part:
        for name in disk.listdir(part):
            disk.carry(name, os.path.join(place, name), src_dir_fd=part)


def _names(place: str) -> list[str]:
    try:
        return [name for name in disk.listdir(place) if is_transaction_name(name)]
    except OSError:
        return []


def _is_temporary_name(name: str) -> bool:
    prefix = temporary_prefix()
    return name.startswith(prefix) and is_transaction_name(TRANSACTION_PREFIX + name.removeprefix(prefix))


def _sweep_place(
    target: Target, place: str, is_ours: Callable[[str], bool], prefix: str, spare: frozenset[str]
) -> Iterator[str]:
    try:
        names = disk.listdir(place)
    except OSError:
        return
    if LOCK_NAME in names:
        _remove_ownerless_lock(place)
    for name in names:
        identifier = name.removeprefix(prefix)
        if not is_ours(name) or identifier in spare:
            continue
        yield from _sweep_one(target, place, name, identifier, private=prefix != TRANSACTION_PREFIX)


def _sweep_one(target: Target | None, place: str, name: str, identifier: str, *, private: bool) -> Iterator[str]:
    """Remove it if it is litter, with its siblings if the target is given."""
    path = os.path.join(place, name)
    try:
        with disk.opened(path) as fd:
            owner, dead = _judge(fd, place, name, identifier, private=private)
            if not dead:
                return
            if owner is not None and target is not None:
                yield from _sweep_siblings(target, owner, name)
            if not _empty(fd, owner, identifier):
                return
        disk.rmdir(path)
    except OSError:  # gone, a symlink, a file, not for us
        return
    yield path


def _judge(fd: int, place: str, name: str, identifier: str, *, private: bool) -> tuple[OwnerRecord | None, bool]:
    """Who owns it, if that can be read, and whether it is litter."""
    owner = read_owner(fd)
    if owner is not None and owner.id != identifier:
        owner = None
    judged = verdict_in(fd, owner) if owner else verdict_by_id(identifier)
    return owner, _is_litter(fd, place, name, judged, private=private)


def _empty(fd: int, owner: OwnerRecord | None, identifier: str) -> bool:
    """Empty it; the record is made first and removed last: without one (a torn one counts) nothing of ours is in it.

    But for a lock's record: one that came out of the lock, because it was broken, while somebody removed the rest; or
    one that was synced to be published, and survived a loss of power as the first.
    """
    names = frozenset(disk.listdir(fd))
    if owner is None and OWNER_NAME not in names and not _is_lock_alone(fd, names - {BROKEN_NAME}, identifier):
        return False
    return tidy.empty(fd)


def _is_lock_alone(fd: int, names: frozenset[str], identifier: str) -> bool:
    if not names:
        return True
    if names != {LOCK_PART}:
        return False
    with disk.opened(LOCK_PART, dir_fd=fd) as lock:
        return disk.listdir(lock) == [identifier]


def _is_litter(fd: int, place: str, name: str, judged: Verdict, *, private: bool) -> bool:
    status = disk.fstat(fd)
    if (private and status.st_uid != os.geteuid()) or tidy.is_journalled(fd, name):
        return False
    match judged:
        case Verdict.ALIVE:
            return False
        case Verdict.DEAD:
            return True
        case Verdict.UNKNOWN:
            return _now(place) - _touched(fd, status.st_mtime) >= PATIENCE


def _touched(fd: int, otherwise: float) -> float:
    try:
        return max(disk.lstat(OWNER_NAME, dir_fd=fd).st_mtime, otherwise)
    except OSError:
        return otherwise


def _now(place: str) -> float:
    """The time by the clock of the machine that keeps the files: of an entry that is made for the purpose."""
    path = os.path.join(place, TRANSACTION_PREFIX + new_id())
    disk.mkdir(path, 0o700)
    try:
        return disk.lstat(path).st_mtime
    finally:
        disk.rmdir(path)


def _sweep_siblings(target: Target, owner: OwnerRecord, name: str) -> Iterator[str]:
    """Remove the directories of the same transaction beside other schemes; where one lies is never read from a file."""
    for key in (key for scheme, key in _WITH_SIBLINGS.items() if scheme in owner.schemes):
        for directory in _upwards(target.scheme.directory(key)):
            yield from _sweep_one(None, directory, name, owner.id, private=False)


def _upwards(path: str) -> Iterator[str]:
    """A directory and its parents: when the sibling was made, the directory itself may not have existed."""
    yield path
    while (parent := os.path.dirname(path)) not in {path, ""}:
        yield parent
        path = parent


def _remove_ownerless_lock(place: str) -> None:
    try:
        disk.rmdir(os.path.join(place, LOCK_NAME))  # refuses while anybody holds it
    except OSError:
        return
