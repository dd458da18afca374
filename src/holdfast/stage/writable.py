"""Is every directory writable that a change touches? Asked before anything is downloaded, as far as it is known then.

**Guarantees**: changes nothing. An answer names the path, its owner and a command to type.

**On crash**: nothing to leave.

**Limits**: an early answer: rights can change until the commit, and what only shows at the call (NFS root_squash,
security modules) is found there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from holdfast import disk
from holdfast.errors import TargetError
from holdfast.model.target import Target, TargetKind


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
        except FileNotFoundError:  # somebody removed it meanwhile: the commit will see
            continue
        missing = (*_missing(wanted), *(path for path in coming if os.path.dirname(path) == directory))
        cannot = f"{' and '.join(missing)} cannot be made: " if missing else ""
        raise TargetError(cannot + _why(directory, status), hint=_remedy(target, status.st_uid, missing))
    for path in leaving:
        _check_sticky(target, path)


def _missing(directories: Iterable[str]) -> tuple[str, ...]:
    """The outermost directories that would have to be made."""
    found: dict[str, None] = {}
    for directory in directories:
        path = directory
        while not disk.lexists(path):
            outermost, path = path, os.path.dirname(path)
            if disk.lexists(path):
                found[outermost] = None
    return tuple(sorted(found))


def _check_sticky(target: Target, path: str) -> None:
    try:
        parent, entry = disk.stat(os.path.dirname(path)), disk.lstat(path)
    except OSError:  # gone by now: the commit will see
        return
    if parent.st_mode & stat.S_ISVTX and os.geteuid() not in {0, parent.st_uid, entry.st_uid}:
        raise TargetError(
            f"{path} belongs to {_user(entry.st_uid)} and lies in a sticky directory: only he or root may replace it.",
            hint=_remedy(target, entry.st_uid),
        )


def _why(directory: str, status: os.stat_result) -> str:
    if disk.is_read_only(directory):
        return f"{directory} lies in a read-only file system."
    mode = stat.filemode(status.st_mode)
    return f"{directory} may not be written by {_user(os.geteuid())}: it belongs to {_user(status.st_uid)} ({mode})."


def _remedy(target: Target, uid: int, missing: tuple[str, ...] = ()) -> str:
    if missing and target.kind is not TargetKind.SYSTEM:
        return f"As root, then the same command again: install -d -o {_user(os.geteuid())} {' '.join(missing)}"
    match target.kind:
        case TargetKind.SYSTEM:
            return "sudo holdfast ... --system, or an environment of your own: holdfast venv .venv"
        case TargetKind.VENV | TargetKind.PYTHON | TargetKind.USER:
            return f"sudo -u {_user(uid)} holdfast ..., or an environment of your own: holdfast venv .venv"
        case TargetKind.TARGET | TargetKind.PREFIX:
            return f"Choose a directory that you may write, with --{target.kind.value}"


def _user(uid: int) -> str:
    try:
        import pwd  # noqa: PLC0415 - for an error message only

        return f"{pwd.getpwuid(uid).pw_name}"
    except (KeyError, ImportError):
        return f"uid {uid}"
