"""Results on stdout, prose on stderr; and the reporter that goes with the settings."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

from holdfast.cli.command import Invocation
from holdfast.report.console import ConsoleReporter, console_reporter


def make_reporter(invocation: Invocation) -> ConsoleReporter:
    """The reporter that the settings ask for; a context manager."""
    settings = invocation.settings
    return console_reporter(
        verbosity=invocation.verbosity,
        color=False if settings.flag("no-color") else None,
        progress=not settings.flag("no-progress") and settings.text("progress-bar") not in {"off", "raw"},
    )


def say(lines: Iterable[str]) -> None:
    """Lines of a result."""
    text = "".join(f"{line}\n" for line in lines)
    sys.stdout.write(text)


def say_json(value: object) -> None:
    """A result as one JSON value."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def remark(lines: Iterable[str]) -> None:
    """Prose about a result; a closed stderr is no reason to fail."""
    text = "".join(f"{line}\n" for line in lines)
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return
