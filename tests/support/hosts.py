"""Other containers and other hosts, simulated: a pid namespace with its own /proc, and another boot id besides.

`Place.wrap` makes the argument list of a command that runs there. `Holder` is a command that is traced, and may be
stopped (SIGSTOP) right after one of its system calls, which is before whatever it does next.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import pytest

from tests.support.sandbox import Completed

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHANGING = (
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "rmdir"),
    *("mkdir", "mkdirat", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "syncfs", "fchmod", "fchown"),
    *("utimensat", "copy_file_range"),
)
"""The system calls that change files, or make a change last."""
_CALL = re.compile(r"(\d+) +(\w+)\((.*)")
_NAMESPACES = ("unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a command runs.

    Args:
        contained: In a pid namespace of its own.
        boot: The boot id there, if it is another host.
        monotonic: Seconds that its monotonic clock and the time since boot are ahead.
        mounted: What is seen there at which path, pairs of directories: a host mounts what others mount elsewhere.
    """

    contained: bool = False
    boot: str = ""
    monotonic: int = 0
    mounted: tuple[tuple[str, str], ...] = ()

    def wrap(self, command: Sequence[str]) -> list[str]:
        """The argument list; skips the test where the machine has no such namespaces."""
        line = list(command)
        if self.boot:
            script = (
                'f=$(mktemp) && echo "$1" >"$f" && mount --bind "$f" /proc/sys/kernel/random/boot_id && rm "$f" '
                '&& shift && exec "$@"'
            )
            line = ["sh", "-c", script, "sh", self.boot, *line]
        for source, path in self.mounted:
            line = ["sh", "-c", 'mount --bind "$1" "$2" && shift 2 && exec "$@"', "sh", source, path, *line]
        if self.monotonic:
            line = ["unshare", "-T", "--monotonic", str(self.monotonic), "--boottime", str(self.monotonic), *line]
        if self.contained:
            line = [*_NAMESPACES, "sh", "-c", '"$@"; exit $?', "sh", *line]  # the first process cannot be stopped
        _skip_unless_possible(contained=self.contained, shifted=bool(self.monotonic))
        return line


HERE = Place()
CONTAINER = Place(contained=True)


def another_host(*, monotonic: int = 0, mounted: tuple[tuple[str, str], ...] = ()) -> Place:
    """A host that nobody else is."""
    return Place(contained=True, boot=str(uuid.uuid4()), monotonic=monotonic, mounted=mounted)


def _skip_unless_possible(*, contained: bool, shifted: bool) -> None:
    probes = [[*_NAMESPACES, "true"]] * contained + [["unshare", "-T", "--monotonic", "1", "true"]] * shifted
    for probe in probes:
        try:
            done = subprocess.run(probe, check=False, capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("unshare is not here")
        if done.returncode:
            pytest.skip(f"no such namespace can be made here: {done.stderr.strip()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A system call of a command's main thread: the so-manieth of its name, and what was traced of it."""

    name: str
    number: int
    text: str


class Holder:
    """A command under strace, stopped after one of its calls if a point says so.

    Args:
        command: What is run.
        place: Where.
        env: The whole environment.
        cwd: Working directory.
        trace: A file for the trace.
        stop: After which call it stops; None: it runs through.
        slowly: Seconds that it waits before each rename.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        place: Place,
        env: Mapping[str, str],
        cwd: str,
        trace: str,
        stop: Point | None = None,
        slowly: float = 0.0,
    ) -> None:
        if shutil.which("strace") is None:
            pytest.skip("strace is not here")
        known = ",".join(f"?{name}" for name in CHANGING)
        line = ["strace", "-f", "-qq", "-s", "256", "-o", trace, "-e", "signal=STOP", "-e", f"trace={known}"]
        if stop is not None:
            line += ["-e", f"inject={stop.name}:signal=STOP:when={stop.number}"]
        if slowly:
            line += ["-e", f"inject=?rename,?renameat,?renameat2:delay_enter={int(slowly * 1_000_000)}"]
        with contextlib.suppress(FileNotFoundError):
            os.unlink(trace)
        self._trace = trace
        self._ended: Completed | None = None
        self._process = subprocess.Popen(
            place.wrap([*line, *command]),
            env={**env, "PYTHONPATH": os.pathsep.join(filter(None, [ROOT, env.get("PYTHONPATH", "")]))},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._ended is None:
            for pid in (*_below(self._process.pid), self._process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.communicate()

    def is_stopped(self) -> bool:
        """Wait until it stands still; False: it came to its end."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if "--- stopped by SIGSTOP ---" in self._read():
                return True
            if self._process.poll() is not None:
                return False
            time.sleep(0.01)
        raise AssertionError(f"neither stopped nor ended: {self._read()[-1000:]}")

    @property
    def pid(self) -> int:
        """Of the traced process, as it is known here."""
        return command_below(self._process.pid)

    def go_on(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> Completed:
        """SIGKILL, and its end."""
        os.kill(self.pid, signal.SIGKILL)
        return self.end()

    def end(self, timeout: float = 60) -> Completed:
        """Wait for its end."""
        out, err = self._process.communicate(timeout=timeout)
        args = self._process.args
        line = tuple(map(str, args)) if isinstance(args, list) else ()
        self._ended = Completed(args=line, returncode=self._process.returncode, stdout=out, stderr=err)
        return self._ended

    def calls(self) -> tuple[Point, ...]:
        """The calls that its main thread made, in their order."""
        found = [match for line in self._read().splitlines() if (match := _CALL.match(line))]
        mine = [match for match in found if match[1] == found[0][1]]
        counts: dict[str, int] = {}
        points = []
        for _, name, text in (match.groups() for match in mine):
            counts[name] = counts.get(name, 0) + 1
            points.append(Point(name=name, number=counts[name], text=text))
        return tuple(points)

    def _read(self) -> str:
        try:
            with open(self._trace, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""


def command_below(pid: int) -> int:
    """The process that runs holdfast, among what a process has started, and itself.

    Raises:
        LookupError: There is none (any more).
    """
    for each in (*_below(pid), pid):
        with contextlib.suppress(OSError), open(f"/proc/{each}/cmdline", "rb") as file:
            program, *arguments = file.read().split(b"\0")
            if b"python" in os.path.basename(program) and b"holdfast" in arguments:
                return each
    raise LookupError(pid)


def _below(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = [int(word) for word in file.read().split()]
    except OSError:
        return []
    return [each for child in children for each in (child, *_below(child))]
