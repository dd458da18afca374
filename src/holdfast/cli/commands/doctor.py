"""``holdfast doctor``."""

from __future__ import annotations

from holdfast.cli.command import Command, Invocation
from holdfast.cli.inspection import HOW, WHERE
from holdfast.cli.parse import CommandLineError
from holdfast.config.table import PLACING, SHARED, TARGET, TRANSACTION

_LOCK = tuple(setting for setting in TRANSACTION if setting.name == "lock-mode")
_LINK = tuple(setting for setting in PLACING if setting.name == "link-mode")
_STOPPED = 3


def run(invocation: Invocation) -> int:
    """Judge a directory; 3 when something would stop an installation there."""
    arguments, given = invocation.parsed.arguments, invocation.parsed.values
    if len(arguments) > 1:
        raise CommandLineError(f"doctor judges one directory, but got {len(arguments)}.")
    named = [setting.name for setting in WHERE[1] if setting.name in given]
    if arguments and named:
        raise CommandLineError(f"doctor judges either {arguments[0]!r} or what --{named[0]} names.")
    from holdfast.cli.streams import make_reporter, say, say_json  # noqa: PLC0415 - after the options are right
    from holdfast.config.requests import cache_directory, lock_settings, target_request  # noqa: PLC0415
    from holdfast.config.sharing import sharing  # noqa: PLC0415
    from holdfast.flows.doctor import doctor  # noqa: PLC0415
    from holdfast.model.request import InstallPolicy, LinkMode  # noqa: PLC0415

    settings, environ = invocation.settings, invocation.environ
    with make_reporter(invocation) as reporter:
        found = doctor(
            arguments[0] if arguments else None,
            target_request(settings, environ=environ, cwd=invocation.cwd),
            lock_settings(settings),
            reporter,
            policy=InstallPolicy(link_mode=LinkMode(settings.text("link-mode") or ""), shared=sharing(settings)),
            cache_dir=cache_directory(settings, environ),
        )
    if invocation.parsed.flag("json"):
        from holdfast.report.diagnosis_json import diagnosis_json  # noqa: PLC0415 - only when asked for

        say_json(diagnosis_json(found))
    else:
        from holdfast.report.diagnosis import diagnosis_lines, remark_lines  # noqa: PLC0415

        say(remark_lines(found) if invocation.quiet else diagnosis_lines(found))
    return _STOPPED if found.stopped else 0


COMMAND = Command(
    usage="usage: holdfast doctor [options] [PATH]",
    text="""\
Say what a directory is worth for an installation, before it hurts: locks, rights, room.

PATH is an environment, a directory, or what does not exist yet (default: what install would take).
Exit code 3 when something would stop an installation there.
""",
    groups=(("Target", TARGET), ("As it would be asked for", (*_LOCK, *_LINK, *SHARED)), HOW),
    run=run,
)
