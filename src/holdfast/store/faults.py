"""Why a file is no proper wheel, as an exception that does not leave the room."""

from __future__ import annotations


class WheelFault(Exception):  # noqa: N818 - a fault of the file, not of ours
    """The reason, as a clause that follows the file's name: ``RECORD lists a.py with another hash``.

    Args:
        reason: The clause.
        record: It is only the wheel's RECORD that is wrong: ``--allow-bad-record`` lets it pass.
    """

    def __init__(self, reason: str, *, record: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.record = record


def shown(name: str) -> str:
    """A name from a wheel for a message: quoted, escaped, not endless."""
    text = ascii(name) if not name.isprintable() else f"'{name}'"
    return text if len(text) <= 200 else f"{text[:200]}...'"  # noqa: PLR2004 - a line or two
