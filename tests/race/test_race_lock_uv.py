"""uv itself and holdfast exclude each other once uv's ``.lock`` exists, whoever comes first; neither waits in vain."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.support.environments import installed, unowned, verify_record
from tests.support.faulty_disk import Point
from tests.support.faulty_main import count_calls, start_faulty
from tests.support.index import Index, Throttle
from tests.support.peers import Peer
from tests.support.sandbox import Sandbox
from tests.support.wheels import build_wheel, pkg

pytestmark = pytest.mark.peer

WAITING = "Waiting for the environment lock "
NAMES = ("one", "two", "three", "four")
PATIENCE = 60
"""Seconds that uv waits for its lock before it gives up (its own default is 300)."""


@dataclass(slots=True)
class Bench:
    """An environment in which uv was before, and wheels in a directory."""

    box: Sandbox
    uv: Peer
    wheels: str
    complaints: list[str] = field(default_factory=list)

    def words(self, *args: str) -> tuple[str, ...]:
        return (*args, "--no-index", "--find-links", self.wheels)

    def start_uv(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.uv.command, "pip", *args, "--python", self.box.venv.python],
            env=self.box.env(UV_LOCK_TIMEOUT=str(PATIENCE), UV_CACHE_DIR=os.path.join(self.box.cache, "uv")),
            cwd=self.box.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def in_its_commit(self, name: str) -> subprocess.Popen[str]:
        """A real ``holdfast install`` that was stopped after the first steps of its commit."""
        words = self.words("install", name)
        for _ in range(2):  # the second time as it will be: with a warm store
            found = count_calls(self.box, *words)
            self.box.run("uninstall", "-y", name).ok()
        journal = next(
            n for n, call in enumerate(found) if call.name == "rename" and call.paths[1].endswith("/journal")
        )
        process = start_faulty(self.box, *words, point=Point(n=journal + 2), fault="SIGSTOP")
        eventually(lambda: state_of(process.pid) == "T")
        return process

    def assert_whole(self, *names: str) -> None:
        site = self.box.venv.site_packages
        assert verify_record(site) == ()
        assert unowned(site) == ()
        assert sorted(each.name for each in installed(site)) == sorted(names)
        assert not [name for name in (*os.listdir(site), *os.listdir(self.box.venv.root)) if "holdfast" in name]
        for name in names:
            assert self.box.venv.imported("1", name) == "1"
        assert os.path.exists(os.path.join(self.box.venv.root, ".lock"))  # uv's own, which stays

    def work(self, seed: int, commands: int) -> None:
        """Commands of either, one after the other."""
        chosen = random.Random(seed)
        for _ in range(commands):
            names = chosen.sample(NAMES, chosen.choice((1, 2)))
            args = ["install", "--reinstall", *names] if chosen.random() < 0.6 else ["uninstall", *names]
            uvs = chosen.random() < 0.5
            began = time.monotonic()
            if uvs:
                process = self.start_uv(*(self.words(*args) if args[0] == "install" else args))
            else:
                words = ["--force-reinstall" if word == "--reinstall" else word for word in args]
                process = self.box.start(*(self.words(*words) if args[0] == "install" else (*words, "-y")))
            _, err = process.communicate(timeout=2 * PATIENCE)
            if process.returncode or time.monotonic() - began > PATIENCE / 2:
                self.complaints.append(f"{process.args!r} ended with {process.returncode}: {err}")


def state_of(pid: int) -> str:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0]


def eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.01)


@pytest.fixture
def bench(sandbox: Sandbox, uv: Peer) -> Bench:
    if not os.path.isdir("/proc/self"):
        pytest.skip("looks at processes through /proc")
    made = Bench(sandbox, uv, os.path.join(sandbox.root, "wheels"))
    for name in NAMES:
        build_wheel(pkg(name), made.wheels)
    sandbox.venv  # noqa: B018 - made now
    before = made.start_uv(*made.words("install", "four"))
    assert before.communicate() and before.returncode == 0  # noqa: PT018 - one thing
    assert os.path.exists(os.path.join(sandbox.venv.root, ".lock"))
    return made


def test_holdfast_waits_while_uv_installs_and_says_for_what(bench: Bench, index: Index) -> None:
    index.add(pkg("slow", files={"slow/x.py": os.urandom(60_000).hex()}))
    index.on("/files/*.whl", Throttle(bytes_per_second=40_000))
    first = bench.start_uv("install", "slow", "--index-url", index.url)
    eventually(lambda: bool(index.asked("/files/*.whl")))  # uv has its lock, and downloads under it
    second = bench.box.start(*bench.words("install", "two"))
    assert second.stderr is not None
    line = next(line for line in second.stderr if line.startswith(WAITING))
    assert "uv's lock" in line
    assert first.poll() is None
    _, err = first.communicate(timeout=PATIENCE)
    assert first.returncode == 0, err
    _, err = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, err
    bench.assert_whole("four", "slow", "two")


def test_uv_waits_while_holdfast_commits(bench: Bench) -> None:
    first = bench.in_its_commit("one")
    second = bench.start_uv(*bench.words("install", "two"))
    time.sleep(1.5)
    assert second.poll() is None
    assert "two" not in bench.box.venv.distributions
    first.send_signal(signal.SIGCONT)
    _, err = first.communicate(timeout=PATIENCE)
    assert first.returncode == 0, err
    _, err = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, err
    bench.assert_whole("four", "one", "two")


def test_uv_goes_on_at_once_when_holdfast_is_killed_and_what_uv_installed_stays(bench: Bench) -> None:
    first = bench.in_its_commit("one")
    second = bench.start_uv(*bench.words("install", "two"))
    time.sleep(0.5)
    assert second.poll() is None
    first.kill()
    first.communicate()
    _, err = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, err
    bench.box.run("recover").ok()
    bench.assert_whole("four", "two")


def race(bench: Bench, *, workers: int, commands: int, seed: int) -> None:
    with ThreadPoolExecutor(workers) as pool:
        for worker in [pool.submit(bench.work, seed * 100 + n, commands) for n in range(workers)]:
            worker.result()
    assert not bench.complaints, "\n".join(bench.complaints)
    bench.assert_whole(*bench.box.venv.distributions)


def test_both_at_the_same_time_leave_a_whole_environment(bench: Bench) -> None:
    race(bench, workers=4, commands=6, seed=1)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(2, 12))
def test_both_at_the_same_time_many_times(bench: Bench, seed: int) -> None:
    race(bench, workers=6, commands=25, seed=seed)
