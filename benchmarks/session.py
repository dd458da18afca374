"""One session: every case, every tool, round by round, each run in directories that nobody used before.

**Guarantees**: within a round each tool runs once, the first one moves on by one each round; a run that did not do what
it was asked is kept as a failure, never as a time. **On crash**: the session's directory stays in `work`.
**Limits**: nothing is removed before the end, because ext4 creates files much slower for minutes after a large removal;
cold runs of a large workload therefore need a few gigabytes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.measure import Measured, measure
from benchmarks.scenarios import Case, Environment, fault, look, requirements_for
from benchmarks.tools import Ask, Tool
from benchmarks.workloads import Distributions, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run. `fault` says why it does not count; `held` is how long the lock was held, `synced` how much of that.

    Both are seconds, where that was asked.
    """

    wall: float
    user: float
    system: float
    peak_mb: float
    files: int
    fault: str | None = None
    held: float | None = None
    synced: float | None = None


@dataclass(slots=True, kw_only=True)
class Row:
    """The runs of one tool in one case."""

    case: str
    tool: str
    samples: list[Sample] = field(default_factory=list)
    warm_up_fault: str | None = None


@dataclass(slots=True, kw_only=True)
class Session:
    """Where and on what the cases run.

    Args:
        work: a directory of this session's own.
        python: the interpreter from which environments are made.
        workload: what is installed.
        expected: what that comes to.
        index: simple URL.
        say: told what goes on.
    """

    work: str
    python: str
    workload: Workload
    expected: Distributions
    index: str
    say: Callable[[str], None]
    runs: int = 0
    serial: int = 0
    prepared: dict[str, str | None] = field(default_factory=dict)

    def run(self, cases: tuple[Case, ...], tools: tuple[Tool, ...], *, runs: int, warm_ups: int) -> list[Row]:
        """All cases: `runs` rounds each that count, after `warm_ups` that do not."""
        rows = []
        for case in cases:
            taking = tuple(tool for tool in tools if not case.report or tool.name == "holdfast")
            rows += self._case(case, taking, runs=runs, warm_ups=warm_ups)
        return rows

    def _case(self, case: Case, tools: tuple[Tool, ...], *, runs: int, warm_ups: int) -> list[Row]:
        rows = {tool.name: Row(case=case.name, tool=tool.name) for tool in tools}
        for tool in tools:
            rows[tool.name].warm_up_fault = None if case.cold else self._prepare(tool)
        for number in range(-warm_ups, runs):
            turn = number % len(tools) if tools else 0
            for tool in (*tools[turn:], *tools[:turn]):
                row = rows[tool.name]
                if row.warm_up_fault is not None:
                    continue
                sample = self._once(case, tool)
                counted = "warm-up" if number < 0 else f"run {number + 1}"
                self.say(f"{case.name:14} {tool.name:9} {counted:8} {sample.wall:8.3f} s  {sample.fault or ''}")
                if number < 0:
                    row.warm_up_fault = sample.fault
                else:
                    row.samples.append(sample)
        return list(rows.values())

    def _prepare(self, tool: Tool) -> str | None:
        """Fill the tool's own cache and environment, once; what went wrong, if something did."""
        if tool.name not in self.prepared:
            home = self._home(tool)
            self._make_venv(os.path.join(home, "empty"))
            self._make_venv(os.path.join(home, "installed"))
            ask = Ask(python=_python(home, "installed"), requirements=self.workload.requirements, index=self.index)
            done = self._measure(tool, ask, cache=os.path.join(home, "cache"))
            wrong = f"exit {done.code}: {_tail(done.stderr)}" if done.code else None
            self.prepared[tool.name] = wrong
            self.say(f"{'prepare':14} {tool.name:9} {'':8} {done.wall:8.3f} s  {wrong or ''}")
        return self.prepared[tool.name]

    def _once(self, case: Case, tool: Tool) -> Sample:
        home, own = self._home(tool), self._new_directory()
        venv = (
            os.path.join(own, "venv") if case.environment is Environment.FRESH else os.path.join(home, case.environment)
        )
        if case.environment is Environment.FRESH:
            self._make_venv(venv)
        self.serial += 1
        ask = Ask(
            python=os.path.join(venv, "bin", "python"),
            requirements=requirements_for(case, self.workload.requirements, self.serial),
            index=self.index,
            dry_run=case.dry_run,
            bytecode=case.bytecode,
            report=case.report,
        )
        before = look(venv)
        done = self._measure(tool, ask, cache=os.path.join(own if case.cold else home, "cache"), own=own)
        after = look(venv)
        said = tool.would_install(done.stdout, done.stderr) if case.dry_run else frozenset()
        wrong = fault(case, code=done.code, expected=self.expected, said=said, before=before, after=after)
        if done.code:
            wrong = f"{wrong}: {_tail(done.stderr)}"
        return Sample(
            wall=done.wall,
            user=done.user,
            system=done.system,
            peak_mb=done.peak_mb,
            files=after.files,
            fault=wrong,
            held=lock_seconds(done.stdout, "held") if case.report else None,
            synced=lock_seconds(done.stdout, "synced") if case.report else None,
        )

    def _measure(self, tool: Tool, ask: Ask, *, cache: str, own: str | None = None) -> Measured:
        """One process with an environment of variables made from nothing, on a disk that has nothing left to write."""
        own = own or self._new_directory()
        home = os.path.join(self._home(tool), "user")
        env = {"HOME": home, "PATH": os.defpath, "TMPDIR": os.path.join(own, "tmp"), "LANG": "C.UTF-8"}
        for directory in (home, env["TMPDIR"]):
            os.makedirs(directory, exist_ok=True)
        os.sync()
        return measure(tool.line(ask), env=env | tool.env(cache), directory=own)

    def _make_venv(self, path: str) -> None:
        subprocess.run([self.python, "-m", "venv", "--without-pip", path], check=True)

    def _home(self, tool: Tool) -> str:
        path = os.path.join(self.work, tool.name)
        os.makedirs(path, exist_ok=True)
        return path

    def _new_directory(self) -> str:
        self.runs += 1
        path = os.path.join(self.work, "runs", str(self.runs))
        os.makedirs(path)
        return path


def lock_seconds(stdout: str, key: str) -> float | None:
    """Seconds, from the ``lock`` of holdfast's JSON; None: it does not say."""
    try:
        report = json.loads(stdout)
    except ValueError:
        return None
    seconds = (report.get("lock") or {}).get(key) if isinstance(report, dict) else None
    return float(seconds) if isinstance(seconds, int | float) else None


def _python(home: str, venv: str) -> str:
    return os.path.join(home, venv, "bin", "python")


def _tail(text: str) -> str:
    """The last thing that a program said, on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "(silent)"


def progress(text: str) -> None:
    """Say what goes on, apart from the results."""
    print(text, file=sys.stderr, flush=True)
