"""What is seen of a process: the same from every time namespace, and never another one's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast import disk
from holdfast.disk.process import parse_stat

LOOK = "import sys; from holdfast import disk; seen = disk.sight(int(sys.argv[1])); print(seen.exists, seen.started)"


def look(pid: int | str, *unshare: str) -> tuple[str, str]:
    """Whether a pid exists, and its start, as a process sees it that was started with ``unshare`` and these options."""
    line = ["unshare", *unshare, sys.executable, "-c", LOOK, str(pid)]
    done = subprocess.run(line, env=environ(), check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no such namespace here: {done.stderr.strip()}")
    exists, started = done.stdout.split()
    return exists, started


def environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def sleeping() -> Iterator[int]:
    process = subprocess.Popen(["sleep", "60"])
    yield process.pid
    process.kill()
    process.wait()


@pytest.mark.parametrize("shift", ["100000", "-1"])
def test_a_start_is_the_same_in_another_time_namespace(sleeping: int, shift: str) -> None:
    assert look(sleeping, "-T", "--boottime", shift) == ("True", str(disk.sight(sleeping).started))


def test_a_start_that_cannot_be_told_to_the_tick_is_not_told() -> None:
    line = b"4 (a) b) S " + b"0 " * 18 + b"7777 0"
    assert parse_stat(line).started == 7777
    assert parse_stat(line, offset=-10_000_000).started == 7778
    assert parse_stat(line, offset=10_000_001).started is None


def test_the_proc_of_another_namespace_tells_nothing() -> None:
    """Only kill(2) counts: number 2 is there in every one, and is another process."""
    inside = 'sleep 60 & "$@" $! && kill -9 $! && wait $!; "$@" $!'
    shell = ["sh", "-c", inside, "sh", sys.executable, "-c", LOOK]
    done = subprocess.run(["unshare", "-p", "-f", *shell], env=environ(), check=False, capture_output=True, text=True)
    if "unshare" in done.stderr:
        pytest.skip(f"no pid namespace here: {done.stderr.strip()}")
    assert done.stdout.splitlines() == ["True None", "False None"], done.stderr


def test_who_is_not_in_the_proc_that_he_sees_shares_his_namespace_with_nobody() -> None:
    """He entered the mounts of a container, and not its processes."""
    container = subprocess.Popen(
        ["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", "echo; sleep 60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert container.stdout is not None
        if not container.stdout.readline():
            pytest.skip("no pid namespace here")
        children = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text(encoding="ascii")
        ask = "from holdfast import disk; print(disk.pid_namespace(), disk.boot_id())"
        line = ["nsenter", "-m", "-t", children.strip(), sys.executable, "-c", ask]
        said = [subprocess.run(line, env=environ(), check=True, capture_output=True, text=True).stdout for _ in "12"]
    finally:
        container.kill()
        container.communicate()
    (one, boot), (two, _) = (each.split() for each in said)
    assert boot == disk.boot_id()
    assert len({one, two, "0", str(disk.pid_namespace())}) == 4
