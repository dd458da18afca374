"""``holdfast show``."""

from __future__ import annotations

from holdfast.cli.command import Command, Invocation
from holdfast.cli.inspection import HOW, WHERE, look
from holdfast.cli.parse import CommandLineError
from holdfast.config.settings import Setting

_FILES = Setting("files", "flag", "its files too", flags=("-f", "--files"), ambient=False)


def run(invocation: Invocation) -> int:
    """Show each named package; 1 when none of them is installed."""
    parsed = invocation.parsed
    if not parsed.arguments:
        raise CommandLineError("show what? Name a package.")
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - after the options are known to be right

    from holdfast.cli.details import file_lines, missing_names, show_json, show_lines  # noqa: PLC0415
    from holdfast.cli.streams import remark, say, say_json  # noqa: PLC0415

    names = tuple(dict.fromkeys(canonicalize_name(word) for word in parsed.arguments))
    target, state = look(invocation, records=names if parsed.flag("files") else ())
    markers = target.interpreter.markers
    found = [item for item in map(state.get, names) if item is not None]
    if missing := missing_names(names, state):
        remark((f"warning: not installed: {', '.join(missing)}",))
    if parsed.flag("json"):
        values = [show_json(item, state, markers) for item in found]
        if parsed.flag("files"):
            for value, item in zip(values, found, strict=True):
                value["files"] = None if item.record is None else [entry.path for entry in item.record]
        say_json(values)
    else:
        for position, item in enumerate(found):
            say(("---",) if position else ())
            say(show_lines(item, state, markers))
            say(file_lines(item) if parsed.flag("files") else ())
    return 0 if found else 1


COMMAND = Command(
    usage="usage: holdfast show [options] NAME...",
    text="Show details of installed packages.",
    groups=(("What to show", (_FILES,)), WHERE, HOW),
    run=run,
)
