"""Text from outside, made printable: a control character in a name or record must not reach a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Replace control characters, bidirectional overrides and lone surrogates by their escapes; newlines too."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
