"""Where everything that can happen becomes an exit code and words that help (promise P9).

**Guarantees.** What the world did wrong is told without a traceback: outcome and state, cause, one command to type.
What is a bug of ours shows its traceback, one line asking for a report, and exit code 70. With ``--json`` a failure is
one JSON object on stdout too. A signal ends the process by that signal, after a line that says the state.

**On crash.** Nothing here to clean up; rooms clean up in their own ``finally``.

**Limits.** A second signal while a room cleans up may interrupt the cleaning; the next writing command finishes it.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

from holdfast.cli.context import Context
from holdfast.errors import NOTHING_CHANGED, HoldfastError, InterruptedBySignal, TargetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

BUG = 70
"""EX_SOFTWARE of sysexits.h: outside the codes that say something about the request."""


class _Asked(KeyboardInterrupt):
    """A signal that asks for the end; what cleans up after Ctrl-C cleans up after each."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class _Listener:
    """Turns the first signal that asks for the end into `_Asked`; what follows it only repeats it."""

    def __init__(self) -> None:
        self._asked = False

    def listen(self) -> None:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(signum) is not signal.SIG_IGN:  # ignored (nohup) stays ignored
                signal.signal(signum, self._stop)

    def _stop(self, signum: int, _frame: FrameType | None) -> None:
        if not self._asked:
            self._asked = True
            raise _Asked(signum)


def run_guarded(words: Sequence[str]) -> int:
    """Run a command line behind the door.

    Returns:
        The exit code. A signal that asked for the end does not return.
    """
    context = Context()
    context.json = "--json" in words
    _Listener().listen()
    try:
        return _answered(words, context)
    except KeyboardInterrupt as stop:
        return _die(stop.signum if isinstance(stop, _Asked) else signal.SIGINT, _state(), context)


def _answered(words: Sequence[str], context: Context) -> int:
    from holdfast.cli.dispatch import dispatch  # noqa: PLC0415 - what goes wrong in its imports is caught here

    try:
        code = dispatch(words, context)
    except InterruptedBySignal as stop:
        return _die(stop.signum, stop.state, context)
    except HoldfastError as error:
        code = _tell(error, context)
    except BrokenPipeError:
        return _pipe_closed()
    except OSError as error:
        # A room should have said it better; still it is the world's fault, and no traceback.
        code = _tell(_of_the_world(error), context)
    except Exception:  # noqa: BLE001 - the last resort
        return _bug(context)
    return _flushed(code)


def _state() -> str:
    """What is to be said to who stops us while the result is told: the change may be in force by then."""
    signals = sys.modules.get("holdfast.flows.signals")
    return NOTHING_CHANGED if signals is None else str(signals.latest_state())


def _tell(error: HoldfastError, context: Context) -> int:
    from holdfast.cli.failure import failure_lines  # noqa: PLC0415 - only when something failed

    _complain("\n".join(failure_lines(error, context)))
    if context.json:
        _tell_json(error)
    return error.exit_code


def _tell_json(error: HoldfastError) -> None:
    import json  # noqa: PLC0415 - only when asked for

    from holdfast.report.as_json import error_json  # noqa: PLC0415 - only when asked for

    try:
        sys.stdout.write(json.dumps(error_json(error), indent=2) + "\n")
    except OSError:
        return


def _of_the_world(error: OSError) -> HoldfastError:
    where = f": {error.filename}" if error.filename else ""
    return TargetError(f"The operating system says: {error.strerror or error}{where}", state="")


def _bug(context: Context) -> int:
    import traceback  # noqa: PLC0415 - only for bugs

    from holdfast import __version__  # noqa: PLC0415 - only for bugs

    _complain(traceback.format_exc().rstrip())
    _complain(
        f"This is a bug in holdfast {__version__} ({context.command or 'start'}). Please report it with these lines."
    )
    if context.json:
        _tell_json(HoldfastError("A bug in holdfast; the traceback is on stderr.", state=""))
    _flushed(BUG)
    return BUG


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _pipe_closed()
    except OSError as error:
        _complain(f"error: the result could not be written to stdout: {error.strerror}.")
        _silence_stdout()
        return code or 1
    return code


def _pipe_closed() -> int:
    """The reader has enough (``| head``): end as every Unix tool does, without a word."""
    _silence_stdout()
    return _kill_self(signal.SIGPIPE)


def _silence_stdout() -> None:
    """What is still buffered must not be tried again at the interpreter's end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _die(signum: int, state: str, context: Context) -> int:
    for listened in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(listened, signal.SIG_IGN)
    if context.json:
        _tell_json(InterruptedBySignal(signum, state=state))
    _complain(f"error: {context.command or 'holdfast'} interrupted. {state}".rstrip())
    signal.signal(signum, signal.SIG_DFL)  # who reads stdout may have stopped reading: that must not keep us
    if context.json:
        with suppress(OSError):
            sys.stdout.flush()
    return _kill_self(signum)


def _kill_self(signum: int) -> int:
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
    return 128 + signum  # not reached unless the signal is blocked


def _complain(text: str) -> None:
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # closed, full, or none at all: there is nobody to tell
        return
