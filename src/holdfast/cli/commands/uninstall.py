"""``holdfast uninstall``."""

from __future__ import annotations

from holdfast.cli.command import Command, Invocation
from holdfast.cli.parse import CommandLineError
from holdfast.config.settings import Setting
from holdfast.config.table import JSON, OUTPUT, POLICY, SHARED, TARGET, TRANSACTION

_REQUIREMENT = Setting(
    "requirement", "list", "remove what a file names", flags=("-r", "--requirement"), metavar="FILE", ambient=False
)
_YES = Setting("yes", "flag", "accepted: holdfast never asks", flags=("-y", "--yes"), ambient=False)
_MUST_EXIST = Setting("must-exist", "flag", "a package that is not installed is an error")


def run(invocation: Invocation) -> int:
    """Remove in one transaction."""
    parsed, settings = invocation.parsed, invocation.settings
    files = parsed.words("requirement")
    if not parsed.arguments and not files:
        raise CommandLineError("uninstall what? Name a package, or a file with -r.")
    from holdfast.cli.outcome import tell  # noqa: PLC0415 - after the options are known to be right
    from holdfast.cli.streams import make_reporter  # noqa: PLC0415
    from holdfast.config.requests import network, uninstall_request  # noqa: PLC0415
    from holdfast.flows.remote import url_opener  # noqa: PLC0415
    from holdfast.flows.uninstall import uninstall  # noqa: PLC0415
    from holdfast.requirements.arguments import parse_argument  # noqa: PLC0415
    from holdfast.requirements.files import read_requirements  # noqa: PLC0415

    roots = [parse_argument(word) for word in parsed.arguments]
    with make_reporter(invocation) as reporter:
        opener = url_opener(network(settings), reporter)
        roots += read_requirements(files, opener=opener, environ=invocation.environ).requirements
        request = uninstall_request(
            settings,
            names=tuple(dict.fromkeys(root.requirement.name for root in roots)),
            must_exist=settings.flag("must-exist"),
            environ=invocation.environ,
            cwd=invocation.cwd,
        )
        report = uninstall(request, reporter)
    return tell(report, invocation)


COMMAND = Command(
    usage="usage: holdfast uninstall [options] NAME... | -r FILE",
    text="Remove packages. What is not installed is passed over with a notice.",
    groups=(
        ("What to remove", (_REQUIREMENT, _YES, _MUST_EXIST)),
        ("Target", TARGET),
        ("What is allowed", tuple(setting for setting in POLICY if setting.name == "allow-breaking")),
        ("Transaction", (*SHARED, *TRANSACTION)),
        ("Output", (*JSON, *OUTPUT)),
    ),
    run=run,
)
