"""Names of users and groups, for messages and for the commands in them. Who has no name is shown by his number."""

from __future__ import annotations

import shlex


def user_name(uid: int) -> str:
    """``alice``, or ``uid 1234``."""
    try:
        import pwd  # noqa: PLC0415 - may ask a directory service; only messages need it

        return pwd.getpwuid(uid).pw_name
    except (KeyError, ImportError):
        return f"uid {uid}"


def user_word(uid: int, *, before_number: str = "") -> str:
    """As a command takes it: ``alice``, or ``1234`` (for sudo: ``'#1234'``)."""
    name = user_name(uid)
    return name if name != f"uid {uid}" else shlex.quote(f"{before_number}{uid}")


def group_name(gid: int) -> str:
    """``devs``, or ``gid 1234``."""
    try:
        import grp  # noqa: PLC0415 - as above

        return grp.getgrgid(gid).gr_name
    except (KeyError, ImportError):
        return f"gid {gid}"


def group_word(gid: int) -> str:
    """As a command takes it: ``devs``, or ``1234``."""
    return group_name(gid).removeprefix("gid ")
