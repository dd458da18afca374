"""Bytes -> logical lines."""

from __future__ import annotations

import codecs

import pytest

from holdfast.errors import UsageError
from holdfast.requirements.text import decode, logical_lines


def lines(text: str, **environ: str) -> list[tuple[int, str]]:
    return [(line.number, line.text) for line in logical_lines(text, environ)]


def test_comments_and_empty_lines_go() -> None:
    assert lines("# head\n\na # why\n  # more\nb#c\n") == [(3, "a"), (5, "b#c")]


def test_a_url_keeps_its_fragment() -> None:
    assert lines("a @ https://h/x.whl#sha256=00  # why") == [(1, "a @ https://h/x.whl#sha256=00")]


def test_lines_are_joined() -> None:
    assert lines("a==1 \\\n  --hash=x \\\n  --hash=y\nb\n") == [(1, "a==1   --hash=x   --hash=y"), (4, "b")]


def test_a_comment_ends_a_joined_line() -> None:
    assert lines("a \\\n# why\nb") == [(1, "a"), (3, "b")]


def test_a_comment_is_not_continued() -> None:
    assert lines("# why \\\na") == [(2, "a")]


def test_the_last_line_may_end_with_a_backslash() -> None:
    assert lines("a\nb \\") == [(1, "a"), (2, "b")]


def test_variables() -> None:
    assert lines("${A_1} ${b} $A_1 ${MISSING} ${EMPTY}", A_1="x", EMPTY="") == [(1, "x ${b} $A_1 ${MISSING} ${EMPTY}")]


def test_a_variable_is_filled_in_after_comments_are_gone() -> None:
    assert lines("${A}", A="x # y") == [(1, "x # y")]


def test_line_ends_of_all_systems() -> None:
    assert lines("a\r\nb \\\r\nc\rd") == [(1, "a"), (2, "b c"), (4, "d")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks(encoding: str) -> None:
    assert decode("é==1\n".encode(encoding), "r.txt") == "é==1\n"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF32_LE, "utf-32-le")],
)
def test_byte_order_marks_of_either_end(mark: bytes, encoding: str) -> None:
    assert decode(mark + "é".encode(encoding), "r.txt").endswith("é")


def test_pep_263() -> None:
    assert decode("# -*- coding: latin-1 -*-\né".encode("latin-1"), "r.txt").endswith("é")
    assert decode("\n# vim: set fileencoding=latin-1 :\né".encode("latin-1"), "r.txt").endswith("é")


def test_utf_8_is_the_default() -> None:
    assert decode("é".encode(), "r.txt") == "é"


def test_not_the_encoding_that_it_says() -> None:
    with pytest.raises(UsageError, match=r"r\.txt is not ascii text"):
        decode("# coding: ascii\né".encode(), "r.txt")
    with pytest.raises(UsageError, match="no-such"):
        decode(b"# coding: no-such\n", "r.txt")
