"""Bytes of a requirements file -> logical lines, by pip's rules. Pure.

https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import codecs
import locale
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from holdfast.errors import UsageError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32, "utf-32"),  # before UTF-16, whose little-endian mark begins this one's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)
_CODING = re.compile(rb"coding[:=]\s*([-\w.]+)")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalLine:
    """One line after joining, without its comment, variables filled in. ``number`` is that of its first line."""

    number: int
    text: str


def decode(content: bytes, name: str) -> str:
    """Decode as the byte order mark says, else a PEP 263 comment in the first two lines, else UTF-8, else the locale.

    Args:
        content: Of the file.
        name: Of the file, for the error.

    Raises:
        UsageError: None of these fits.
    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            body = content if encoding in {"utf-16", "utf-32"} else content[len(mark) :]
            return _decoded(body, (encoding,), name)
    for line in content.split(b"\n", 2)[:2]:
        if line.startswith(b"#") and (found := _CODING.search(line)):
            return _decoded(content, (found[1].decode("ascii", "replace"),), name)
    return _decoded(content, ("utf-8", locale.getpreferredencoding(do_setlocale=False)), name)


def _decoded(content: bytes, encodings: tuple[str, ...], name: str) -> str:
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except (LookupError, UnicodeError, ValueError):
            continue
    raise UsageError(
        f"{name} is not {encodings[0]} text.",
        hint="save it as UTF-8, or name its encoding in the first line: # -*- coding: latin-1 -*-",
    )


def logical_lines(text: str, environ: Mapping[str, str]) -> Iterator[LogicalLine]:
    """Join continued lines, drop comments and empty lines, fill in ``${VARIABLE}``; an unset one stays as it is."""
    for number, joined in _joined(text.splitlines()):
        line = _COMMENT.sub("", joined).strip()
        if line:
            yield LogicalLine(number=number, text=_VARIABLE.sub(lambda found: environ.get(found[1]) or found[0], line))


def _joined(lines: list[str]) -> Iterator[tuple[int, str]]:
    parts: list[str] = []
    first = 0
    for number, physical in enumerate(lines, start=1):
        comment = physical.lstrip().startswith("#")
        first = first if parts else number
        if physical.endswith("\\") and not comment:
            parts.append(physical.strip("\\"))
            continue
        # A comment ends a continued line; the blank makes it one for the comment rule.
        yield first, "".join((*parts, f" {physical}" if comment else physical))
        parts = []
    if parts:
        yield first, "".join(parts)
