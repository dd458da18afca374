"""Is every directory writable that a change touches? Asked before anything is downloaded, as far as it is known then.

**Guarantees**: changes nothing. An answer names the path, its owner and a command to type.

**On crash**: nothing to leave.

**Limits**: an early answer: rights can change until the commit, and what only shows at the call (NFS root_squash,
security modules) is found there.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable

from holdfast import disk
from holdfast.errors import TargetError
from holdfast.model.target import Target, TargetKind
from holdfast.stage.people import group_name, group_word, user_name, user_word


def check_writable(
    target: Target, directories: Iterable[str], *, leaving: Iterable[str] = (), coming: Iterable[str] = ()
) -> None:
    """Refuse early what this user may not do.

    Args:
        target: For the command that the error names.
        directories: In which entries are made or removed; a missing one is judged by its nearest parent.
        leaving: Paths that will be replaced or removed: in a sticky directory their owner counts too.
        coming: Directories that will be made, for the error to name.

    Raises:
        TargetError: The first path that stands in the way.
    """
    touched: dict[str, list[str]] = {}
    for directory in dict.fromkeys(directories):
        touched.setdefault(disk.nearest_directory(directory), []).append(directory)
    for directory, wanted in touched.items():
        if disk.may_write(directory):
            continue
        try:
            status = disk.stat(directory)
        except OSError:  # somebody removed it meanwhile: the commit will see
            continue
        if disk.may_write(directory):  # it had been away for a moment, which counted as closed
            continue
        missing = (*_missing(wanted), *(path for path in coming if os.path.dirname(path) == directory))
        cannot = f"{' and '.join(missing)} cannot be made: " if missing else ""
        raise TargetError(cannot + _why(directory, status), hint=_remedy(target, directory, status, missing))
    for path in leaving:
        _check_sticky(target, path)


def _missing(directories: Iterable[str]) -> tuple[str, ...]:
    """The outermost directories that would have to be made."""
    found: dict[str, None] = {}
    for directory in directories:
        path = directory
        while not _lies(path):
            outermost, path = path, os.path.dirname(path)
            if _lies(path):
                found[outermost] = None
    return tuple(sorted(found))


def _lies(path: str) -> bool:
    """Whether there is something, as far as this user may see: what cannot be told will not be made."""
    try:
        return disk.lexists(path)
    except OSError:
        return True


def _check_sticky(target: Target, path: str) -> None:
    try:
        parent, entry = disk.stat(os.path.dirname(path)), disk.lstat(path)
    except OSError:  # gone by now: the commit will see
        return
    if parent.st_mode & stat.S_ISVTX and os.geteuid() not in {0, parent.st_uid, entry.st_uid}:
        raise TargetError(
            f"{path} belongs to {user_name(entry.st_uid)} and lies in a sticky directory: "
            "only he or root may replace it.",
            hint=_alone(target, entry.st_uid),
        )


def _why(directory: str, status: os.stat_result) -> str:
    if disk.is_read_only(directory):
        return f"{directory} lies in a read-only file system."
    owner, group, mode = user_name(status.st_uid), group_name(status.st_gid), stat.filemode(status.st_mode)
    me = user_name(os.geteuid())
    return f"{directory} may not be written by {me}: it belongs to {owner} and the group {group} ({mode})."


def _remedy(target: Target, directory: str, status: os.stat_result, missing: tuple[str, ...]) -> str:
    """One thing to type: become one of the group that may, have it made, have it shared, or go elsewhere."""
    if disk.is_read_only(directory):
        return f"Look at how it is mounted: findmnt -T {directory}"
    if target.kind is TargetKind.SYSTEM:
        return _alone(target, status.st_uid)
    me, mine = user_word(os.geteuid()), {os.getegid(), *os.getgroups()}
    if status.st_mode & stat.S_IWGRP and status.st_gid not in {0, *mine}:
        return f"sudo usermod -aG {group_word(status.st_gid)} {me}, then log in again; or {_elsewhere(target)}"
    if missing:
        return f"As root, then the same command again: install -d -o {user_word(os.geteuid())} {shlex.join(missing)}"
    if target.kind is TargetKind.USER:
        return _alone(target, status.st_uid)
    group = group_word(status.st_gid if status.st_gid in mine - {0} else os.getegid())
    share = f"HOLDFAST_SHARED={group}"
    return f"{_alone(target, status.st_uid)}; or share it: make it with {share} (Dockerfile: ENV {share})"


def _alone(target: Target, uid: int) -> str:
    """Where nobody shares: as the owner, or elsewhere."""
    match target.kind:
        case TargetKind.SYSTEM:
            return f"sudo holdfast ... --system, or {_elsewhere(target)}"
        case TargetKind.VENV | TargetKind.PYTHON | TargetKind.USER:
            owner = f"-u {user_word(uid, before_number='#')} " if uid else ""
            return f"sudo {owner}holdfast ..., or {_elsewhere(target)}"
        case TargetKind.TARGET | TargetKind.PREFIX:
            return _elsewhere(target)


def _elsewhere(target: Target) -> str:
    if target.kind in {TargetKind.TARGET, TargetKind.PREFIX}:
        return f"choose a directory that you may write, with --{target.kind.value}"
    return "an environment of your own: holdfast venv .venv"
