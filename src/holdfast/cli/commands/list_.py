"""``holdfast list``."""

from __future__ import annotations

from holdfast.cli.command import Command, Invocation
from holdfast.cli.inspection import EXCLUDE, HOW, LOCAL, WHERE, look
from holdfast.config.settings import Setting

_FORMAT = Setting(
    "format", "choice", "how to show it", default="columns", choices=("columns", "freeze", "json"), ambient=False
)


def run(invocation: Invocation) -> int:
    """Show name and version of everything."""
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - after the options are known to be right

    from holdfast.cli.listing import chosen, list_columns, list_json  # noqa: PLC0415
    from holdfast.cli.streams import say, say_json  # noqa: PLC0415

    _, state = look(invocation)
    parsed = invocation.parsed
    shown = chosen(
        state, local=parsed.flag("local"), exclude=[canonicalize_name(name) for name in parsed.words("exclude")]
    )
    form = "json" if parsed.flag("json") else invocation.settings.text("format")
    if form == "json":
        say_json(list_json(shown))
    elif form == "freeze":
        say(f"{item.metadata.display_name}=={item.version}" for item in shown)
    else:
        say(list_columns(shown))
    return 0


COMMAND = Command(
    usage="usage: holdfast list [options]",
    text="List what is installed, with versions.",
    groups=(("What to show", (_FORMAT, LOCAL, EXCLUDE)), WHERE, HOW),
    run=run,
    arguments=False,
)
