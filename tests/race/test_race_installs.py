"""Real commands of several processes in one environment, at the same time: what is left is whole (P1, P2, P4).

Each worker runs one command after the other, chosen by its seed, in a lock mode chosen anew each time; with kills some
are killed, or stopped for a while, at a random time. The environment's root is writable for them, or is not. In the end
every RECORD is true, every project is there once and can be imported, and nothing else is left.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.support.contenders import PROJECTS, command, project
from tests.support.environments import Venv, installed, make_venv, unowned, verify_record
from tests.support.index import Index
from tests.support.sandbox import Sandbox
from tests.support.users import People

MODES = ((), ("--lock-mode=flock",), ("--lock-mode=marker",))
CLEAN = {0, 1, 6, 9}
"""Done; cannot be satisfied; the lock is busy; refused because it would break what somebody else has installed."""


@dataclass(slots=True)
class Shared:
    """One environment for all workers."""

    venv: Venv
    launch: Callable[..., subprocess.Popen[str]]
    index: Index
    empty: tuple[str, ...]
    codes: Counter[int] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)

    def work(self, seed: int, commands: int, *, kills: bool) -> None:
        """One worker; with kills, all go on until one of them has been killed in time."""
        chosen = random.Random(seed)
        done = 0
        while done < commands or (kills and not self.codes[-signal.SIGKILL] and done < 20 * commands):
            done += 1
            process = self.start(*command(chosen), *chosen.choice(MODES))
            harmed = kills and chosen.random() < 0.4
            if harmed:
                harm(process, chosen)
            _, err = process.communicate(timeout=300)
            self.codes[process.returncode] += 1
            if "holdfast/" in err.partition("Traceback")[2] or (process.returncode not in CLEAN and not harmed):
                self.complaints.append(f"{process.args!r} ended with {process.returncode}: {err}")

    def start(self, *args: str) -> subprocess.Popen[str]:
        return self.launch(*args, env={"HOLDFAST_INDEX_URL": self.index.url, "VIRTUAL_ENV": self.venv.root})

    def run(self, *args: str) -> None:
        process = self.start(*args)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err

    def judge(self) -> None:
        site = self.venv.site_packages
        assert not self.complaints, "\n".join(self.complaints)
        self.run("recover")
        assert verify_record(site) == ()
        assert unowned(site) == ()
        names = [each.name for each in installed(site)]
        assert sorted(names) == sorted(set(names))
        assert not [name for name in os.listdir(site) if "holdfast" in name or name.startswith("~")]
        assert not [name for name in os.listdir(self.venv.root) if "holdfast" in name]
        for path in self.empty:
            assert os.listdir(path) == []
        for each in installed(site):
            assert self.venv.imported(f"{each.name}.__version__", each.name) == each.version
            assert os.path.exists(os.path.join(self.venv.bin, f"{each.name}-run"))
        self.run("check")


def harm(process: subprocess.Popen[str], chosen: random.Random) -> None:
    time.sleep(chosen.uniform(0.1, 0.6))
    match chosen.randrange(3):
        case 0:
            process.send_signal(signal.SIGSTOP)
            time.sleep(chosen.uniform(0.05, 0.5))
            process.send_signal(signal.SIGCONT)
        case 1:
            process.send_signal(chosen.choice((signal.SIGINT, signal.SIGTERM)))
        case _:
            process.kill()


def stocked(index: Index) -> Index:
    index.add(*(project(name, version) for name in PROJECTS for version in ("1.0", "2.0")))
    return index


@pytest.fixture
def shared(sandbox: Sandbox, index: Index) -> Shared:
    """Everything is the workers' own."""
    empty = (sandbox.tmp, sandbox.cwd, sandbox.home)
    return Shared(sandbox.venv, sandbox.start, stocked(index), empty)


@pytest.fixture
def in_a_root_of_roots(crowd: People, public: str, index: Index) -> Shared:
    """The workers may write what lies in the root, and not the root itself."""
    user = crowd.a
    venv = make_venv(os.path.join(public, "venv"), crowd.interpreter)
    os.makedirs(os.path.join(venv.root, "share"), exist_ok=True)
    for directory, names, files in os.walk(venv.root):
        for name in (*names, *files):
            os.chown(os.path.join(directory, name), user.uid, user.gid, follow_symlinks=False)
    tmp, cwd = os.path.join(public, "tmp"), os.path.join(public, "cwd")
    for path in (tmp, cwd):
        os.mkdir(path)
        os.chown(path, user.uid, user.gid)

    def launch(*args: str, env: dict[str, str]) -> subprocess.Popen[str]:
        return user.popen(os.path.join(user.bin, "holdfast"), *args, env={**env, "TMPDIR": tmp}, cwd=cwd)

    return Shared(venv, launch, stocked(index), (tmp, cwd))


def race(shared: Shared, *, workers: int, commands: int, seed: int, kills: bool) -> None:
    with ThreadPoolExecutor(workers) as pool:
        for worker in [pool.submit(shared.work, seed * 1000 + n, commands, kills=kills) for n in range(workers)]:
            worker.result()
    shared.judge()


@pytest.mark.parametrize(("workers", "seed"), [(2, 1), (6, 2)])
def test_commands_at_the_same_time_leave_a_whole_environment(shared: Shared, workers: int, seed: int) -> None:
    race(shared, workers=workers, commands=5, seed=seed, kills=False)
    assert shared.codes[0] > workers


def test_so_they_do_where_the_root_is_not_writable(in_a_root_of_roots: Shared) -> None:
    race(in_a_root_of_roots, workers=4, commands=4, seed=4, kills=False)
    assert in_a_root_of_roots.codes[0] > 4


def test_so_do_those_that_are_killed_and_stopped(shared: Shared) -> None:
    race(shared, workers=4, commands=6, seed=3, kills=True)
    assert shared.codes[-signal.SIGKILL] > 0


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(10, 110))
def test_200_rounds_of_2_to_16_processes_root_writable(shared: Shared, seed: int) -> None:
    race(shared, workers=2 + seed % 15, commands=3, seed=seed, kills=False)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(110, 210))
def test_200_rounds_of_2_to_16_processes_root_not_writable(in_a_root_of_roots: Shared, seed: int) -> None:
    race(in_a_root_of_roots, workers=2 + seed % 15, commands=3, seed=seed, kills=False)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(210, 230))
def test_many_commands_that_are_killed_and_stopped(shared: Shared, seed: int) -> None:
    race(shared, workers=8, commands=15, seed=seed, kills=True)
