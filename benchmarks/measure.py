"""One program as a whole, measured from outside: wall time, processor time, peak memory, exit code.

**Guarantees**: the clock runs from before the program is started until it and what it waited for have ended.
**Limits**: Linux counts the memory of whoever starts a program into the program's peak, so a peak below this
harness's own (`own_peak_mb`) cannot be seen.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST = 600.0
MAXRSS_UNIT = 1024 if sys.platform != "darwin" else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of one program. Times in seconds."""

    wall: float
    user: float
    system: float
    peak_mb: float
    code: int
    stdout: str
    stderr: str


def own_peak_mb() -> float:
    """The harness's own peak memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT / 1e6


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def measure(line: tuple[str, ...], *, env: Mapping[str, str], directory: str, longest: float = LONGEST) -> Measured:
    """Run a program in `directory`, its output into files there.

    Args:
        line: the program and its arguments.
        env: its whole environment.
        directory: working directory; ``stdout`` and ``stderr`` are written into it.
        longest: seconds after which it is killed (its code is then -9).
    """
    said = {name: os.path.join(directory, name) for name in ("stdout", "stderr")}
    with open(said["stdout"], "wb") as out, open(said["stderr"], "wb") as err:
        begun = time.perf_counter()
        process = subprocess.Popen(  # waited for by wait4 below, which tells what it used
            line, env=env, cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        timer = threading.Timer(longest, _end, (process.pid,))
        timer.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    text = {}
    for name, path in said.items():
        with open(path, encoding="utf-8", errors="replace") as stream:
            text[name] = stream.read()
    return Measured(
        wall=wall,
        user=used.ru_utime,
        system=used.ru_stime,
        peak_mb=used.ru_maxrss * MAXRSS_UNIT / 1e6,
        code=process.returncode,
        stdout=text["stdout"],
        stderr=text["stderr"],
    )
