"""Real commands of several processes in one environment, at the same time: what is left is whole (P1, P2, P4).

Each worker runs one command after the other, chosen by its seed; with kills some are killed, or stopped for a while,
at a random time. In the end every RECORD is true, every project is there once, and nothing else is left.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.support.environments import installed, unowned, verify_record
from tests.support.index import Index
from tests.support.sandbox import Sandbox
from tests.support.wheels import WheelSpec

PROJECTS = tuple(f"p{n}" for n in range(5))
SHARED = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
CLEAN = {0, 1, 6, 9}
"""Done; cannot be satisfied; the lock is busy; refused because it would break what somebody else has installed."""


def project(name: str, version: str) -> WheelSpec:
    """Part of one namespace; version 2 has other files, and p4 wants p0 in its own version."""
    return WheelSpec(
        name=name,
        version=version,
        files={
            f"{name}/__init__.py": f"__version__ = '{version}'\nfrom space import {name}_part\n",
            f"{name}/data_{version[0]}.py": name * 100,
            "space/__init__.py": SHARED,
            f"space/{name}_part.py": f"version = '{version}'\n",
        },
        requires=(f"p0=={version}",) if name == "p4" else (),
        console_scripts={f"{name}-run": f"{name}:main"},
        data={f"data/share/space/{name}.txt": version},
    )


@dataclass(slots=True)
class Shared:
    """One environment for all workers."""

    box: Sandbox
    index: Index
    codes: Counter[int] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)

    def work(self, seed: int, commands: int, *, kills: bool) -> None:
        """One worker."""
        chosen = random.Random(seed)
        for _ in range(commands):
            process = self.start(*command(chosen))
            harmed = kills and chosen.random() < 0.4
            if harmed:
                harm(process, chosen)
            _, err = process.communicate(timeout=120)
            self.codes[process.returncode] += 1
            if "holdfast/" in err.partition("Traceback")[2] or (process.returncode not in CLEAN and not harmed):
                self.complaints.append(f"{process.args!r} ended with {process.returncode}: {err}")

    def start(self, *args: str) -> subprocess.Popen[str]:
        return self.box.start(*args, env={"HOLDFAST_INDEX_URL": self.index.url})

    def judge(self) -> None:
        site = self.box.venv.site_packages
        assert self.complaints == []
        self.box.run("recover").ok()
        assert verify_record(site) == ()
        assert unowned(site) == ()
        names = [each.name for each in installed(site)]
        assert sorted(names) == sorted(set(names))
        assert not [name for name in os.listdir(site) if "holdfast" in name or name.startswith("~")]
        assert not [name for name in os.listdir(self.box.venv.root) if "holdfast" in name]
        for path in (self.box.tmp, self.box.cwd, self.box.home):
            assert os.listdir(path) == []
        for each in installed(site):
            assert self.box.venv.imported(f"{each.name}.__version__", each.name) == each.version
            assert os.path.exists(os.path.join(self.box.venv.bin, f"{each.name}-run"))
        self.box.run("check").ok()


def command(chosen: random.Random) -> tuple[str, ...]:
    names = chosen.sample(PROJECTS, chosen.choice((1, 1, 2)))
    match chosen.randrange(4):
        case 0:
            return ("uninstall", "-y", *names)
        case 1:
            return ("install", "--force-reinstall", *names)
        case _:
            return ("install", *(f"{name}=={chosen.choice(('1.0', '2.0'))}" for name in names))


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


@pytest.fixture
def shared(sandbox: Sandbox, index: Index) -> Shared:
    index.add(*(project(name, version) for name in PROJECTS for version in ("1.0", "2.0")))
    sandbox.venv  # noqa: B018 - made now
    return Shared(sandbox, index)


def race(shared: Shared, *, workers: int, commands: int, seed: int, kills: bool) -> None:
    with ThreadPoolExecutor(workers) as pool:
        for worker in [pool.submit(shared.work, seed * 1000 + n, commands, kills=kills) for n in range(workers)]:
            worker.result()
    shared.judge()


@pytest.mark.parametrize(("workers", "seed"), [(2, 1), (6, 2)])
def test_commands_at_the_same_time_leave_a_whole_environment(shared: Shared, workers: int, seed: int) -> None:
    race(shared, workers=workers, commands=5, seed=seed, kills=False)
    assert shared.codes[0] > workers


def test_so_do_those_that_are_killed_and_stopped(shared: Shared) -> None:
    race(shared, workers=4, commands=6, seed=3, kills=True)
    assert shared.codes[-signal.SIGKILL] > 0


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(10, 20))
@pytest.mark.parametrize("kills", [False, True])
def test_many_commands_at_the_same_time(shared: Shared, seed: int, *, kills: bool) -> None:
    race(shared, workers=8, commands=15, seed=seed, kills=kills)
