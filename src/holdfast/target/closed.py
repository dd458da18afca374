"""What is not found because a directory on the way is closed to this user: that is said, instead of "does not exist".

**Guarantees**: only looks.

**On crash**: changes nothing.

**Limits**: judged by the directories' rights; what a security module forbids is said by the call that meets it.
"""

from __future__ import annotations

import os
import stat

from holdfast.errors import TargetError

_EFFECTIVE = os.access in os.supports_effective_ids


def refuse_closed(path: str) -> None:
    """Refuse what this user may not even look at.

    Raises:
        TargetError: Names the directory that is closed, its owner and what to type.
    """
    try:
        os.stat(path)
    except PermissionError:
        closed = _closed_directory(os.path.realpath(path))
    except OSError:
        return
    else:
        return
    if closed is None:
        return
    status = os.stat(closed)
    owner, group, me = _names(status.st_uid, status.st_gid, os.geteuid())
    mode = stat.filemode(status.st_mode)
    join = status.st_mode & stat.S_IXGRP and status.st_gid not in {0, os.getegid(), *os.getgroups()}
    way = f"sudo usermod -aG {group} {me}, then log in again" if join else f"sudo -u {owner} holdfast ..."
    raise TargetError(
        f"{path} is closed to {me}: {closed} belongs to {owner} and the group {group} ({mode}).",
        hint=f"{way}; or an environment of your own: holdfast venv .venv",
    )


def _closed_directory(path: str) -> str | None:
    """The outermost directory above a path that may not be searched."""
    directory = "/"
    for name in path.split("/")[1:]:
        if not os.access(directory, os.X_OK, effective_ids=_EFFECTIVE):
            return directory
        directory = os.path.join(directory, name)
    return None


def _names(uid: int, gid: int, me: int) -> tuple[str, str, str]:
    import grp  # noqa: PLC0415 - for an error message only
    import pwd  # noqa: PLC0415 - as above

    def user(number: int) -> str:
        try:
            return pwd.getpwuid(number).pw_name
        except KeyError:
            return f"uid {number}"

    try:
        group = grp.getgrgid(gid).gr_name
    except KeyError:
        group = f"gid {gid}"
    return user(uid), group, user(me)
