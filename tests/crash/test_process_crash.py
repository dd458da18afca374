"""Real processes, really killed: whatever `holdfast install` was doing, the next command makes it OLD or NEW (P1)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.environments import unowned, verify_record
from tests.support.faulty_disk import Call, Point, When, points, share
from tests.support.faulty_main import count_calls, run_faulty
from tests.support.sandbox import Sandbox
from tests.support.trees import snapshot
from tests.support.wheels import build_wheel, pkg

ONE = {"demo/kept.py": "1", "demo/gone.py": "", "demo_module.py": "1", "demo_shared/one.py": ""}
TWO = {"demo/kept.py": "2", "demo/new.py": "", "demo_module/__init__.py": "2", "demo_shared/two.py": ""}


class Bench:
    """A sandbox whose environment is put back to OLD as often as wanted, its store warm."""

    def __init__(self, home: Path) -> None:
        self.box = Sandbox(root=os.path.realpath(home))
        self.wheels = os.path.join(self.box.root, "wheels")
        os.makedirs(self.wheels)
        for name in ("demo", "demo-extra"):
            for version, files in (("1.0", ONE), ("2.0", TWO)):
                mine = files if name == "demo" else {}
                spec = pkg(name, version, files=mine, console_scripts={f"{name}-{version[0]}": "demo:main"})
                build_wheel(spec, self.wheels)
        self.venv = self.box.venv
        self._kept = os.path.join(self.box.root, "kept")
        self.holdfast("install", "demo==2.0", "demo-extra==2.0")
        self.new = self.seen()
        self.holdfast("install", "demo==1.0", "demo-extra==1.0")
        self.old = self.seen()
        shutil.copytree(self.venv.root, self._kept, symlinks=True)

    upgrade = ("install", "demo==2.0", "demo-extra==2.0")

    def arguments(self, *args: str) -> tuple[str, ...]:
        return (*args, "--no-index", "--find-links", self.wheels)

    def holdfast(self, *args: str) -> str:
        return self.box.run(*self.arguments(*args)).ok().stderr

    def seen(self) -> dict[str, object]:
        return dict(snapshot(self.venv.root))

    def fresh(self) -> None:
        shutil.rmtree(self.venv.root)
        shutil.copytree(self._kept, self.venv.root, symlinks=True)

    def killed_at(self, point: Point) -> bool:
        """Whether it was: runs differ by a call or two (what is in the page cache need not be synced), at the end."""
        self.fresh()
        done = run_faulty(self.box, *self.arguments(*self.upgrade), point=point)
        assert done.returncode in {-9, 0}, done
        return done.returncode == -9

    def settle(self) -> str:
        """The next command: it recovers, and removes what the dead left."""
        done = self.box.run("recover")
        assert done.returncode == 0, done
        found = self.seen()
        assert found in (self.old, self.new)
        assert verify_record(self.venv.site_packages) == ()
        assert unowned(self.venv.site_packages) == ()
        return "old" if found == self.old else "new"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("process"))


def under_lock(calls: tuple[Call, ...]) -> tuple[Point, ...]:
    first = next(n for n, call in enumerate(calls) if call.paths and call.paths[-1].endswith("/.holdfast.lock"))
    return tuple(point for point in points(calls, When.BEFORE) if point.n >= first)


@pytest.mark.parametrize("limit", [8, pytest.param(10_000, marks=pytest.mark.exhaustive)])
def test_a_killed_install_is_settled_by_the_next_command(bench: Bench, limit: int) -> None:
    bench.fresh()
    calls = count_calls(bench.box, *bench.arguments(*bench.upgrade))
    seen = set()
    survived = 0
    for point in share(under_lock(calls), limit):
        survived += not bench.killed_at(point)
        seen.add(bench.settle())
    assert seen == {"old", "new"}
    assert survived <= 3
