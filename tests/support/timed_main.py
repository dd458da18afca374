"""holdfast as a real process that tells when it made which disk call, and makes some of them not at all.

`run_timed` starts ``python -m tests.support.timed_main REPORT SKIPS ARGS``.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from holdfast.disk import calls
from tests.support.faulty_disk import Call, FaultyDisk
from tests.support.faulty_main import ROOT
from tests.support.sandbox import Completed, Sandbox


class Skips(StrEnum):
    """Syncs that are not made, though the code believes so: what a test of power loss must notice."""

    NOTHING = "nothing"
    DATA = "data"
    """Of the staged tree, and of single files."""
    JOURNAL = "journal"
    """Of the journal and of what it is about, before the first step."""
    LAST = "last"
    """Of the journal's directory, after the journal was unlinked."""
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One call: when it began and ended, in nanoseconds of CLOCK_MONOTONIC."""

    call: Call
    began: int
    ended: int


class TimedDisk(FaultyDisk):
    """Keeps the times of its calls, and skips some."""

    def __init__(self, skips: Skips) -> None:
        self.timed: list[Timed] = []
        self._skips = skips
        self._published = False
        self._unlinked = False
        super().__init__()

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - any of the calls
            made = Call(name=name, paths=self._paths(name, args, options))
            if self._is_skipped(made):
                return None
            began = time.monotonic_ns()
            result = real(*args, **options)
            self.timed.append(Timed(call=made, began=began, ended=time.monotonic_ns()))
            self._published |= name == "rename" and made.paths[1].endswith("/journal")
            self._unlinked |= name == "unlink" and made.paths[0].endswith("/journal")
            return result

        return super()._wrapped(name, timed if name in calls.MUTATING else real)

    def _is_skipped(self, made: Call) -> bool:
        if made.name not in {"fsync", "syncfs"}:
            return False
        match self._skips:
            case Skips.ALL:
                return True
            case Skips.DATA:
                return made.name == "syncfs" or "/new/" in f"{made.paths[0]}/"
            case Skips.JOURNAL:
                return not self._unlinked and (self._published or made.paths[0].endswith("/journal.part"))
            case Skips.LAST:
                return self._unlinked
            case Skips.NOTHING:
                return False


def run_timed(
    sandbox: Sandbox, *args: str, report: str, skips: Skips = Skips.NOTHING
) -> tuple[Completed, tuple[Timed, ...]]:
    """Run holdfast in the sandbox to its end; what it did when."""
    line = [sys.executable, "-m", "tests.support.timed_main", report, skips, *args]
    clean = sandbox.env()
    clean["PYTHONPATH"] = os.pathsep.join(filter(None, [ROOT, clean.get("PYTHONPATH")]))
    done = subprocess.run(
        line,
        env=clean,
        cwd=sandbox.cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    with open(report, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    timed = tuple(
        Timed(call=Call(name=name, paths=tuple(paths)), began=int(began), ended=int(ended))
        for began, ended, name, *paths in rows
    )
    return Completed(args=args, returncode=done.returncode, stdout=done.stdout, stderr=done.stderr), timed


def main() -> None:
    """Run holdfast."""
    report, skips, *args = sys.argv[1:]
    sys.argv[1:] = args
    with TimedDisk(Skips(skips)) as disk:
        try:
            runpy.run_module("holdfast", run_name="__main__", alter_sys=True)
        finally:
            with open(report, "w", encoding="utf-8") as file:
                file.writelines(
                    "\t".join([str(each.began), str(each.ended), each.call.name, *each.call.paths]) + "\n"
                    for each in disk.timed
                )


if __name__ == "__main__":
    main()
