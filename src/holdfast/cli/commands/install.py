"""``holdfast install``."""

from __future__ import annotations

from holdfast.cli.command import Command, Invocation
from holdfast.cli.parse import CommandLineError
from holdfast.config.settings import Setting
from holdfast.config.table import (
    CACHE,
    JSON,
    NETWORK,
    OUTPUT,
    PLACING,
    POLICY,
    REPORT,
    RESOLVE,
    SHARED,
    SOURCES,
    TARGET,
    TRANSACTION,
)

_REQUIREMENT = Setting(
    "requirement", "list", "install what a file asks for", flags=("-r", "--requirement"), metavar="FILE", ambient=False
)


def run(invocation: Invocation) -> int:
    """Resolve, stage, commit."""
    parsed, settings = invocation.parsed, invocation.settings
    files = parsed.words("requirement")
    if not parsed.arguments and not files:
        raise CommandLineError("install what? Name a package, or a file with -r.")
    if settings.flag("json") and settings.text("report") == "-":
        raise CommandLineError("--json and --report - both want stdout; the report has what --json says, too.")
    from holdfast.cli.outcome import tell  # noqa: PLC0415 - after the options are known to be right
    from holdfast.cli.streams import make_reporter  # noqa: PLC0415
    from holdfast.config.requests import install_request, network  # noqa: PLC0415
    from holdfast.flows.install import install  # noqa: PLC0415
    from holdfast.flows.remote import url_opener  # noqa: PLC0415
    from holdfast.requirements.arguments import parse_argument  # noqa: PLC0415
    from holdfast.requirements.files import read_requirements  # noqa: PLC0415

    typed = tuple(parse_argument(word) for word in parsed.arguments)
    with make_reporter(invocation) as reporter:
        read = read_requirements(
            files,
            settings.words("constraint"),
            opener=url_opener(network(settings), reporter),
            environ=invocation.environ,
        )
        request = install_request(
            settings,
            requirements=(*typed, *read.requirements),
            constraints=read.constraints,
            options=read.options,
            given=parsed.sequence,
            environ=invocation.environ,
            cwd=invocation.cwd,
        )
        report = install(request, reporter)
    return tell(report, invocation)


COMMAND = Command(
    usage="usage: holdfast install [options] REQUIREMENT... | -r FILE",
    text="Install packages: names with versions, paths and URLs of wheels, requirements files.",
    groups=(
        ("What to install", (_REQUIREMENT,)),
        ("Target", TARGET),
        ("Where packages come from", SOURCES),
        ("What is chosen", RESOLVE),
        ("What is allowed", POLICY),
        ("How files are placed", (*PLACING, *SHARED)),
        ("Transaction", TRANSACTION),
        ("Network", NETWORK),
        ("Cache", CACHE),
        ("Output", (*JSON, *REPORT, *OUTPUT)),
    ),
    run=run,
)
