"""Names of users and groups, for messages. What the system cannot name is shown by its number."""

from __future__ import annotations


def user_name(uid: int) -> str:
    """``alice``, or ``uid 1234``."""
    try:
        import pwd  # noqa: PLC0415 - may ask a directory service; only messages need it

        return pwd.getpwuid(uid).pw_name
    except (KeyError, ImportError):
        return f"uid {uid}"


def group_name(gid: int) -> str:
    """``devs``, or ``gid 1234``."""
    try:
        import grp  # noqa: PLC0415 - as above

        return grp.getgrgid(gid).gr_name
    except (KeyError, ImportError):
        return f"gid {gid}"
