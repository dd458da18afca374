"""What the system shows of processes: enough to tell whether the owner of a lock still lives.

**Guarantees**: never raises for a process that is gone or foreign; what cannot be read is None, 0 or empty, which
`holdfast.model.owner.judge` reads as "not known".

**On crash**: changes nothing.

**Limits**: start times and pid namespaces come from /proc, so on macOS owners are never judged dead by their start
time. ``hidepid`` mounts hide other users' processes: kill(pid, 0) decides about their existence there.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache

_STATE, _STARTED = 0, 19  # fields 3 and 22 of /proc/<pid>/stat, counted after the command's closing parenthesis


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is seen of a pid: whether it exists, its state letter, its start in clock ticks since boot."""

    exists: bool
    state: str | None = None
    started: int | None = None


def sight(pid: int) -> Sight:
    """Look at a process."""
    if pid <= 0:
        return Sight(exists=False)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return parse_stat(file.read())
    except (OSError, ValueError, IndexError):
        return Sight(exists=_exists(pid))


def parse_stat(content: bytes) -> Sight:
    """Parse ``/proc/<pid>/stat``; the command in it may hold spaces and parentheses.

    Raises:
        ValueError: It is not that file's content.
        IndexError: It is too short.
    """
    fields = content[content.rindex(b")") + 1 :].split()
    return Sight(exists=True, state=fields[_STATE].decode(), started=int(fields[_STARTED]))


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
    """The inode number of this process's pid namespace; 0 where there is none."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0
