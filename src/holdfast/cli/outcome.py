"""A finished ``install`` or ``uninstall`` -> words, JSON, and the exit code."""

from __future__ import annotations

from holdfast.cli.command import Invocation
from holdfast.cli.streams import remark, say, say_json
from holdfast.model.outcome import InstallReport
from holdfast.report.escape import printable
from holdfast.report.text import change_lines, committed_line, result_lines, satisfied_lines

WOULD_CHANGE = 10
STDOUT = "-"


def tell(report: InstallReport, invocation: Invocation) -> int:
    """Show what was done, on the streams and in the forms that were asked for.

    Returns:
        The exit code: 0, or 10 with ``--check`` when there would be something to do.
    """
    settings = invocation.settings
    destination = settings.text("report")
    if not invocation.quiet:
        remark((*map(printable, report.notices), *change_lines(report.actions)))
        line = committed_line(report)
        if line is not None and invocation.verbosity > 0:
            remark((line,))
    if settings.flag("json"):
        from holdfast.report.as_json import result_json  # noqa: PLC0415 - only when asked for

        say_json(result_json(report))
    elif destination != STDOUT and not invocation.quiet:
        say((*satisfied_lines(report), *result_lines(report)))
    if destination is not None:
        _write_report(report, destination)
    return WOULD_CHANGE if settings.flag("check") and report.actions else 0


def _write_report(report: InstallReport, destination: str) -> None:
    import json  # noqa: PLC0415 - only when asked for

    from holdfast.report.as_json import installation_report  # noqa: PLC0415 - as above

    text = json.dumps(installation_report(report), indent=2) + "\n"
    if destination == STDOUT:
        say((text.rstrip("\n"),))
        return
    from holdfast.report.files import write_report  # noqa: PLC0415 - only when asked for

    write_report(destination, text)
