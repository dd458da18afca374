"""The command's entry point: answers what needs nothing, and hands everything else to the door."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # `signal` without its enums; typeshed does not know it
import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


_OBJECTS = 100_000
"""Between two looks for cycles: reading index pages makes that many values that live on, and few cycles."""


def _end_quietly_until_the_door_listens() -> None:
    """Ctrl-C while our modules are imported ends by the signal, as it ends any program that has not begun."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def entry() -> int:
    """Run this process's command line.

    Returns:
        The exit code (``docs/reference/exit-codes.md``).
    """
    gc.set_threshold(_OBJECTS)
    _end_quietly_until_the_door_listens()
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        _open_closed_streams()
    code = main(sys.argv[1:])
    _forget_unwritten()
    return code


def main(words: Sequence[str]) -> int:
    """Run one command line; everything that happens ends in an exit code, or in the signal that asked for the end."""
    if sys.platform in {"win32", "cygwin"}:
        sys.stderr.write("error: holdfast runs on Linux and macOS; Windows is not supported.\n")
        return 3
    if len(words) == 1 and words[0] in {"--version", "-V"}:
        from holdfast import __version__  # noqa: PLC0415 - start-up

        return _say(f"holdfast {__version__}\n")
    if not words or (len(words) == 1 and words[0] in {"--help", "-h", "help"}):
        from holdfast.cli.catalogue import overview  # noqa: PLC0415 - start-up

        return _say(overview())
    from holdfast.cli.door import run_guarded  # noqa: PLC0415 - start-up

    return run_guarded(words)


def _open_closed_streams() -> None:
    """A closed descriptor 0, 1 or 2 would be that of the next file: a lock, a journal, with a stray message in it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free, so this one
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def _forget_unwritten() -> None:
    """What a full stderr did not take must not be tried again at the interpreter's end: it would exit with 120."""
    try:
        sys.stderr.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)


def _say(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        from holdfast.cli.door import run_guarded  # noqa: PLC0415 - it knows what a closed pipe means

        return run_guarded(["help"])
    return 0
