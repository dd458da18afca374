"""``holdfast undo``."""

from __future__ import annotations

from holdfast.cli.command import Command, Invocation
from holdfast.cli.restoring import GROUPS


def run(invocation: Invocation) -> int:
    """Take the last transaction back, in one."""
    from holdfast.cli.outcome import tell  # noqa: PLC0415 - after the options are known to be right
    from holdfast.cli.streams import make_reporter  # noqa: PLC0415
    from holdfast.config.requests import install_request  # noqa: PLC0415
    from holdfast.flows.undo import undo  # noqa: PLC0415

    with make_reporter(invocation) as reporter:
        request = install_request(invocation.settings, requirements=(), environ=invocation.environ, cwd=invocation.cwd)
        report = undo(request, reporter)
    return tell(report, invocation)


COMMAND = Command(
    usage="usage: holdfast undo [options]",
    text="Take the last change of an environment back, as a change of its own. Once more: it is made again.",
    groups=GROUPS,
    run=run,
    arguments=False,
)
