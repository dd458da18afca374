"""``holdfast history``."""

from __future__ import annotations

from holdfast.cli.command import Command, Invocation
from holdfast.cli.inspection import HOW, WHERE
from holdfast.cli.parse import CommandLineError
from holdfast.config.settings import Setting

_LIMIT = Setting(
    "limit", "integer", "only the last N (0: all)", default=0, flags=("-n", "--limit"), metavar="N", ambient=False
)


def run(invocation: Invocation) -> int:
    """Show what was done, newest first."""
    parsed, settings, environ = invocation.parsed, invocation.settings, invocation.environ
    limit = settings.count("limit")
    if limit < 0:
        raise CommandLineError("--limit must be at least 0.")
    from holdfast.cli.streams import say, say_json  # noqa: PLC0415 - after the options are known to be right
    from holdfast.config.requests import cache_directory, target_request  # noqa: PLC0415
    from holdfast.flows.history import history  # noqa: PLC0415
    from holdfast.report.escape import printable  # noqa: PLC0415
    from holdfast.report.history import history_json, history_lines  # noqa: PLC0415

    found = history(
        target_request(settings, environ=environ, cwd=invocation.cwd), cache_dir=cache_directory(settings, environ)
    )
    shown = found.transactions[: limit or None]
    if parsed.flag("json"):
        say_json(history_json(found.environment, shown, found.why))
    elif shown:
        say(history_lines(shown, whole=invocation.verbosity > 0))
    else:
        say((printable(found.why),))
    return 0


COMMAND = Command(
    usage="usage: holdfast history [options]",
    text="Show what was changed in an environment: when, by whom, by which command.",
    groups=(("What to show", (_LIMIT,)), WHERE, HOW),
    run=run,
    arguments=False,
)
