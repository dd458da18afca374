"""Killed before or after every single call that changes something: the next one takes the lock at once, and tidies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.areas import bare_target
from tests.support.trees import snapshot

PROGRAM = """
import os, signal, sys
from holdfast.envlock import acquire
from holdfast.model.request import LockSettings
from holdfast.stage.litter import sweep
from tests.support.areas import Recorder, bare_target, begin, dead_owner, plant_lock
from tests.support.faulty_disk import FaultyDisk, Point, Signal, When
from tests.support.trees import snapshot

root, platlib, dead = sys.argv[1], sys.argv[2] or None, sys.argv[3] == "dead"
target = bare_target(root, platlib=platlib)

def take():
    with begin(target) as tx, acquire(tx, LockSettings(timeout=0), Recorder(), sync=False) as held:
        assert held.still_held()

def prepare():
    if dead:
        plant_lock(target.scheme.purelib, dead_owner())

before = snapshot(root)
prepare()
with FaultyDisk() as counted:
    take()
assert snapshot(root) == before
for n, call in enumerate(counted.made):
    for when in (When.BEFORE, When.AFTER):
        prepare()
        child = os.fork()
        if not child:
            with FaultyDisk(Point(n=n, when=when), Signal()):
                take()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or when is When.AFTER, (n, str(call))  # a call that fails has no after
        take()
        sweep(target)
        left = snapshot(root)
        assert left == before, (n, when, str(call), sorted(set(left) ^ set(before)))
print(len(counted.made))
"""


@pytest.mark.parametrize("dead", ["dead", "free"])
@pytest.mark.parametrize("platlib", ["", "lib64"])
def test_killed_at_any_call_the_next_one_goes_on_and_nothing_is_left(tmp_path: Path, platlib: str, dead: str) -> None:
    root = tmp_path / "env"
    both = str(root / platlib) if platlib else ""
    bare_target(str(root), platlib=both or None)
    before = snapshot(str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root), both, dead],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 25
    assert snapshot(str(tmp_path)) == before
