"""``holdfast check``."""

from __future__ import annotations

from holdfast.cli.command import Command, Invocation
from holdfast.cli.inspection import HOW, WHERE, look
from holdfast.config.settings import Setting

_FILES = Setting("files", "flag", "compare every installed file with its RECORD too", ambient=False)
_BROKEN = 1
_DAMAGED = 5


def run(invocation: Invocation) -> int:
    """Verify; 1 when a requirement does not hold, 5 when a file is damaged or missing."""
    from holdfast.cli.streams import say, say_json  # noqa: PLC0415 - after the options are known to be right
    from holdfast.flows.inspect import broken_files, broken_requirements  # noqa: PLC0415
    from holdfast.report.escape import printable  # noqa: PLC0415

    with_files = invocation.parsed.flag("files")
    target, state = look(invocation)
    problems = broken_requirements(target, state)
    faults = broken_files(state) if with_files else ()
    if invocation.parsed.flag("json"):
        say_json(
            {
                "requirements": [
                    {
                        "name": problem.demand.requirer.name,
                        "version": str(problem.demand.requirer.version),
                        "requires": str(problem.demand.requirement),
                        "found": None if problem.found is None else str(problem.found),
                    }
                    for problem in problems
                ],
                "files": [
                    {"name": fault.name, "version": fault.version, "path": fault.path, "kind": fault.kind.value}
                    for fault in faults
                ]
                if with_files
                else None,
            }
        )
    else:
        say(printable(f"{problem}.") for problem in problems)
        say(printable(f"{fault.name} {fault.version}: {fault.path}: {fault.kind.value}") for fault in faults)
        if not invocation.quiet:
            say(() if problems else ("No broken requirements found.",))
            say(() if faults or not with_files else ("No damaged files found.",))
    return _DAMAGED if faults else _BROKEN if problems else 0


COMMAND = Command(
    usage="usage: holdfast check [options]",
    text="Verify that what is installed has what it requires, and with --files that its files are intact.",
    groups=(("What to verify", (_FILES,)), WHERE, HOW),
    run=run,
    arguments=False,
)
