"""Killed on every kind of file system, and with library, scripts and data on three: OLD or NEW (issue 5, item 6)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.crash.real_cases import ONES, TWOS, copy_tree, specs
from tests.support.environments import verify_record
from tests.support.faulty_disk import Point, When, points, share
from tests.support.faulty_main import count_calls, run_faulty
from tests.support.mounts import MAKE, small_filesystem
from tests.support.sandbox import Completed, Sandbox
from tests.support.trees import Snapshot, diff, snapshot
from tests.support.wheels import build_wheel

EVERY = pytest.mark.exhaustive
CASES = [
    ("three", 2),
    pytest.param("three", 100_000, marks=EVERY),
    *(pytest.param(kind, 40, marks=EVERY) for kind in ("tmpfs", *MAKE)),
]


class Bench:
    """An environment with alpha and beta 1.0, which are to become 2.0."""

    def __init__(self, root: str, wheels: str) -> None:
        self.box = Sandbox(root=root)
        self.venv = self.box.venv
        self._kept = os.path.join(root, "kept")
        self._source = ("--no-index", "--find-links", wheels)

    def prepare(self) -> tuple[Point, ...]:
        """OLD and NEW; the points in between, from where the environment is changed on."""
        self.run(*ONES).ok()
        self.old = self.seen()
        copy_tree(self.venv.root, self._kept)
        self.run("install", "alpha==2.0", "beta==2.0", "--target", f"{self.box.root}/warm").ok()
        calls = count_calls(self.box, *TWOS, *self._source)
        self.new = self.seen()
        (journal,) = (n for n, call in enumerate(calls) if call.name == "rename" and call.paths[1].endswith("/journal"))
        return tuple(point for point in points(calls, When.BEFORE) if point.n > journal)

    def run(self, *command: str) -> Completed:
        return self.box.run(*command, *(self._source if command[0] == "install" else ()))

    def seen(self) -> Snapshot:
        return snapshot(self.venv.root)

    def fresh(self) -> None:
        """OLD again; what is mounted stays mounted."""
        clear(self.venv.root)
        shutil.copytree(self._kept, self.venv.root, symlinks=True, dirs_exist_ok=True)

    def killed_at(self, point: Point) -> None:
        self.fresh()
        done = run_faulty(self.box, *TWOS, *self._source, point=point)
        assert done.returncode == -9, (point, done)

    def assert_one_of(self, *states: Snapshot) -> None:
        found = self.seen()
        assert found in states, [diff(state, found) for state in states]
        assert verify_record(self.venv.site_packages) == ()
        for path in (self.box.tmp, self.box.cwd, self.box.home):
            assert os.listdir(path) == []


def clear(directory: str) -> None:
    """Remove what is in a directory and in what is mounted below it."""
    for entry in list(os.scandir(directory)):
        if entry.is_dir(follow_symlinks=False):
            clear(entry.path)
            if not os.path.ismount(entry.path) and not os.listdir(entry.path):
                os.rmdir(entry.path)
        else:
            os.unlink(entry.path)


@contextmanager
def bench_on(kind: str, tmp_path: Path) -> Iterator[Bench]:
    wheels = str(tmp_path / "wheels")
    for spec in specs():
        build_wheel(spec, wheels)
    with ExitStack() as stack:
        if kind != "three":
            yield Bench(stack.enter_context(small_filesystem(kind, str(tmp_path / "small"), roomy=True)), wheels)
            return
        bench = Bench(str(tmp_path / "box"), wheels)
        for number, place in enumerate((bench.venv.bin, bench.venv.site_packages)):
            aside = f"{tmp_path}/{number}"
            os.rename(place, aside)
            stack.enter_context(small_filesystem("tmpfs", place, roomy=True))
            os.chmod(place, 0o755)
            shutil.copytree(aside, place, symlinks=True, dirs_exist_ok=True)
        yield bench


@pytest.mark.parametrize(("kind", "limit"), CASES)
def test_killed_while_it_commits(kind: str, limit: int, tmp_path: Path) -> None:
    with bench_on(kind, tmp_path) as bench:
        between = bench.prepare()
        if kind == "three":
            places = (bench.venv.site_packages, bench.venv.bin, bench.venv.root)
            assert len({os.stat(path).st_dev for path in places}) == 3
        for number, point in enumerate(share(between, limit)):
            try:
                bench.killed_at(point)
                assert bench.run("list").returncode in {0, 8}
                if number % 2:
                    bench.run("recover").ok()
                    bench.assert_one_of(bench.old, bench.new)
                bench.run(*TWOS).ok()
                bench.run("recover").ok()  # what is satisfied takes no lock, and who takes none sweeps nothing
                bench.assert_one_of(bench.new)
            except AssertionError as error:
                error.add_note(f"{kind}: killed at {point}: {point.call}")
                raise
