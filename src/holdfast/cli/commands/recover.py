"""``holdfast recover``."""

from __future__ import annotations

from holdfast.cli.command import Command, Invocation
from holdfast.cli.inspection import HOW, WHERE
from holdfast.config.settings import Setting
from holdfast.config.table import LOCK, SHARED
from holdfast.events import Event, Recovered, Reporter

_FORCE = Setting("force", "flag", "take back also what is being done with --lock-mode=none, and stop it", ambient=False)


class _Otherwise:
    """Passes on everything but what is the result of this command, and printed as such."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def emit(self, event: Event) -> None:
        """Take note of one event."""
        if not isinstance(event, Recovered):
            self._reporter.emit(event)


def run(invocation: Invocation) -> int:
    """Take the lock, bring every interrupted transaction to an end, say what was done."""
    from holdfast.cli.streams import make_reporter, say, say_json  # noqa: PLC0415 - after the options are right
    from holdfast.config.requests import cache_directory, lock_settings, target_request  # noqa: PLC0415
    from holdfast.config.sharing import sharing  # noqa: PLC0415
    from holdfast.flows.recover import recover  # noqa: PLC0415
    from holdfast.report.escape import printable  # noqa: PLC0415

    settings, environ = invocation.settings, invocation.environ
    with make_reporter(invocation) as reporter:
        done = recover(
            target_request(settings, environ=environ, cwd=invocation.cwd),
            lock_settings(settings),
            _Otherwise(reporter),
            shared=sharing(settings),
            force=invocation.parsed.flag("force"),
            cache_dir=cache_directory(settings, environ),
        )
    if invocation.parsed.flag("json"):
        say_json({"recovered": list(done.recovered), "left": list(done.left)})
    elif done.recovered or not invocation.quiet:
        say(map(printable, done.recovered or ("There is nothing to recover.",)))
    return 0


COMMAND = Command(
    usage="usage: holdfast recover [options]",
    text="Bring an interrupted transaction to an end: the environment is as before it, or as it asked for.",
    groups=(WHERE, ("Lock", (*SHARED, *LOCK, _FORCE)), HOW),
    run=run,
    arguments=False,
)
