"""``holdfast venv``."""

from __future__ import annotations

import os
import shlex

from holdfast.cli.command import Command, Invocation
from holdfast.cli.parse import CommandLineError
from holdfast.config.settings import Setting
from holdfast.config.table import JSON, LOCK, OUTPUT, SHARED

_OPTIONS = (
    Setting("python", "text", "make it from this Python: a path, or a version such as 3.12", metavar="PATH|VERSION"),
    Setting("system-site-packages", "flag", "the packages of that Python are visible in it", ambient=False),
    Setting("clear", "flag", "replace the environment that is there", ambient=False),
    Setting("prompt", "text", "what an activated shell shows (default: the directory's name)", ambient=False),
)
_DEFAULT = ".venv"


def run(invocation: Invocation) -> int:
    """Make the environment and print where it is."""
    arguments = invocation.parsed.arguments
    if len(arguments) > 1:
        raise CommandLineError(f"venv makes one environment, but got {len(arguments)} paths.")
    from holdfast.cli.streams import make_reporter, remark, say, say_json  # noqa: PLC0415 - after the options are known to be right
    from holdfast.config.requests import cache_directory, lock_settings  # noqa: PLC0415
    from holdfast.config.sharing import sharing  # noqa: PLC0415
    from holdfast.flows.venv import create_venv  # noqa: PLC0415

    parsed, settings = invocation.parsed, invocation.settings
    with make_reporter(invocation) as reporter:
        path = create_venv(
            os.path.expanduser(arguments[0]) if arguments else _DEFAULT,
            python=settings.text("python"),
            cwd=invocation.cwd,
            cache_dir=cache_directory(settings, invocation.environ),
            prompt=settings.text("prompt"),
            system_site_packages=parsed.flag("system-site-packages"),
            clear=lock_settings(settings) if parsed.flag("clear") else None,
            sharing=sharing(settings),
            reporter=reporter,
        )
    if parsed.flag("json"):
        say_json({"path": path})
        return 0
    say((path,))
    if not invocation.quiet:
        remark((f"Activate it with: . {shlex.quote(os.path.join(path, 'bin', 'activate'))}",))
    return 0


COMMAND = Command(
    usage="usage: holdfast venv [options] [DIR]",
    text=f"Create a virtual environment in DIR (default: {_DEFAULT}).",
    groups=(("Environment", (*_OPTIONS, *SHARED)), ("Lock", LOCK), ("Output", (*JSON, *OUTPUT))),
    run=run,
)
