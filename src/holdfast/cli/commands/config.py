"""``holdfast config``."""

from __future__ import annotations

from holdfast.cli.command import Command, Invocation
from holdfast.config.settings import DEFAULT, Chosen
from holdfast.config.table import CACHE, GROUPS, JSON, OUTPUT, TARGET


def run(invocation: Invocation) -> int:
    """Show every setting in force and where it came from, as ``install`` would see it."""
    from holdfast.cli.streams import say, say_json  # noqa: PLC0415 - after the options are known to be right

    rows = [
        (setting.name, invocation.settings.chosen(setting.name))
        for title, group in GROUPS
        if title
        for setting in group
        if setting.ambient
    ]
    if invocation.parsed.flag("json"):
        say_json({name: {"value": _json_value(found), "origin": found.origin} for name, found in rows})
        return 0
    for name, found in rows:
        say((f"{name} = {_shown(found)}{'' if found.origin == DEFAULT else f'  # {found.origin}'}",))
    return 0


def _shown(found: Chosen) -> str:
    value = _json_value(found)
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(value)
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _json_value(found: Chosen) -> str | bool | float | list[str] | None:
    from holdfast.model.urls import as_recorded  # noqa: PLC0415 - after the options are known to be right

    value = found.value
    if isinstance(value, tuple):
        return [as_recorded(item) for item in value]
    return as_recorded(value) if isinstance(value, str) else value


COMMAND = Command(
    usage="usage: holdfast config [options]",
    text="Show every setting in force and where it came from: command line, variables, files, default.",
    groups=(("Target", TARGET), ("Output", (*JSON, *CACHE, *OUTPUT))),
    run=run,
    arguments=False,
)
