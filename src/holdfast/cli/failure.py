"""The words of a failure: outcome and state, then the cause, then one thing to type (promise P9). Pure."""

from __future__ import annotations

from holdfast.cli.parse import CommandLineError
from holdfast.errors import HoldfastError
from holdfast.report.escape import printable


def failure_lines(error: HoldfastError, command: str, usage: str) -> tuple[str, ...]:
    """The lines for stderr.

    Args:
        error: What happened.
        command: Its name; empty when the command line did not get that far.
        usage: The ``usage:`` line, shown for a wrong word on the command line.
    """
    if isinstance(error, CommandLineError):
        return (f"error: {printable(error.cause)}", usage)
    lines = [f"error: {command or 'holdfast'} failed. {error.state}".rstrip()]
    lines += [printable(line) for line in error.cause.splitlines()]
    lines += [f"  {printable(line)}" for detail in error.details for line in detail.splitlines() or ("",)]
    if error.hint:
        lines.append(f"Try: {printable(error.hint)}")
    return tuple(lines)
