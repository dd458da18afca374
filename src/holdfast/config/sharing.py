"""``--shared`` and ``HOLDFAST_SHARED``: asked for or not, and for which group."""

from __future__ import annotations

from holdfast.config.settings import Settings
from holdfast.errors import UsageError
from holdfast.model.rights import Sharing

_ON, _OFF = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})


def sharing(settings: Settings) -> Sharing | None:
    """What is asked for; None: nothing.

    Raises:
        UsageError: There is no such group.
    """
    text = settings.text("shared")
    if text is None or text.lower() in _OFF:
        return None
    return Sharing(gid=None if text.lower() in _ON else _gid(text, settings.chosen("shared").origin))


def _gid(group: str, origin: str) -> int:
    import grp  # noqa: PLC0415 - may ask a directory service

    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        if group.isascii() and group.isdecimal():
            return int(group)
        raise UsageError(f"There is no group {group} ({origin}).", hint="getent group") from None
