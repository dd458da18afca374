"""holdfast as a real process that gets signals at named moments of its work, and a second one so many calls later.

`run_signalled` starts ``python -m tests.support.signalled_main PHASE FIRST SECOND GAP ARGS``.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum

from tests.support.faulty_disk import Call, FaultyDisk, When
from tests.support.faulty_main import ROOT
from tests.support.sandbox import Completed, Sandbox


class Phase(StrEnum):
    """Where the first signal comes: before a call that is made in no other phase."""

    STAGE = "stage"
    """The first file of the new tree."""
    LOCK = "lock"
    """The lock is published."""
    JOURNAL = "journal"
    """The journal is published."""
    COMMIT = "commit"
    """The third step."""
    LAST = "last"
    """The journal is unlinked: nothing looks for a signal any more."""
    SWEEP = "sweep"
    """The first of the old files is deleted."""
    FENCE = "fence"
    """What a dead one left is taken over."""
    UNDO = "undo"
    """The second entry of what a dead one left goes back to its place."""
    RELEASE = "release"
    """The lock is given back."""
    CLEAR = "clear"
    """The transaction directory is about to go."""


_CALLS: dict[Phase, tuple[str, Callable[[str, str], bool]]] = {
    Phase.STAGE: ("link", lambda _, to: "/new/" in to),
    Phase.LOCK: ("rename", lambda _, to: to.endswith("/.holdfast.lock")),
    Phase.JOURNAL: ("rename", lambda _, to: to.endswith("/journal")),
    Phase.LAST: ("unlink", lambda path, _: path.endswith("/journal")),
    Phase.RELEASE: ("rename", lambda _, to: to.endswith("/done")),
    Phase.SWEEP: ("unlink", lambda path, _: "/old/" in path),
    Phase.CLEAR: ("unlink", lambda path, _: path.endswith("/done")),
    Phase.FENCE: ("rename", lambda _, to: "/taken/" in to),
}
"""The call before which each begins: its name, and what is true of its first and last path."""
_COUNT = {Phase.COMMIT: 3, Phase.UNDO: 2}


class Moments:
    """Tells the moments of a run from its calls, one after the other."""

    def __init__(self) -> None:
        self._counted = dict.fromkeys(_COUNT, 0)
        self._published = False

    def of(self, call: Call) -> frozenset[Phase]:
        """The phases whose moment may be before this call; the first such call counts."""
        first, last = (call.paths[0], call.paths[-1]) if call.paths else ("", "")
        found = {phase for phase, (name, holds) in _CALLS.items() if call.name == name and holds(first, last)}
        if call.name.startswith("rename"):
            outside = [".holdfast-" not in path for path in (first, last)]
            found |= self._count(Phase.COMMIT, holds=self._published and any(outside))
            found |= self._count(Phase.UNDO, holds="/old" in first and outside[1])
        self._published |= Phase.JOURNAL in found
        return frozenset(found)

    def _count(self, phase: Phase, *, holds: bool) -> set[Phase]:
        self._counted[phase] += holds
        return {phase} if holds and self._counted[phase] == _COUNT[phase] else set()


class SignalledDisk(FaultyDisk):
    """Sends this process a signal before the first call of a phase, and another one `gap` calls later."""

    def __init__(self, phase: Phase | int, first: signal.Signals, second: signal.Signals | None, gap: int) -> None:
        super().__init__()
        self._phase = phase
        self._first = first
        self._second = second
        self._gap = gap
        self._at: int | None = None
        self._moments = Moments()

    def _due(self, made: Call) -> When | None:
        before = len(self.made)
        due = super()._due(made)
        if len(self.made) == before:
            return due
        here = before == self._phase if isinstance(self._phase, int) else self._phase in self._moments.of(made)
        if self._at is None and here:
            self._at = before
            os.kill(os.getpid(), self._first)
        elif self._at is not None and self._second is not None and before == self._at + self._gap:
            os.kill(os.getpid(), self._second)
        return due


def run_signalled(
    sandbox: Sandbox,
    *args: str,
    phase: Phase | int,
    first: signal.Signals,
    second: signal.Signals | None = None,
    gap: int = 1,
    env: Mapping[str, str | None] | None = None,
) -> Completed:
    """Run holdfast in the sandbox to its end.

    Args:
        sandbox: Where.
        args: After ``holdfast``.
        phase: When the first signal comes; a number counts the calls that change something, from 0.
        first: The signal.
        second: Another one.
        gap: How many calls after the first; 0 is as soon as 1.
        env: Adds to the environment.
    """
    words = [str(phase), first.name, second.name if second else "-", str(max(gap, 1)), *args]
    clean = sandbox.env(**(env or {}))
    clean["PYTHONPATH"] = os.pathsep.join(filter(None, [ROOT, clean.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.signalled_main", *words],
        env=clean,
        cwd=sandbox.cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Completed(args=args, returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


def main() -> None:
    """Run holdfast."""
    phase, first, second, gap, *args = sys.argv[1:]
    sys.argv[1:] = args
    with SignalledDisk(
        int(phase) if phase.isdigit() else Phase(phase),
        signal.Signals[first],
        signal.Signals[second] if second != "-" else None,
        int(gap),
    ):
        runpy.run_module("holdfast", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
