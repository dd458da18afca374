"""A program: holdfast commands as real processes that stop at their n-th system call that changes a file.

It has imported the product and forks a child for each job, so that a command costs milliseconds; a job with ``argv``
executes that instead. A traced child and all that it starts stop at the calls of `kernel_calls`, in one count for
all threads and processes. There the job's fault strikes: SIGKILL to every one of them, at the entry of the call (it is
not made) or at its exit (it was made); or an errno instead of the call.

Reads jobs and writes results as lines of JSON, see `tests.support.kernel`. When it ends, what it traces ends.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import importlib
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import Any

from holdfast.cli.main import entry
from tests.support.kernel_calls import (
    ARGUMENTS,
    NUMBER,
    REGISTERS,
    RESULT,
    SHAPES,
    SYNCING,
    Filter,
    paths_of,
)

TRACEME, CONT, GETREGS, SETREGS, SYSCALL, SETOPTIONS = 0, 7, 12, 13, 24, 0x4200
OPTIONS = 0x100000 | 0x80 | 0x10 | 0x8 | 0x4 | 0x2 | 0x1  # end with us; seccomp, exec, clone, vfork, fork; syscall bit
EVENT_SECCOMP = 7
WALL = 0x40000000
ROOMY = frozenset(
    (
        *("open", "openat", "mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat"),
        *("write", "pwrite64", "copy_file_range", "ficlone"),
    )
)
"""What a full disk refuses; what frees or only moves goes on."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


def ptrace(request: int, pid: int, data: Any = None) -> None:  # noqa: ANN401 - a number or a buffer
    """A request; a process that is gone has nothing to answer."""
    if _libc.ptrace(request, pid, None, data) == -1 and ctypes.get_errno() != errno.ESRCH:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")


@dataclass(slots=True)
class Trace:
    """One traced run."""

    job: dict[str, Any]
    calls: list[tuple[str, ...]] = field(default_factory=list)
    outside: list[tuple[str, ...]] = field(default_factory=list)
    alive: set[int] = field(default_factory=set)
    leaving: int | None = None
    killed: bool = False

    def follow(self, child: int) -> int:
        """To the end of all processes; the child's wait status."""
        status = os.waitpid(child, WALL)[1]
        if not os.WIFSTOPPED(status):
            return status
        ptrace(SETOPTIONS, child, OPTIONS)
        self.alive.add(child)
        ptrace(CONT, child)
        status = 0
        while True:
            try:
                pid, state = os.waitpid(-1, WALL)
            except ChildProcessError:
                return status
            if os.WIFSTOPPED(state):
                self._stopped(pid, state)
                continue
            self.alive.discard(pid)
            if pid == child:
                status = state

    def _stopped(self, pid: int, state: int) -> None:
        number, event = os.WSTOPSIG(state), state >> 16
        first = pid not in self.alive
        self.alive.add(pid)
        if self.killed:
            self._kill()
        elif event == EVENT_SECCOMP:
            self._called(pid)
        elif number == signal.SIGTRAP | 0x80:  # the exit of the call that was let through to be killed after it
            if pid == self.leaving:
                self._kill()
            else:
                ptrace(CONT, pid)
        else:
            passed_on = 0 if event or number == signal.SIGTRAP or (first and number == signal.SIGSTOP) else number
            ptrace(CONT, pid, passed_on)

    def _called(self, pid: int) -> None:
        registers = (ctypes.c_uint64 * REGISTERS)()
        ptrace(GETREGS, pid, registers)
        shape = SHAPES[registers[NUMBER]]
        arguments = tuple(registers[place] for place in ARGUMENTS)
        paths = paths_of(pid, shape, arguments)
        if not any(path.startswith(tuple(self.job["roots"])) for path in paths):
            if any(path.startswith("/") and not path.startswith(("/dev/null", "/memfd:")) for path in paths):
                self.outside.append((shape.name, *paths))
            ptrace(CONT, pid)
            return
        n = len(self.calls)
        self.calls.append((shape.name, *paths))
        stop, fault = self.job["stop"], self.job["fault"]
        if stop == n and fault == "SIGKILL" and self.job["after"]:
            self.leaving = pid
            ptrace(SYSCALL, pid)
        elif stop == n and fault == "SIGKILL":
            self._kill()
        elif stop >= 0 and (n == stop or (n > stop and self._lasts(shape.name))):
            self._fail(pid, registers, getattr(errno, fault.rstrip("+")))
        elif shape.name in SYNCING:
            self._fail(pid, registers, 0)
        else:
            ptrace(CONT, pid)

    def _lasts(self, name: str) -> bool:
        fault = self.job["fault"]
        return fault.endswith("+") and (fault not in {"ENOSPC+", "EDQUOT+"} or name in ROOMY)

    def _fail(self, pid: int, registers: Any, number: int) -> None:  # noqa: ANN401 - a ctypes array
        registers[NUMBER], registers[RESULT] = (1 << 64) - 1, -number & ((1 << 64) - 1)
        ptrace(SETREGS, pid, registers)
        ptrace(CONT, pid)

    def _kill(self) -> None:
        self.killed = True
        for pid in self.alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def run(job: dict[str, Any]) -> dict[str, Any]:
    """One job to its end."""
    out, err = os.memfd_create("out"), os.memfd_create("err")
    child = os.fork()
    if child == 0:
        _become(job, out, err)
    trace = Trace(job)
    status = trace.follow(child) if job["traced"] else os.waitpid(child, 0)[1]
    return {
        "returncode": os.waitstatus_to_exitcode(status),
        "stdout": _read(out),
        "stderr": _read(err),
        "calls": trace.calls,
        "outside": trace.outside,
    }


