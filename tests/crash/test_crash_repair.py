"""SIGKILL at the disk calls of a repair: the environment is as broken as before, or repaired; the next repair ends it.

What is repaired is all that interrupted installers leave, in one transaction: a dist-info without RECORD, one without
METADATA, two of one project, and pip's ``~`` directories, with an only copy among them.
"""

from __future__ import annotations

import os
import shutil

import pytest

from tests.support.environments import unowned, verify_record
from tests.support.faulty_disk import Call, Point, When, points, share
from tests.support.faulty_main import count_calls, run_faulty
from tests.support.sandbox import Sandbox
from tests.support.trees import Snapshot, diff, snapshot
from tests.support.wheels import build_wheel, pkg

SOURCES = ("--offline", "--no-index")
FOREIGN = "bare/foreign.txt"


class Broken:
    """An environment with one of each, and the same repaired."""

    def __init__(self, root: str) -> None:
        self.box = Sandbox(root=os.path.realpath(root))
        self.site = self.box.venv.site_packages
        wheels = os.path.join(self.box.root, "wheels")
        for name in ("bare", "nameless", "gone", "hurt"):
            files = {f"{name}/__init__.py": name.encode(), f"{name}/sub/x.py": b"x", f"{name}/data.txt": b"data"}
            build_wheel(pkg(name, files=files, console_scripts={name: f"{name}:main"}), wheels)
        for version in ("1.0", "2.0"):
            files = {"twice/__init__.py": version.encode(), f"twice/only{version[0]}.py": b""}
            build_wheel(pkg("twice", version, files=files), wheels)
        find = ("--no-index", "--find-links", wheels)
        self.box.run("install", "twice==1.0", *find).ok()
        shutil.copytree(self.path("twice-1.0.dist-info"), os.path.join(self.box.root, "twice"))
        shutil.copy(self.path("twice/only1.py"), os.path.join(self.box.root, "only1.py"))
        self.box.run("install", "twice==2.0", "bare", "nameless", "gone", "hurt", *find).ok()
        self._break()
        self.old = snapshot(self.box.venv.root)
        self._kept = os.path.join(self.box.root, "kept")
        shutil.copytree(self.box.venv.root, self._kept, symlinks=True)
        self.calls: tuple[Call, ...] = count_calls(self.box, "repair", *SOURCES)
        self.new = snapshot(self.box.venv.root)

    def path(self, name: str) -> str:
        return os.path.join(self.site, name)

    def fresh(self) -> None:
        """Broken again."""
        shutil.rmtree(self.box.venv.root)
        shutil.copytree(self._kept, self.box.venv.root, symlinks=True)

    def seen(self) -> Snapshot:
        return snapshot(self.box.venv.root)

    def _break(self) -> None:
        os.unlink(self.path("bare-1.0.dist-info/RECORD"))
        self._write("bare/data.txt")
        self._write(FOREIGN)
        os.unlink(self.path("nameless-1.0.dist-info/METADATA"))
        os.unlink(self.path("hurt/data.txt"))
        self._write("hurt/__init__.py")
        for name in ("gone", "gone-1.0.dist-info"):
            os.rename(self.path(name), self.path(f"~{name[1:]}"))
        os.mkdir(self.path("gone"))
        self._write("gone/__init__.py")
        shutil.copytree(os.path.join(self.box.root, "twice"), self.path("twice-1.0.dist-info"))
        shutil.copy(os.path.join(self.box.root, "only1.py"), self.path("twice/only1.py"))

    def _write(self, name: str) -> None:
        if os.path.lexists(self.path(name)):
            os.unlink(self.path(name))
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write("not what it was\n")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Broken:
    return Broken(str(tmp_path_factory.mktemp("repair")))


def test_all_of_it_is_repaired_at_once(broken: Broken) -> None:
    broken.fresh()
    said = broken.box.run("repair", *SOURCES).ok()
    assert said.stdout == "Successfully repaired bare-1.0 gone-1.0 hurt-1.0 nameless-1.0 twice-2.0\n"
    assert not diff(broken.new, broken.seen())
    assert verify_record(broken.site) == ()
    assert unowned(broken.site) == (FOREIGN,)
    assert sorted(name for name in os.listdir(broken.site) if name.startswith(("~", "."))) == []
    broken.box.run("check", "--files").ok()


@pytest.mark.parametrize("limit", [7, pytest.param(100_000, marks=pytest.mark.exhaustive)])
def test_a_killed_repair_has_changed_all_or_nothing(broken: Broken, limit: int) -> None:
    for point in share(points(broken.calls, When.BEFORE, When.MIDWAY), limit):
        broken.fresh()
        killed(broken, point)
        broken.box.run("recover").ok()
        found = broken.seen()
        assert found in (broken.old, broken.new), (point, diff(broken.old, found), diff(broken.new, found))
        broken.box.run("repair", *SOURCES).ok()
        assert not diff(broken.new, broken.seen()), point


@pytest.mark.parametrize("limit", [4, pytest.param(100_000, marks=pytest.mark.exhaustive)])
def test_the_next_repair_takes_a_killed_one_back_first(broken: Broken, limit: int) -> None:
    for point in share(points(broken.calls, When.BEFORE), limit):
        broken.fresh()
        killed(broken, point)
        broken.box.run("repair", *SOURCES).ok()
        broken.box.run("recover").ok()  # after a repair that found nothing to do: it took no lock
        assert not diff(broken.new, broken.seen()), point


def killed(broken: Broken, point: Point) -> None:
    done = run_faulty(broken.box, "repair", *SOURCES, point=point)
    assert done.returncode in {-9, 0}, (point, done)  # 0: threads made fewer calls this time
