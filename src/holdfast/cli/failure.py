"""The words of a failure: outcome and state, then the cause, then one thing to type (promise P9). Pure."""

from __future__ import annotations

from holdfast.cli.context import Context
from holdfast.cli.parse import CommandLineError
from holdfast.errors import HoldfastError
from holdfast.report.escape import printable


def failure_lines(error: HoldfastError, context: Context) -> tuple[str, ...]:
    """The lines for stderr.

    Args:
        error: What happened.
        context: The command and its ``usage:`` line, shown for a wrong word on the command line; how much to say.
    """
    if isinstance(error, CommandLineError):
        return (f"error: {printable(error.cause)}", context.usage)
    lines = [f"error: {context.command or 'holdfast'} failed. {printable(error.state)}".rstrip()]
    lines += [printable(line) for line in error.cause.splitlines()]
    lines += [f"  {printable(line)}" for detail in error.details for line in detail.splitlines() or ("",)]
    if context.verbose and error.derivation:
        lines += ["How this follows:", *(f"  {printable(line)}" for line in error.derivation)]
    if error.hint:
        lines.append(f"Try: {printable(error.hint)}")
    return tuple(lines)
