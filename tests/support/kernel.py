"""Real commands that stop where the kernel is asked to change a file: the client of `tests.support.kernel_nursery`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.support.faulty_main import ROOT
from tests.support.kernel_calls import supported
from tests.support.sandbox import Completed, Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Where a run is struck: at its n-th call, from 0, and by what.

    Args:
        n: Of the calls that change files below the sandbox, of all its threads and processes.
        after: Once the call was made; only for SIGKILL.
        fault: ``SIGKILL``, an errno's name, or one that stays (``EROFS+``; ``ENOSPC+``: for what needs room).
        call: What was seen there when nothing struck.
    """

    n: int = -1
    after: bool = False
    fault: str = "SIGKILL"
    call: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.fault} {'after' if self.after else 'before'} call {self.n} {' '.join(self.call)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """How a traced command ended, and which calls it made: below the sandbox, and elsewhere."""

    done: Completed
    calls: tuple[tuple[str, ...], ...]
    outside: tuple[tuple[str, ...], ...]


class Kernel:
    """Runs commands; one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._warm = False

    def run(self, box: Sandbox, *words: str, argv: Sequence[str] = (), timeout: float = 300) -> Completed:
        """One command, unharmed: ``holdfast WORDS``, forked; or ``argv``, executed."""
        return self._answer(box, words, argv, timeout, traced=False).done

    def trace(
        self,
        box: Sandbox,
        *words: str,
        stop: Stop | None = None,
        argv: Sequence[str] = (),
        roots: Sequence[str] = (),
        syncing: bool = False,
        timeout: float = 300,
    ) -> Traced:
        """One command, struck where `stop` says.

        Args:
            box: Whose world it runs in.
            words: After ``holdfast``.
            stop: Where, if at all.
            argv: Executed instead.
            roots: Where calls count, besides the sandbox.
            syncing: Whether fsync and its like count too.
            timeout: Seconds until the test fails.
        """
        stop = stop or Stop()
        return self._answer(
            box,
            words,
            argv,
            timeout,
            traced=True,
            stop=stop.n,
            after=stop.after,
            fault=stop.fault,
            roots=[box.root, *roots],
            syncing=syncing,
        )

    def _answer(
        self, box: Sandbox, words: Sequence[str], argv: Sequence[str], timeout: float, **more: object
    ) -> Traced:
        forked = not argv and not more["traced"]
        job = {
            "words": words,
            "argv": list(argv),
            "env": box.env(),
            "cwd": box.cwd,
            "modules": forked and not self._warm and words[0] == "install",
            **more,
        }
        self._warm = self._warm or bool(job["modules"])
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watch = threading.Timer(timeout, self._process.kill)
        watch.start()
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            watch.cancel()
        assert line, f"{words} {argv} did not end within {timeout} s"
        found = json.loads(line)
        done = Completed(
            args=tuple(argv) or ("holdfast", *words),
            returncode=found["returncode"],
            stdout=found["stdout"],
            stderr=found["stderr"],
        )
        return Traced(
            done=done,
            calls=tuple(map(tuple, found["calls"])),
            outside=tuple(map(tuple, found["outside"])),
        )


@contextmanager
def nursery() -> Iterator[Kernel]:
    """A nursery for a block; skips where the machine or its rights do not let one trace."""
    if not supported():
        pytest.skip("the tracer knows the system calls of Linux on x86_64 only")
    clean = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")]))}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.kernel_nursery"],
        env=clean,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "true\n":
            pytest.skip("this machine does not let a process trace its child, or filter its calls")
        yield Kernel(process)
    finally:
        process.kill()
        process.communicate()