def _become(job: dict[str, Any], out: int, err: int) -> None:
    """The command itself, in the child."""
    code = 70
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, fd in enumerate((nothing, out, err)):
            os.dup2(fd, number)
        os.closerange(3, 64)
        os.environ.clear()
        os.environ.update(job["env"])
        os.chdir(job["cwd"])
        if job["traced"]:
            ptrace(TRACEME, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            FILTERS[job["syncing"]].enforce()
        else:
            IDLE.enforce()
        if job["argv"]:
            os.execve(job["argv"][0], job["argv"], job["env"])
        sys.argv = ["holdfast", *job["words"]]
        code = entry()
        if job["modules"]:
            sys.stdout.write("\n" + json.dumps(sorted(sys.modules)))
        sys.stdout.flush()
        sys.stderr.flush()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(code)


def _read(fd: int) -> str:
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        return file.read().decode(errors="replace")


def warm(job: dict[str, Any]) -> None:
    """Import what a command like this one imports, once for all that follow."""
    for name in json.loads(run(job)["stdout"].splitlines()[-1]):
        if name not in sys.modules and not name.startswith("__"):
            try:
                importlib.import_module(name)
            except ImportError:
                continue
    gc.collect()
    gc.freeze()


FILTERS = (Filter(syncing=False), Filter(syncing=True))
PROBE: dict[str, Any] = {
    "traced": True,
    "syncing": False,
    "stop": -1,
    "fault": "",
    "after": False,
    "roots": [],
    "no_exchange": False,
    "words": ["--version"],
    "argv": [],
    "env": {},
    "cwd": "/",
    "modules": False,
}
"""Shows whether this machine lets one trace."""
IDLE = Filter(syncing=False, changes=False)


def main() -> None:
    """Serve until the jobs end."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    answers.write(json.dumps(run(PROBE)["returncode"] == 0) + "\n")
    answers.flush()
    for line in sys.stdin:
        job = json.loads(line)
        if job["modules"]:
            warm(job)
        answers.write(json.dumps(run({**job, "modules": False})) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
