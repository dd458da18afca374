"""The whole harness with uv on two small wheels: what it measures is what happened, and failures stay in the table."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from benchmarks.local_index import running
from benchmarks.run import base_python
from benchmarks.scenarios import chosen
from benchmarks.session import Row, Session
from benchmarks.table import render
from benchmarks.tools import Ask, Tool, Uv, find_uv
from benchmarks.workloads import Workload, distributions_in
from tests.support.wheels import build_wheel, pkg

pytestmark = pytest.mark.peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetful:
    """An installer that leaves the dependencies out."""

    uv: Uv
    name: str = "forgetful"
    version: str = "0"

    def line(self, ask: Ask) -> tuple[str, ...]:
        return (*self.uv.line(ask), "--no-deps")

    def env(self, cache: str) -> dict[str, str]:
        return self.uv.env(cache)

    def would_install(self, stdout: str, stderr: str) -> frozenset[tuple[str, str]]:
        return self.uv.would_install(stdout, stderr)


@pytest.fixture
def uv() -> Uv:
    found = find_uv(None)
    if found is None:
        pytest.skip("uv is not here")
    return found


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    wheels = tmp_path / "wheels"
    build_wheel(pkg("outer", "2.0", requires=("inner",)), str(wheels))
    build_wheel(pkg("inner", "1.0"), str(wheels))
    with running(str(wheels), past=1) as index:
        yield Session(
            work=str(tmp_path / "work"),
            python=base_python(sys.executable)[0],
            workload=Workload(name="small", requirements=("outer",)),
            expected=distributions_in(str(wheels)),
            index=index,
            say=lambda _: None,
        )


def measured(session: Session, cases: list[str], *tools: Tool, runs: int) -> list[Row]:
    return session.run(chosen(cases), tools, runs=runs, warm_ups=1)


def test_every_case_is_measured_and_rendered(session: Session, uv: Uv) -> None:
    rows = measured(session, ["noop", "warm", "bytecode", "cold", "resolve"], uv, runs=2)
    assert [(row.case, len(row.samples), row.warm_up_fault) for row in rows] == [
        (case, 2, None) for case in ("noop", "warm", "bytecode", "cold", "resolve-new", "resolve-again")
    ]
    assert {sample.fault for row in rows for sample in row.samples} == {None}
    caches = glob.glob(os.path.join(session.work, "runs", "*", "cache"))
    assert len(caches) == 3
    text = render({"about": {"runs": "2"}, "rows": [asdict(row) for row in rows]})
    assert "| already satisfied | - |" in text
    assert "≤ 0.9 uv: not measured" in text


def test_a_tool_that_does_not_install_everything_has_no_time(session: Session, uv: Uv) -> None:
    good, bad = measured(session, ["warm"], uv, Forgetful(uv=uv), runs=1)
    assert (len(good.samples), good.warm_up_fault) == (1, None)
    assert (bad.samples, bad.warm_up_fault) == ([], "missing: inner 1.0")
    text = render({"about": {}, "rows": [asdict(good), asdict(bad)]})
    assert "1 failed: missing: inner 1.0" in text


def test_tools_take_turns_at_being_first(session: Session, uv: Uv) -> None:
    said: list[str] = []
    session.say = said.append
    measured(session, ["resolve-again"], uv, Uv(program=uv.program, version="0", name="other"), runs=2)
    assert [line.split()[1] for line in said if " run " in line] == ["uv", "other", "other", "uv"]
