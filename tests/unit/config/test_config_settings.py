"""Which value wins, and what it is understood as."""

from __future__ import annotations

import pytest

from holdfast.config.settings import DEFAULT, Reading, Setting, Settings, Value, convert
from holdfast.config.table import SETTINGS
from holdfast.errors import UsageError

FLAG = Setting("no-index", "flag", "")
LIST = Setting("find-links", "list", "")
TEXT = Setting("index-url", "text", "", default="https://pypi.org/simple")
NUMBER = Setting("timeout", "number", "", default=15.0)
COUNT = Setting("verbose", "count", "")
CHOICE = Setting("lock-mode", "choice", "", default="flock", choices=("flock", "none"))


def settings(command_line: dict[str, Value], *layers: dict[str, Reading]) -> Settings:
    return Settings((FLAG, LIST, TEXT, NUMBER, COUNT, CHOICE), command_line, layers)


def test_nobody_says_anything() -> None:
    chosen = settings({}, {}, {})
    assert chosen.text("index-url") == "https://pypi.org/simple"
    assert chosen.chosen("index-url").origin == DEFAULT
    assert chosen.flag("no-index") is False
    assert chosen.maybe("no-index") is None
    assert chosen.words("find-links") == ()
    assert chosen.count("verbose") == 0


def test_the_strongest_layer_wins_and_is_named() -> None:
    strong, weak = {"index-url": Reading("a", "HOLDFAST_INDEX_URL")}, {"index-url": Reading("b", "PIP_INDEX_URL")}
    assert settings({}, strong, weak).text("index-url") == "a"
    assert settings({}, {}, weak).chosen("index-url").origin == "PIP_INDEX_URL"
    assert settings({"index-url": "c"}, strong, weak).chosen("index-url").origin == "command line"
    assert settings({"index-url": "c"}, strong, weak).text("index-url") == "c"


def test_ranks_tell_the_layers_apart() -> None:
    layer = {"index-url": Reading("a", "somewhere")}
    assert settings({"index-url": "c"}, {}, layer).chosen("index-url").rank == 0
    assert settings({}, {}, layer).chosen("index-url").rank == 2
    assert settings({}, {}, layer).chosen("timeout").rank == 3


def test_a_list_on_the_command_line_comes_before_the_strongest_layer() -> None:
    strong, weak = {"find-links": Reading("b c", "X")}, {"find-links": Reading("d", "Y")}
    assert settings({"find-links": ("a",)}, strong, weak).words("find-links") == ("a", "b", "c")
    assert settings({}, strong, weak).words("find-links") == ("b", "c")
    assert settings({"find-links": ("a",)}, strong).chosen("find-links").origin == "command line, X"


def test_a_wrong_value_that_nobody_needs_is_no_error() -> None:
    chosen = settings({}, {"timeout": Reading("soon", "HOLDFAST_TIMEOUT")})
    assert chosen.flag("no-index") is False
    with pytest.raises(UsageError, match="HOLDFAST_TIMEOUT"):
        chosen.number("timeout")


def test_a_wrong_value_below_a_right_one_is_no_error() -> None:
    assert settings({"timeout": 3.0}, {"timeout": Reading("soon", "HOLDFAST_TIMEOUT")}).number("timeout") == 3.0


@pytest.mark.parametrize("word", ["1", "true", "yes", "on", "y", "t", "TRUE", " Yes "])
def test_pips_words_for_true(word: str) -> None:
    assert convert(FLAG, Reading(word, "X")) is True
    assert convert(FLAG, Reading(word, "X", inverted=True)) is False


@pytest.mark.parametrize("word", ["0", "false", "no", "off", "n", "f", "False"])
def test_pips_words_for_false(word: str) -> None:
    assert convert(FLAG, Reading(word, "X")) is False
    assert convert(FLAG, Reading(word, "X", inverted=True)) is True


@pytest.mark.parametrize(
    ("setting", "raw", "value"),
    [
        (LIST, "a b\n  c\n", ("a", "b", "c")),
        (LIST, ["a b", "c"], ("a b", "c")),
        (NUMBER, "2.5", 2.5),
        (NUMBER, "-1", -1.0),
        (NUMBER, 3, 3.0),
        (COUNT, "2", 2),
        (COUNT, "yes", 1),
        (COUNT, True, 1),
        (CHOICE, "none", "none"),
        (TEXT, "x", "x"),
    ],
)
def test_understood(setting: Setting, raw: str | list[str] | float, value: Value) -> None:
    assert convert(setting, Reading(raw, "X")) == value


@pytest.mark.parametrize(
    ("setting", "raw"),
    [
        (FLAG, "maybe"),
        (FLAG, 2),
        (NUMBER, "soon"),
        (NUMBER, "nan"),
        (NUMBER, "inf"),
        (NUMBER, True),
        (COUNT, "x"),
        (CHOICE, "marker"),
        (CHOICE, "FLOCK"),
        (LIST, 1),
        (LIST, ["a", 1]),
        (TEXT, 1),
    ],
)
def test_not_understood_names_the_place(setting: Setting, raw: str | list[object] | float) -> None:
    with pytest.raises(UsageError, match="PLACE is"):
        convert(setting, Reading(raw, "PLACE"))


def test_the_table_has_no_name_and_no_spelling_twice() -> None:
    spellings = [flag for setting in SETTINGS for flag in (*setting.flags, *setting.off)]
    assert len(spellings) == len(set(spellings))
    keys = [key for setting in SETTINGS for key, _ in setting.spellings()]
    assert len(keys) == len(set(keys))


def test_every_default_is_of_its_kind() -> None:
    for setting in SETTINGS:
        if setting.default is not None:
            raw = list(setting.default) if isinstance(setting.default, tuple) else setting.default
            assert convert(setting, Reading(raw, "default")) == setting.default


def test_pip_counts_exactly_for_where_packages_come_from() -> None:
    assert {setting.name for setting in SETTINGS if setting.pip} == {
        *("index-url", "extra-index-url", "find-links", "no-index", "cert", "client-cert", "proxy", "timeout"),
        *("retries", "trusted-host", "constraint", "only-binary", "no-binary", "require-virtualenv"),
    }
