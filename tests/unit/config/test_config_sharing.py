"""``--shared[=GROUP]`` and ``HOLDFAST_SHARED=1|GROUP``."""

from __future__ import annotations

import grp

import pytest

from holdfast.config.settings import Reading, Settings, Value
from holdfast.config.sharing import sharing
from holdfast.config.sources import parse_our_file
from holdfast.config.table import SETTINGS
from holdfast.errors import UsageError
from holdfast.model.rights import Sharing

ROOT = grp.getgrgid(0).gr_name


def asked(command_line: dict[str, Value], *layers: dict[str, Reading]) -> Sharing | None:
    return sharing(Settings(SETTINGS, command_line, layers))


@pytest.mark.parametrize("text", ["1", "true", "yes", "ON"])
def test_without_a_group_it_is_the_directorys(text: str) -> None:
    assert asked({"shared": text}) == Sharing()


@pytest.mark.parametrize("text", ["0", "false", "no", "off", ""])
def test_a_variable_may_say_no(text: str) -> None:
    assert asked({}, {"shared": Reading(text, "HOLDFAST_SHARED")}) is None
    assert asked({}) is None


def test_a_group_has_a_name_or_a_number() -> None:
    assert asked({"shared": ROOT}) == Sharing(gid=0)
    assert asked({"shared": "54321"}) == Sharing(gid=54321)


def test_the_command_line_wins() -> None:
    layer = {"shared": Reading(ROOT, "HOLDFAST_SHARED")}
    assert asked({}, layer) == Sharing(gid=0)
    assert asked({"shared": "0"}, layer) is None


def test_an_unknown_group_is_an_error_that_names_where_it_stands() -> None:
    with pytest.raises(UsageError, match=r"There is no group no-such-group \(HOLDFAST_SHARED\)"):
        asked({}, {"shared": Reading("no-such-group", "HOLDFAST_SHARED")})


@pytest.mark.parametrize(
    ("text", "wanted"), [("true", Sharing()), ("false", None), (f"'{ROOT}'", Sharing(gid=0))], ids=str
)
def test_in_our_file_it_is_a_boolean_or_a_name(text: str, wanted: Sharing | None) -> None:
    assert asked({}, parse_our_file(f"shared = {text}".encode(), "/c.toml", "install")) == wanted


def test_anything_else_is_no_group() -> None:
    with pytest.raises(UsageError, match="must be a string"):
        asked({}, parse_our_file(b"shared = 7", "/c.toml", "install"))
