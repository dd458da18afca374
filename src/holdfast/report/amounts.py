"""Numbers as people read them: bytes, speeds, seconds, counts."""

from __future__ import annotations

_STEP = 1000.0


def bytes_text(count: float) -> str:
    """Bytes in decimal units with one digit, as pip and uv print download sizes (``12.3 MB``)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < _STEP or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _STEP
    raise AssertionError("the last unit takes everything")


def seconds_text(seconds: float) -> str:
    """A duration: milliseconds below one second, else one digit."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def count_text(count: int, noun: str) -> str:
    """``1 package``, ``2 packages``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
