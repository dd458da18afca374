"""Full disks: refused early where it can be foreseen, undone cleanly where not (bytes and inodes; issue 5, item 4).

The environment, the cache or TMPDIR lies on a small file system. A real process is stopped at a disk call; another
one fills the disk; the first goes on. Then it is OLD or NEW, nothing is left, and once there is room the same command
makes it NEW.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.environments import Venv, verify_record
from tests.support.faulty_disk import Call, Point, share
from tests.support.faulty_main import count_calls, start_faulty
from tests.support.index import Index
from tests.support.mounts import MAKE, fill_up, small_filesystem
from tests.support.sandbox import Sandbox
from tests.support.trees import Snapshot, diff, snapshot
from tests.support.wheels import WheelSpec, build_wheel, pkg

EVERY = pytest.mark.exhaustive
KINDS = ("tmpfs", *(pytest.param(kind, marks=EVERY) for kind in MAKE))
UNITS = ("bytes", "inodes")
LARGE = {"tmpfs": 1 << 20, "ext4": 1 << 20, "xfs": 20 << 20, "btrfs": 40 << 20}
"""More bytes than a file system keeps for itself and yet calls free."""
NOTHING = "Nothing was changed."


def spec(version: str) -> WheelSpec:
    """More than a block, more files than a full disk takes; something comes, goes and changes."""
    return WheelSpec(
        name="demo",
        version=version,
        files={
            "demo/__init__.py": f"x = '{version}'\n",
            "demo/blob.bin": os.urandom(200_000),
            **{f"demo/part{n}.py": version for n in range(12)},
            f"demo/only_{version[0]}.py": "",
            "demo_module.py": version,
        },
        data={"data/share/demo/readme": version * 2000},
        console_scripts={"demo": "demo:x"},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A sandbox, one part of which lies on a small file system.

    Args:
        role: Which part: ``environment``, ``cache`` or ``tmp``.
        small: The file system's mount point.
        box: The sandbox; ``venv``: its environment, with demo 1.0.
        wheels: Both versions of demo.
    """

    role: str
    small: str
    box: Sandbox
    venv: Venv
    wheels: str

    @property
    def env(self) -> dict[str, str | None]:
        more = {"environment": {}, "cache": {"XDG_CACHE_HOME": self.cache}, "tmp": {"TMPDIR": f"{self.small}/tmp"}}
        return {"VIRTUAL_ENV": self.venv.root, **more[self.role]}

    @property
    def cache(self) -> str:
        return f"{self.small}/cache" if self.role == "cache" else self.box.cache

    def install(self, version: str) -> tuple[str, ...]:
        return ("install", f"demo=={version}", "--no-index", "--find-links", self.wheels, "--link-mode=copy")

    def fresh(self) -> None:
        """OLD: demo 1.0, and version 2.0 not in the cache."""
        shutil.rmtree(f"{self.cache}/holdfast", ignore_errors=True)
        self.box.run(*self.install("1.0"), env=self.env).ok()

    def left(self) -> list[str]:
        """What of ours lies where nothing of ours should lie."""
        places = (self.venv.root, self.venv.site_packages, self.box.tmp, self.box.cwd, f"{self.small}/tmp")
        there = {place: os.listdir(place) for place in places if os.path.isdir(place)}
        found = [f"{place}/{name}" for place, names in there.items() for name in names if "holdfast" in name]
        store = f"{self.cache}/holdfast"
        for kind in os.listdir(store) if os.path.isdir(store) else ():
            found += [f"{kind}/{name}" for name in os.listdir(f"{store}/{kind}") if name.startswith(".adding")]
        return found


@contextmanager
def bench_on(kind: str, role: str, tmp_path: Path) -> Iterator[Bench]:
    with small_filesystem(kind, str(tmp_path / "small")) as small:
        os.mkdir(f"{small}/tmp")
        box = Sandbox(root=str(tmp_path / "box"))
        venv = box.make_venv("venv")
        if role == "environment":
            venv = Sandbox(root=small).make_venv("venv")
        if role == "tmp":  # others may exchange what lies in the root: then the work goes to TMPDIR
            os.chmod(venv.root, 0o777)
        wheels = str(tmp_path / "wheels")
        for version in ("1.0", "2.0"):
            build_wheel(spec(version), wheels)
        yield Bench(role=role, small=small, box=box, venv=venv, wheels=wheels)


@contextmanager
def filled(bench: Bench, unit: str, *, spare: int = 0) -> Iterator[None]:
    fill_up(f"{bench.small}/filler", unit, spare=spare)
    try:
        yield
    finally:
        shutil.rmtree(f"{bench.small}/filler")
        subprocess.run(["sync", "-f", bench.small], check=True, timeout=60)  # btrfs frees when it commits


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0, 1 / 8])
def test_bytes_that_are_not_there_are_refused_before_anything_is_downloaded(
    kind: str, part: float, index: Index, tmp_path: Path
) -> None:
    spare = int(part * LARGE[kind])
    (file,) = index.add(pkg("large", files={"large/blob.bin": os.urandom(LARGE[kind])}))
    with bench_on(kind, "environment", tmp_path) as bench:
        bench.fresh()
        old = snapshot(bench.venv.root)
        with filled(bench, "bytes", spare=spare):
            done = bench.box.run("install", "--index-url", index.url, "large", env=bench.env).returned(3)
        assert_refused(done.stderr, "bytes" if spare and kind != "btrfs" else "")  # which frees when it commits
        assert "df -h " in done.stderr
        assert not diff(old, snapshot(bench.venv.root))
        assert not [request for request in index.requests if request.path.endswith(file.filename)]


