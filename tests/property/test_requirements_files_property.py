"""Whatever stands in a requirements file: an answer or a UsageError, and nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UnsatisfiableError, UsageError
from holdfast.requirements.arguments import parse_argument
from holdfast.requirements.lines import NestedLine, OptionLine, RequirementLine, parse_line
from holdfast.requirements.text import decode, logical_lines

T = TypeVar("T")

PIECES = st.sampled_from(
    [
        *("a", "b[c]", "==1", ">=2,<3", " ; ", "python_version > '3'", "@", "https://h/", "-1-py3-none-any.whl", "./"),
        *(
            "-r",
            "-c ",
            "-i",
            "--hash",
            "=sha256:00",
            "--pre",
            "\\\n",
            "#",
            " #",
            "'",
            '"',
            "${A}",
            "\n",
            " ",
            "-e",
            "[",
        ),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES).map("".join))

NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True)
SPECIFIERS = st.lists(
    st.tuples(st.sampled_from(["==", ">=", "<", "!=", "~="]), st.from_regex(r"[1-9]\.[0-9]{1,2}", fullmatch=True)).map(
        "".join
    ),
    max_size=3,
).map(",".join)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


def outcome(parse: Callable[[], T]) -> tuple[T | None, str | None]:
    """What was parsed, or the cause of the refusal; any other exception fails the test."""
    try:
        return parse(), None
    except (UsageError, UnsatisfiableError) as error:
        return None, error.cause


@given(st.one_of(st.binary(), TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        text = decode(content, "r.txt")
    except UsageError:
        return
    for line in logical_lines(text, {"A": "-e"}):
        assert line.text.strip()
        where = f"r.txt:{line.number}"
        said, cause = outcome(partial(parse_line, line.text, where))
        assert cause is None or cause.startswith(f"{where}: ")
        assert not isinstance(said, RequirementLine) or said.text


@given(TEXTS)
def test_any_word_is_a_requirement_or_refused(text: str) -> None:
    root, cause = outcome(partial(parse_argument, text, origin="r.txt:1"))
    assert (root is not None and root.requirement.name) or (cause is not None and cause.startswith("r.txt:1: "))


@given(st.lists(st.tuples(NAMES, SPECIFIERS, st.lists(HEX, max_size=3)), max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_what_is_written_is_read(wanted: list[tuple[str, str, list[str]]], newline: str) -> None:
    joint = f" \\{newline}    --hash=sha256:"
    written = "".join(
        f"{joint.join((name + specifier, *digests))}  # why{newline}" for name, specifier, digests in wanted
    )
    read = [parse_line(line.text, "r.txt") for line in logical_lines(decode(written.encode(), "r.txt"), {})]
    assert [
        (line.text, [found.digest for found in line.hashes]) for line in read if isinstance(line, RequirementLine)
    ] == [(f"{name}{specifier}", digests) for name, specifier, digests in wanted]


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Z"), exclude_characters="\\'\"#${}"), min_size=1))
def test_values_of_options_are_kept(value: str) -> None:
    assert parse_line(f"--find-links={value}", "r.txt") == OptionLine(options=(("find-links", value),))
    assert parse_line(f"-r '{value}'", "r.txt") == NestedLine(path=value, constraint=False)
