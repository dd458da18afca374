"""``holdfast freeze``."""

from __future__ import annotations

from holdfast.cli.command import Command, Invocation
from holdfast.cli.inspection import EXCLUDE, HOW, LOCAL, WHERE, look
from holdfast.config.settings import Setting

_ALL = Setting("all", "flag", "pip too (and setuptools and wheel before Python 3.12)", ambient=False)


def run(invocation: Invocation) -> int:
    """Show everything as requirements that install the same again."""
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - after the options are known to be right

    from holdfast.cli.listing import chosen, freeze_line, not_frozen  # noqa: PLC0415
    from holdfast.cli.streams import say, say_json  # noqa: PLC0415

    target, state = look(invocation)
    parsed = invocation.parsed
    exclude = {canonicalize_name(name) for name in parsed.words("exclude")}
    if not parsed.flag("all"):
        exclude |= {canonicalize_name(name) for name in not_frozen(target.interpreter.version)}
    shown = chosen(state, local=parsed.flag("local"), exclude=exclude)
    if parsed.flag("json"):
        say_json([{"name": item.name, "requirement": freeze_line(item)} for item in shown])
    else:
        say(freeze_line(item) for item in shown)
    return 0


COMMAND = Command(
    usage="usage: holdfast freeze [options]",
    text="Show what is installed as a requirements file.",
    groups=(("What to show", (_ALL, LOCAL, EXCLUDE)), WHERE, HOW),
    run=run,
    arguments=False,
)
