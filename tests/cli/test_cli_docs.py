"""The reference says what the tables say."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast import errors
from holdfast.cli.catalogue import COMMANDS
from holdfast.cli.dispatch import load
from holdfast.cli.door import BUG
from holdfast.config.table import SETTINGS

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    text = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    command = load(name)
    assert f"\n### {name}\n" in text
    assert command.usage.removeprefix("usage: ") in text
    for _, group in command.groups:
        for setting in group:
            assert all(f"`{flag}`" in text for flag in (*setting.flags, *setting.off)), setting.name


def test_every_setting_of_pip_is_documented() -> None:
    text = (REFERENCE / "configuration.md").read_text(encoding="utf-8")
    for setting in SETTINGS:
        if setting.pip:
            assert f"`{setting.name}`" in text


def test_every_exit_code_is_documented() -> None:
    text = (REFERENCE / "exit-codes.md").read_text(encoding="utf-8")
    codes = {
        item.exit_code
        for item in vars(errors).values()
        if isinstance(item, type) and issubclass(item, errors.HoldfastError)
    }
    for code in (*codes, 0, 10, BUG):
        assert f"\n| {code} |" in text
