"""Seed 13626, on its cluster: Lustre without flock, where every flock is ``Function not implemented (os error 38)``.

The reporter would give up safety to get on (``UV_UNSAFE_IGNORE_FLOCK``). He need not: every command works, says so in
one line, and excludes the others all the same. flock fails for real: strace injects the error into the system call.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.support.faulty_disk import Point
from tests.support.faulty_main import count_calls, run_faulty
from tests.support.holding import CODE, hold
from tests.support.sandbox import Sandbox
from tests.system.lockless import Lockless

INJECTED = "ENOSYS (Function not implemented) (INJECTED)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster(Lockless):
    """A home directory on Lustre: environment, cache and state."""

    @property
    def log(self) -> str:
        """What strace saw of flock."""
        return os.path.join(self.box.root, "flock.log")

    def refusals(self) -> int:
        """How many flocks were refused since it was asked last."""
        with open(self.log, encoding="utf-8") as file:
            count = file.read().count(INJECTED)
        os.remove(self.log)
        return count


@pytest.fixture
def cluster(sandbox: Sandbox) -> Cluster:
    if shutil.which("strace") is None:
        pytest.skip("strace is not here")
    log = os.path.join(sandbox.root, "flock.log")
    inject = ["strace", "-f", "-qq", "-A", "-o", log, "-e", "trace=flock", "-e", "inject=flock:error=ENOSYS"]
    probe = subprocess.run(
        [*inject, sys.executable, "-c", "import fcntl, os; fcntl.flock(os.open('/', 0), fcntl.LOCK_EX)"],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Function not implemented" not in probe.stderr:
        pytest.skip(f"strace may not refuse system calls here: {probe.stderr.strip()}")
    os.remove(log)
    return Cluster(box=sandbox, wrap=lambda line: [*inject, *line])


def test_every_writing_command_works_and_says_so_in_one_line(cluster: Cluster) -> None:
    cluster.says_so("install", "alpha==1.0")
    assert cluster.alpha == "1.0"
    assert cluster.refusals() > 0
    cluster.says_so("install", "-U", "alpha")
    cluster.says_so("install", "--force-reinstall", "-q", "alpha")
    assert cluster.alpha == "2.0"
    cluster.says_so("recover")
    cluster.says_so("uninstall", "-y", "alpha")
    assert cluster.alpha == ""
    assert cluster.refusals() > 0
    another = os.path.join(cluster.box.root, "another")
    cluster.is_silent("venv", another)
    cluster.says_so("venv", "--clear", another, root=another)
    cluster.is_silent("cache", "clean")


def test_it_is_silent_for_who_says_that_he_knows(cluster: Cluster) -> None:
    for words in (("install", "alpha==1.0"), ("install", "-U", "alpha"), ("recover",), ("uninstall", "-y", "alpha")):
        cluster.is_silent(*words, HOLDFAST_LOCK_MODE="marker")
    cluster.is_silent("install", "alpha", "--lock-mode=marker")
    assert cluster.alpha == "2.0"


def test_an_explicit_flock_is_not_given_up(cluster: Cluster) -> None:
    done = cluster.refuses("install", "alpha", "--lock-mode=flock")
    assert "Function not implemented" in done.stderr
    assert cluster.refusals() > 0
    cluster.refuses("install", "alpha", HOLDFAST_LOCK_MODE="flock")
    cluster.says_so("install", "alpha")
    cluster.refuses("uninstall", "-y", "alpha", "--lock-mode=flock")
    cluster.refuses("recover", "--lock-mode=flock")


def test_safety_is_not_given_up_either(cluster: Cluster) -> None:
    """Somebody holds the lock on that file system: the next one waits, names him, and changes nothing."""
    cluster.says_so("install", "alpha==1.0")
    env = cluster.box.env(HOLDFAST_LOCK_MODE="marker", PYTHONPATH=CODE)
    line = ("install", "-U", "alpha", "--no-index", "--find-links", cluster.wheels)
    with hold(*line, python=sys.executable, env=env, cwd=cluster.box.cwd) as holder:
        for words in (("install", "-U", "alpha"), ("uninstall", "-y", "alpha"), ("recover",)):
            done = cluster.run(*words, "--lock-timeout=0").returned(6)
            assert f"process {holder.pid} " in done.stderr
    cluster.says_so("uninstall", "-y", "alpha")  # the holder was killed: that is seen without any lock


@pytest.mark.exhaustive
def test_what_a_kill_interrupted_is_taken_back(cluster: Cluster) -> None:
    cluster.says_so("install", "alpha==2.0")  # the store has both, so that two runs make the same calls
    cluster.says_so("install", "alpha==1.0")
    line = ("install", "-U", "alpha", "--no-index", "--find-links", cluster.wheels, "--lock-mode=marker")
    shutil.copytree(cluster.box.venv.root, os.path.join(cluster.box.root, "kept"), symlinks=True)
    calls = count_calls(cluster.box, *line)
    shutil.rmtree(cluster.box.venv.root)
    shutil.move(os.path.join(cluster.box.root, "kept"), cluster.box.venv.root)
    published = next(n for n, call in enumerate(calls) if call.name == "rename" and call.paths[1].endswith("/journal"))
    assert run_faulty(cluster.box, *line, point=Point(n=published + 2)).returncode < 0
    assert cluster.says_so("recover").stdout.startswith("Took back ")
    assert cluster.alpha == "1.0"


def test_what_uv_left_there_is_no_hindrance(cluster: Cluster) -> None:
    """uv's own ``.lock`` cannot be locked there by anybody: that is a line for ``-v``."""
    with open(os.path.join(cluster.box.venv.root, ".lock"), "w", encoding="utf-8"):
        pass
    cluster.is_silent("install", "alpha==1.0", "--lock-mode=marker")
    done = cluster.run("install", "-v", "-U", "alpha", "--lock-mode=marker").ok()
    (said,) = [line for line in done.stderr.splitlines() if ".lock" in line]
    assert "Function not implemented" in said
