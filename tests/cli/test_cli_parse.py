"""Words -> options and arguments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.cli.command import HELP, VERSION
from holdfast.cli.parse import CommandLineError, parse, split_command
from holdfast.config.table import SETTINGS

TABLE = (*SETTINGS, HELP, VERSION)


def values(*words: str) -> dict[str, object]:
    return dict(parse(words, TABLE).values)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-U"], {"upgrade": True}),
        (["-qq", "-v"], {"quiet": 2, "verbose": 1}),
        (["-qU"], {"quiet": 1, "upgrade": True}),
        (["-tDIR"], {"target": "DIR"}),
        (["-t", "DIR"], {"target": "DIR"}),
        (["--shared"], {"shared": "1"}),
        (["--shared=team"], {"shared": "team"}),
        (["--shared", "team"], {"shared": "1"}),  # the next word is an argument
        (["-U", "--shared", "--target", "DIR"], {"upgrade": True, "shared": "1", "target": "DIR"}),
        (["-Ut", "DIR"], {"upgrade": True, "target": "DIR"}),
        (["--target=DIR"], {"target": "DIR"}),
        (["--target", "--odd"], {"target": "--odd"}),
        (["--target="], {"target": ""}),
        (["--index-url=https://h/?a=b"], {"index-url": "https://h/?a=b"}),
        (["-f", "a", "-f", "b"], {"find-links": ("a", "b")}),
        (["--compile"], {"compile-bytecode": True}),
        (["--compile", "--no-compile-bytecode"], {"compile-bytecode": False}),
        (["--no-cache-dir"], {"no-cache": True}),
        (["--timeout", "2"], {"timeout": 2.0}),
        (["--lock-timeout", "-1"], {"lock-timeout": -1.0}),
        (["--lock-mode=none"], {"lock-mode": "none"}),
        (["--retries", "0"], {"retries": 0}),
        (["-h"], {"help": True}),
    ],
)
def test_spellings(words: list[str], expected: dict[str, object]) -> None:
    assert values(*words) == expected


def test_arguments_and_options_mix() -> None:
    parsed = parse(["a", "-U", "b", "--", "-c", "--", "d"], TABLE)
    assert parsed.arguments == ("a", "b", "-c", "--", "d")
    assert parsed.values == {"upgrade": True}


def test_a_dash_is_an_argument() -> None:
    assert parse(["-"], TABLE).arguments == ("-",)


def test_the_order_is_kept() -> None:
    parsed = parse(["--no-binary", "a", "-U", "--only-binary", "b", "--no-binary=c"], TABLE)
    assert parsed.sequence == (("no-binary", "a"), ("upgrade", True), ("only-binary", "b"), ("no-binary", "c"))
    assert parsed.words("no-binary") == ("a", "c")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--upgrad"], "there is no option --upgrad; did you mean --upgrade?"),
        (["--zzz"], "there is no option --zzz."),
        (["-Z"], "there is no option -Z"),
        (["-qZ"], "there is no option -Z"),
        (["--upgrade=1"], "--upgrade takes no value"),
        (["--target"], "--target needs a value: DIR"),
        (["-t"], "-t needs a value: DIR"),
        (["--timeout", "soon"], "--timeout is 'soon', but must be a number"),
        (["--lock-mode", "soft"], "--lock-mode is 'soft', but must be one of flock, marker, none"),
        (["-e", "."], "wheels only"),
        (["--editable=."], "wheels only"),
    ],
)
def test_wrong_words(words: list[str], says: str) -> None:
    with pytest.raises(CommandLineError) as caught:
        parse(words, TABLE)
    assert says in caught.value.cause


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["install", "a"], ((), "install", ("a",))),
        (["-q", "--timeout", "3", "install", "-U"], (("-q", "--timeout", "3"), "install", ("-U",))),
        (["-qtDIR", "install"], (("-qtDIR",), "install", ())),
        (["-qt", "DIR", "install", "--", "x"], (("-qt", "DIR"), "install", ("--", "x"))),
        (["--python=x", "list"], (("--python=x",), "list", ())),
        (["-q"], (("-q",), None, ())),
        ([], ((), None, ())),
    ],
)
def test_global_options_may_stand_before_the_command(
    words: list[str], expected: tuple[tuple[str, ...], str | None, tuple[str, ...]]
) -> None:
    assert split_command(words, TABLE) == expected


@given(st.lists(st.one_of(st.text(max_size=6), st.sampled_from(["-q", "-t", "--target=x", "--", "-qU", "-f", "a"]))))
def test_any_words_are_understood_or_refused(words: list[str]) -> None:
    try:
        parsed = parse(words, TABLE)
    except CommandLineError as error:
        assert error.cause  # noqa: PT017 - either way is right; the cause must be said
        return
    assert len(parsed.arguments) + len(parsed.values) <= sum(max(1, len(word)) for word in words)


@given(st.lists(st.text()))
def test_after_two_dashes_everything_is_an_argument(words: list[str]) -> None:
    assert parse(["-q", "--", *words], TABLE).arguments == tuple(words)
