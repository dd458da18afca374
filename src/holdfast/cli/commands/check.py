"""``holdfast check``."""

from __future__ import annotations

from holdfast.cli.command import Command, Invocation
from holdfast.cli.inspection import HOW, WHERE, look
from holdfast.config.settings import Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.flows.inspect import FileFault, Findings, Problem

_FILES = Setting("files", "flag", "compare every installed file with its RECORD too", ambient=False)
_BROKEN = 1
_DAMAGED = 5


def run(invocation: Invocation) -> int:
    """Verify; 1 when a requirement does not hold, 5 when a file is damaged or missing, or a dist-info is broken."""
    from holdfast.cli.streams import remark, say, say_json  # noqa: PLC0415 - after the options are known to be right
    from holdfast.flows.inspect import broken_requirements, look_at_files  # noqa: PLC0415
    from holdfast.model.ailments import AilmentKind  # noqa: PLC0415

    target, state = look(invocation)
    problems = broken_requirements(target, state)
    found = look_at_files(target, state) if invocation.parsed.flag("files") else None
    ill = found is not None and any(each.kind is not AilmentKind.UNKNOWN for each in found.ailments)
    faulty = ill or (found is not None and bool(found.damaged))
    if invocation.parsed.flag("json"):
        say_json(_json(problems, found))
    else:
        say(_lines(problems, found))
        if not invocation.quiet:
            say(() if problems else ("No broken requirements found.",))
            say(() if faulty or found is None else ("No damaged files found.",))
            remark(("To restore what is damaged or missing: holdfast repair",) if faulty else ())
    return _DAMAGED if faulty else _BROKEN if problems else 0


def _lines(problems: tuple[Problem, ...], found: Findings | None) -> Iterator[str]:
    from holdfast.report.ailments import ailment_command, ailment_text  # noqa: PLC0415 - when there is something to say
    from holdfast.report.escape import printable  # noqa: PLC0415

    for problem in problems:
        yield printable(f"{problem}.")
    if found is not None:
        for fault in (*found.damaged, *found.foreign):
            yield printable(f"{fault.name} {fault.version}: {fault.path}: {fault.kind.value}")
        for each in found.ailments:
            yield printable(f"{ailment_text(each)} ({ailment_command(each)}).")


def _json(problems: tuple[Problem, ...], found: Findings | None) -> dict[str, object]:
    from holdfast.report.ailments import ailment_json  # noqa: PLC0415 - only when asked for

    return {
        "requirements": [
            {
                "name": problem.demand.requirer.name,
                "version": str(problem.demand.requirer.version),
                "requires": str(problem.demand.requirement),
                "found": None if problem.found is None else str(problem.found),
            }
            for problem in problems
        ],
        "files": _files(found.damaged) if found is not None else None,
        "foreign": _files(found.foreign) if found is not None else None,
        "environment": [ailment_json(each) for each in found.ailments] if found is not None else None,
    }


def _files(faults: tuple[FileFault, ...]) -> list[dict[str, str]]:
    return [
        {"name": fault.name, "version": fault.version, "path": fault.path, "kind": fault.kind.value} for fault in faults
    ]


COMMAND = Command(
    usage="usage: holdfast check [options]",
    text="Verify that what is installed has what it requires, and with --files that its files are intact.",
    groups=(("What to verify", (_FILES,)), WHERE, HOW),
    run=run,
    arguments=False,
)
