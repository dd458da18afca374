"""The README's commands are the ones that the gate runs."""

from __future__ import annotations

import re

from tests.architecture.house import ROOT


def readme_commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Try it")[2].partition("\n## ")[0]
    return [command.strip() for command in re.findall(r"```console\n(.*?)```", section, flags=re.DOTALL)]


def test_the_readme_has_two_commands_of_one_line() -> None:
    commands = readme_commands()
    assert len(commands) == 2
    assert not any("\n" in command for command in commands)


def test_the_gate_runs_the_test_command_word_for_word() -> None:
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert readme_commands()[1] in gate.splitlines()


def test_every_decision_is_listed() -> None:
    listed = (ROOT / "docs" / "adr" / "index.md").read_text(encoding="utf-8")
    records = [path.stem for path in (ROOT / "docs" / "adr").glob("0*.md")]
    assert records
    assert not [record for record in records if record not in listed]
