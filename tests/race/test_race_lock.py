"""Mutual exclusion with real processes that are killed at random: a counter that is not atomic loses nothing.

Each worker takes the lock, reads a number from a file, waits a little and writes it back plus one. In a second file,
opened for appending, it writes one line per increment: what the counter must come to. Killed workers leave a line
without its increment at most once each, which is told apart by the value that the line names. Every value may be
written once: two lines with one value mean two holders.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.model.transaction import LOCK_NAME
from holdfast.stage.litter import sweep
from tests.support.areas import bare_target

WORKER = """
import contextlib, os, sys, time
from holdfast.envlock import acquire
from holdfast.model.request import LockSettings
from tests.support.areas import Recorder, bare_target, begin

root, working, platlib = sys.argv[1], sys.argv[2] == "working", sys.argv[3] or None
target = bare_target(root, platlib=platlib)
counter, log = os.path.join(root, "counter"), os.open(os.path.join(root, "log"), os.O_WRONLY | os.O_APPEND)
while True:
    with begin(target) as tx:
        lock = acquire(tx, LockSettings(timeout=60), Recorder(), sync=False) if working else contextlib.nullcontext()
        with lock:
            with open(counter) as file:
                value = int(file.read()) + 1
            os.write(log, b"%d begins\\n" % value)
            time.sleep(0.0005)
            with open(counter + ".new", "w") as file:
                file.write(str(value))
            os.rename(counter + ".new", counter)
            os.write(log, b"%d ends\\n" % value)
"""

ENOUGH = 20
"""Kills, however long that takes on a slow machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """What came of it: increments that ended, increments that began while another had not, kills."""

    ended: int
    overlaps: int
    lost: int
    kills: int


def race(root: Path, *, workers: int, seconds: float, kills: bool, working: bool = True, platlib: str = "") -> Race:
    target = bare_target(str(root), platlib=platlib or None)
    (root / "counter").write_text("0")
    (root / "log").touch()
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WORKER, str(root), "working" if working else "broken", platlib]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=environ, stderr=subprocess.PIPE)

    chosen = random.Random(4711)
    running = [start() for _ in range(workers)]
    killed = 0
    until = time.monotonic() + seconds
    size = 0
    try:
        while time.monotonic() < until or (kills and killed <= ENOUGH):
            time.sleep(chosen.uniform(0.01, 0.15))
            if kills:
                size = grown(root / "log", size)
                victim = chosen.randrange(workers)
                running[victim].kill()
                _, errors = running[victim].communicate()
                assert running[victim].returncode == -signal.SIGKILL, errors.decode()
                running[victim] = start()
                killed += 1
    finally:
        for process in running:
            process.kill()
            process.communicate()
    sweep(target)
    return judged(root, killed + workers)


def grown(log: Path, size: int) -> int:
    """Wait until somebody has come to work since: on a slow machine who starts anew would be killed before that."""
    deadline = time.monotonic() + 60
    while log.stat().st_size <= size:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return log.stat().st_size


def judged(root: Path, kills: int) -> Race:
    """Two holders show as a value that ended twice, or as one that began twice without a death between."""
    lines = [line.split() for line in (root / "log").read_text().splitlines()]
    ended = Counter(value for value, word in lines if word == "ends")
    begun = Counter(value for value, word in lines if word == "begins")
    repeated = sum(count - 1 for count in begun.values() if count > 1)
    return Race(
        ended=sum(ended.values()),
        overlaps=sum(count - 1 for count in ended.values() if count > 1),
        lost=max(0, sum(ended.values()) - int((root / "counter").read_text())) + max(0, repeated - kills),
        kills=kills,
    )


def assert_nothing_left(root: Path, *directories: str) -> None:
    for directory in (str(root / "lib"), str(root / "bin"), str(root), *directories):
        left = [name for name in os.listdir(directory) if name.startswith(".holdfast-")]
        assert left == []
    # The last killed holder's lock lies there until somebody takes it.
    assert set(os.listdir(root / "lib")) <= {LOCK_NAME}


def test_processes_that_are_killed_lose_no_update(tmp_path: Path) -> None:
    result = race(tmp_path, workers=5, seconds=8, kills=True)
    assert result.overlaps == 0
    assert result.lost == 0
    assert result.ended > ENOUGH
    assert_nothing_left(tmp_path)


def test_two_library_directories_neither_deadlock_nor_lose(tmp_path: Path) -> None:
    platlib = str(tmp_path / "a-lib64")
    result = race(tmp_path, workers=4, seconds=5, kills=True, platlib=platlib)
    assert (result.overlaps, result.lost) == (0, 0)
    assert result.ended > ENOUGH


def test_without_the_lock_the_detector_fires(tmp_path: Path) -> None:
    result = race(tmp_path, workers=4, seconds=3, kills=False, working=False)
    assert result.overlaps > 0


@pytest.mark.exhaustive
def test_processes_that_are_killed_lose_no_update_in_minutes(tmp_path: Path) -> None:
    result = race(tmp_path, workers=8, seconds=240, kills=True)
    assert (result.overlaps, result.lost) == (0, 0)
    assert result.ended > 1000
    assert_nothing_left(tmp_path)