@pytest.mark.parametrize("kind", ["tmpfs", *(pytest.param(kind, marks=EVERY) for kind in ("ext4", "xfs"))])
@pytest.mark.parametrize("spare", [0, 10])
def test_inodes_that_are_not_there_are_refused_before_anything_is_built(kind: str, spare: int, tmp_path: Path) -> None:
    """How many files a wheel holds is known from the store: before the lock, before the first of them is made."""
    with bench_on(kind, "environment", tmp_path) as bench:
        bench.box.run(*bench.install("2.0"), "--target", str(tmp_path / "warm")).ok()
        bench.box.run(*bench.install("1.0"), env=bench.env).ok()
        old = snapshot(bench.venv.root)
        with filled(bench, "inodes", spare=spare):
            done = bench.box.run(*bench.install("2.0"), env=bench.env).returned(3)
        assert_refused(done.stderr, "inodes" if spare else "")
        assert "df -i " in done.stderr
        assert not diff(old, snapshot(bench.venv.root))


def assert_refused(said: str, unit: str) -> None:
    """With how much is needed and how much there is; where there is nothing at all, the system's words do."""
    assert NOTHING in said
    assert f" {unit} are needed there, " in said if unit else "o room" in said or "No space left on device" in said


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("role", ["cache", "tmp"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_cache_or_temporary_directory_is_done_without(kind: str, role: str, unit: str, tmp_path: Path) -> None:
    with bench_on(kind, role, tmp_path) as bench:
        bench.fresh()
        with filled(bench, unit):
            bench.box.run(*bench.install("2.0"), env=bench.env).ok()
        assert bench.venv.distributions == {"demo": "2.0"}
        assert verify_record(bench.venv.site_packages) == ()
        assert bench.left() == []


CASES = [
    ("tmpfs", "environment", "bytes", 3),
    ("tmpfs", "environment", "inodes", 2),
    *(pytest.param("tmpfs", "environment", unit, 1000, marks=EVERY) for unit in UNITS),
    *(
        pytest.param(kind, role, unit, 12, marks=EVERY)
        for kind in ("tmpfs", *MAKE)
        for role in ("environment", "cache", "tmp")
        for unit in UNITS
    ),
]


@pytest.mark.parametrize(("kind", "role", "unit", "limit"), CASES)
def test_a_disk_that_fills_up_in_the_middle(kind: str, role: str, unit: str, limit: int, tmp_path: Path) -> None:
    with bench_on(kind, role, tmp_path) as bench:
        bench.fresh()
        old = snapshot(bench.venv.root)
        calls = count_calls_of(bench)
        new = snapshot(bench.venv.root)
        points = tuple(Point(n=n, call=call) for n, call in enumerate(calls))
        ends = {"old": 0, "new": 0}
        for point in share(points[5:-5], limit):
            ends[filled_at(bench, point, unit, old, new)] += 1
        print(kind, role, unit, ends)  # noqa: T201 - the counts of the exhaustive run


def count_calls_of(bench: Bench) -> tuple[Call, ...]:
    kept = dict(bench.box.settings)
    bench.box.settings.update({name: value for name, value in bench.env.items() if value is not None})
    try:
        return count_calls(bench.box, *bench.install("2.0"))
    finally:
        bench.box.settings.clear()
        bench.box.settings.update(kept)


def filled_at(bench: Bench, point: Point, unit: str, old: Snapshot, new: Snapshot) -> str:
    """Stop at the point, fill the disk, go on; how it ended."""
    bench.fresh()
    process = start_faulty(bench.box, *bench.install("2.0"), point=point, fault="SIGSTOP", env=bench.env)
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), point
        with filled(bench, unit):
            process.send_signal(signal.SIGCONT)
            _, err = process.communicate(timeout=120)
            found = snapshot(bench.venv.root)
            found = {path: entry for path, entry in found.items() if path.partition("/")[0] != "filler"}
            code = process.returncode
            assert "Traceback" not in err, (point, err)
            assert bench.left() == [], (point, err)
            if code == 0:
                assert not diff(new, found), (point, err)
            else:
                assert code in {3, 7}, (point, code, err)
                assert bench.role == "environment", (point, err)
                assert bench.small in err.partition("error: ")[2].partition("Try: ")[0], (point, err)
                assert NOTHING in err or "rolled back" in err, (point, err)
                assert "No space left on device" in err or "no room" in err, (point, err)
                assert not diff(old, found), (point, err)
    finally:
        process.kill()
        process.communicate()
    bench.box.run(*bench.install("2.0"), env=bench.env).ok()
    assert not diff(new, snapshot(bench.venv.root)), point
    assert bench.left() == [], point
    return "new" if code == 0 else "old"
