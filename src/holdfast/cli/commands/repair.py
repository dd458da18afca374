"""``holdfast repair``."""

from __future__ import annotations

from holdfast.cli.command import Command, Invocation
from holdfast.cli.parse import CommandLineError
from holdfast.cli.restoring import GROUPS


def run(invocation: Invocation) -> int:
    """Find what is damaged, restore it in one transaction."""
    from dataclasses import replace  # noqa: PLC0415 - after the options are known to be right

    from holdfast.cli.outcome import WOULD_CHANGE  # noqa: PLC0415
    from holdfast.cli.streams import make_reporter, remark, say, say_json  # noqa: PLC0415
    from holdfast.config.requests import install_request  # noqa: PLC0415
    from holdfast.flows.repair import repair  # noqa: PLC0415
    from holdfast.report.repair import repair_json, repair_lines, repair_remarks  # noqa: PLC0415
    from holdfast.requirements.arguments import parse_argument  # noqa: PLC0415

    settings = invocation.settings
    roots = [parse_argument(word).requirement for word in invocation.parsed.arguments]
    if odd := [root for root in roots if root.url or str(root.specifier) or root.extras]:
        raise CommandLineError(f"repair takes names alone, and restores the version that is installed: {odd[0].name}")
    names = tuple(dict.fromkeys(root.name for root in roots))
    with make_reporter(invocation) as reporter:
        request = install_request(settings, requirements=(), environ=invocation.environ, cwd=invocation.cwd)
        done = repair(replace(request, command=" ".join(("repair", *names))), names, reporter)
    if not invocation.quiet:
        remark(repair_remarks(done.report, done.faults, done.removed, done.unknown))
    if settings.flag("json"):
        say_json(repair_json(done.report, done.faults, done.removed, done.unknown))
    elif not invocation.quiet:
        say(repair_lines(done.report, done.removed))
    return WOULD_CHANGE if settings.flag("check") and done.changes else 0


COMMAND = Command(
    usage="usage: holdfast repair [options] [NAME...]",
    text="Restore what `check --files` finds damaged or missing, and what interrupted installers left broken.",
    groups=GROUPS,
    run=run,
)
