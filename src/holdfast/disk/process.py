"""What the system shows of processes: enough to tell whether the owner of a lock still lives.

**Guarantees**: never raises for a process that is gone or foreign; what cannot be read is None, 0 or empty, which
`holdfast.model.owner.judge` reads as "not known".

**On crash**: changes nothing.

**Limits**: start times and pid namespaces come from /proc, so on macOS owners are never judged dead by their start
time. ``hidepid`` mounts hide other users' processes: kill(pid, 0) decides about their existence there, and so it does
where /proc is that of another pid namespace, whose numbers are other processes'.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache

_STATE, _STARTED = 0, 19  # fields 3 and 22 of /proc/<pid>/stat, counted after the command's closing parenthesis
_TICK = 1_000_000_000 // 100  # of a clock tick: USER_HZ is 100 wherever CPython runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is seen of a pid: whether it exists, its state letter, its start in clock ticks since boot.

    The start is the same number in every time namespace.
    """

    exists: bool
    state: str | None = None
    started: int | None = None


def sight(pid: int) -> Sight:
    """Look at a process."""
    if pid <= 0:
        return Sight(exists=False)
    try:
        if os.readlink("/proc/self") == str(os.getpid()):
            with open(f"/proc/{pid}/stat", "rb") as file:
                return parse_stat(file.read(), offset=_boottime_offset())
    except (OSError, ValueError, IndexError):
        pass
    return Sight(exists=_exists(pid))


def parse_stat(content: bytes, *, offset: int = 0) -> Sight:
    """Parse ``/proc/<pid>/stat``; the command in it may hold spaces and parentheses.

    Args:
        content: Of the file.
        offset: Nanoseconds that are on top of the start time, because the reader lives in a time namespace; a part
            of a tick among them: the start cannot be told exactly.

    Raises:
        ValueError: It is not that file's content.
        IndexError: It is too short.
    """
    fields = content[content.rindex(b")") + 1 :].split()
    ticks, rest = divmod(offset, _TICK)
    return Sight(exists=True, state=fields[_STATE].decode(), started=None if rest else int(fields[_STARTED]) - ticks)


@cache
def _boottime_offset() -> int:
    """By how many nanoseconds this process's time namespace shifts the time since boot (Linux 5.6)."""
    try:
        with open("/proc/self/timens_offsets", encoding="ascii") as file:
            shifts = dict(line.split(maxsplit=1) for line in file)
        seconds, nanoseconds = map(int, shifts["boottime"].split())
    except (OSError, ValueError, KeyError):
        return 0
    return seconds * 1_000_000_000 + nanoseconds


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # EPERM: it is there, and somebody else's
        return True
    return True


@cache
def boot_id() -> str:
    """What names this boot of this machine; empty: not known."""
    if sys.platform == "darwin":
        import subprocess  # noqa: PLC0415 - only there

        command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip()
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


@cache
def pid_namespace() -> int:
    """The inode number of this process's pid namespace; 0 where there is none.

    A number that nobody else has where /proc does not show this process, as after entering a container's mounts alone:
    then it cannot be told who is in the same one.
    """
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0 if sys.platform == "darwin" else -os.getpid()
