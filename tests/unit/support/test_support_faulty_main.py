from __future__ import annotations

import os
import signal

import pytest

from tests.support.faulty_disk import Point, When, points
from tests.support.faulty_main import count_calls, run_faulty
from tests.support.sandbox import Sandbox

VICTIM = """
import sys
from holdfast import disk

for name in sys.argv[1:]:
    try:
        disk.mkdir(name)
    except OSError as error:
        print(error.strerror)
print("done")
"""


@pytest.fixture
def sandbox(tmp_path: object) -> Sandbox:
    made = Sandbox(root=str(tmp_path))
    made.write("victim.py", VICTIM)
    return made


def directories(sandbox: Sandbox) -> list[str]:
    return sorted(name for name in os.listdir(sandbox.cwd) if name in {"one", "two", "three"})


def test_a_run_that_nothing_stops_is_counted(sandbox: Sandbox) -> None:
    made = count_calls(sandbox, "one", "two", module="victim")

    assert [str(call) for call in made] == [f"mkdir({sandbox.cwd}/{name})" for name in ("one", "two")]
    assert [point.n for point in points(made, When.BEFORE)] == [0, 1]


@pytest.mark.parametrize(("when", "left"), [(When.BEFORE, ["one"]), (When.AFTER, ["one", "two"])])
def test_a_process_dies_at_the_call(sandbox: Sandbox, when: When, left: list[str]) -> None:
    done = run_faulty(sandbox, "one", "two", "three", point=Point(n=1, when=when), module="victim")

    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")
    assert directories(sandbox) == left


def test_a_process_meets_an_error_that_stays(sandbox: Sandbox) -> None:
    done = run_faulty(sandbox, "one", "two", "three", point=Point(n=1), fault="ENOSPC+", module="victim").ok()

    assert done.stdout.splitlines() == ["No space left on device"] * 2 + ["done"]
    assert directories(sandbox) == ["one"]
