"""Stop the commit at every disk call: what the next command makes of it is exactly OLD or exactly NEW (promise P1).

A `Kill` in the process leaves everything as the death of the process would, but for the process itself: its pid lives.
So the owner's lock is broken here by name before recovery, as the next taker breaks the lock of a dead pid.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from holdfast.errors import CommitError, HoldfastError, InterruptedTransactionError
from holdfast.model.changes import Committed
from tests.crash.world import Dist, Tree, change, recovered, scheme_at, tree_of, write_tree
from tests.support.faulty_disk import Call, Fail, FaultyDisk, Kill, Point, When, points, recorded, share, stopped

OLD = (
    Dist(
        name="alpha",
        version="1",
        files={
            "alpha/__init__.py": "1",
            "alpha/gone.py": "gone",
            "alpha/deep/same.py": "same",
            "module.py": "module",
            "becomes/__init__.py": "a package",
            "ns/__init__.py": "",
            "ns/alpha.py": "ns 1",
            "bin:alpha": "#!alpha 1",
            "bin:old": "#!old",
            "data:share/doc/alpha": "a file",
            "data:etc/alpha": "a file",
        },
    ),
    Dist(name="beta", version="1", files={"ns/__init__.py": "", "ns/beta.py": "ns b1", "beta.py": "b1"}),
    Dist(name="gone", version="1", files={"gone/__init__.py": "", "data:share/doc/gone": "gone"}),
    Dist(name="other", version="1", files={"other/__init__.py": "o", "ns/__init__.py": "", "ns/other.py": "ns o"}),
)
NEW = (
    Dist(
        name="alpha",
        version="2",
        files={
            "alpha/__init__.py": "2",
            "alpha/deep/same.py": "same",
            "alpha/new.py": "new",
            "module/__init__.py": "a package now",
            "becomes.py": "a module now",
            "ns/__init__.py": "",
            "ns/alpha.py": "ns 2",
            "bin:alpha": "#!alpha 2",
            "bin:new": "#!new",
            "data:share/doc/alpha": "another file",
            "data:etc/alpha/conf": "below it",
            "include:alpha/alpha.h": "header",
        },
    ),
    Dist(name="beta", version="1", files={"ns/__init__.py": "", "ns/beta.py": "ns b2", "beta.py": "b2"}),
    Dist(name="fresh", version="1", files={"fresh/__init__.py": "", "ns/__init__.py": "", "ns/fresh.py": "f"}),
    OLD[3],
)
FOREIGN = {"lib/python3/site-packages/becomes/notes.txt": b"mine", "bin/mine": b"mine", "share/doc/mine": b"mine"}
BYTECODE = {
    "lib/python3/site-packages/__pycache__/module.cpython-311.pyc": b"stale",
    "lib/python3/site-packages/alpha/__pycache__/gone.cpython-311.pyc": b"stale",
    "lib/python3/site-packages/ns/__pycache__/alpha.cpython-311.pyc": b"stale",
}


def files(root: str) -> Tree:
    found = {}
    for parent, directories, names in os.walk(root):
        for name in names:
            path = os.path.join(parent, name)
            found[path] = Path(path).read_bytes()
        if not directories and not names:
            found[parent + "/"] = b"an empty directory"
    return found


class Bench:
    """One environment, as OLD, as often as wanted."""

    def __init__(self, home: Path) -> None:
        self._template = os.path.realpath(home / "template")
        self.root = os.path.realpath(home / "env")
        os.makedirs(f"{self._template}/lib/python3/site-packages")
        change(self._template, (), OLD, fsync=False)
        write_tree({f"{self._template}/{path}": content for path, content in (FOREIGN | BYTECODE).items()})
        self.fresh()
        self.old = files(self.root)
        foreign = {f"{self.root}/{path}": content for path, content in FOREIGN.items()}
        self.new = tree_of(NEW, scheme_at(self.root)) | foreign

    def fresh(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self._template, self.root)

    def upgrade(self) -> object:
        return change(self.root, OLD, NEW)

    def bury(self) -> None:
        """The dead owner's lock is broken as its next taker would: his pid would be gone."""
        library = scheme_at(self.root).purelib
        with suppress(FileNotFoundError):
            shutil.rmtree(f"{library}/.holdfast.lock")

    def tidy(self) -> None:
        """What litter does to directories of the dead, journals excepted."""
        for parent, directories, _ in list(os.walk(self.root)):
            for name in directories:
                if name.startswith(".holdfast-"):
                    assert not os.path.exists(f"{parent}/{name}/journal")
                    shutil.rmtree(f"{parent}/{name}")

    def state(self) -> str:
        found = files(self.root)
        if found == self.old:
            return "old"
        if found == self.new:
            return "new"
        missing = {path: ("old" if path in self.old else "new") for path in {*self.old, *self.new} - {*found}}
        surplus = {*found} - {*self.old, *self.new}
        raise AssertionError(f"neither: missing {missing}, surplus {surplus}")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("crash"))


@pytest.fixture(scope="module")
def calls(bench: Bench) -> tuple[Call, ...]:
    bench.fresh()
    made = recorded(bench.upgrade, only=under_lock())
    assert bench.state() == "new"
    return made


SOME = [40, pytest.param(10_000, marks=pytest.mark.exhaustive)]
"""How many points: a share that is always the same, or all."""


def under_lock() -> Callable[[Call], bool]:
    """Counts from the moment on in which the lock is published; before, nothing but staging happens."""
    begun = False

    def count(call: Call) -> bool:
        nonlocal begun
        begun = begun or (len(call.paths) == 2 and call.paths[1].endswith("/.holdfast.lock"))
        return begun

    return count


def test_the_way_to_test_is_sound(bench: Bench) -> None:
    bench.fresh()
    assert bench.state() == "old"
    assert isinstance(bench.upgrade(), Committed)
    assert bench.state() == "new"


@pytest.mark.parametrize("limit", SOME)
def test_killed_at_every_call_it_is_old_or_new(bench: Bench, calls: tuple[Call, ...], limit: int) -> None:
    seen = set()
    for point in share(points(calls), limit):
        bench.fresh()
        with FaultyDisk(point, Kill(), only=under_lock()) as disk, stopped():
            bench.upgrade()
        assert disk.fired or point.when is When.AFTER, point  # a call that fails by itself has no "after"
        bench.bury()
        assert recovered(bench.root).left == ()
        bench.tidy()
        seen.add(bench.state())
    assert seen == {"old", "new"}


@pytest.mark.parametrize("limit", SOME)
def test_failing_at_every_call_it_is_old_or_new(bench: Bench, calls: tuple[Call, ...], limit: int) -> None:
    seen = set()
    for point in share(points(calls), limit):
        for number in (errno.EIO, errno.ENOSPC):
            bench.fresh()
            outcome: object = None
            with FaultyDisk(point, Fail(number=number), only=under_lock()) as disk:
                try:
                    outcome = bench.upgrade()
                except CommitError:
                    outcome = "old"
                except (HoldfastError, OSError) as error:
                    outcome = error
            assert disk.fired or point.when is When.AFTER, point
            bench.bury()  # a release that failed leaves the lock to the end of the process: envlock's tests judge that
            bench.tidy()
            state = bench.state()
            if isinstance(outcome, str | Committed):
                assert state == ("new" if isinstance(outcome, Committed) else "old"), point
            seen.add(state)
    assert seen == {"old", "new"}


@pytest.mark.parametrize("limit", SOME)
def test_a_disk_that_stays_full_leaves_old_or_a_journal(bench: Bench, calls: tuple[Call, ...], limit: int) -> None:
    for point in share(points(calls), limit):
        bench.fresh()
        with (
            FaultyDisk(point, Fail(number=errno.EIO, lasting=True), only=under_lock()),
            suppress(HoldfastError, OSError),
        ):
            bench.upgrade()
        bench.bury()
        recovered(bench.root)
        bench.tidy()
        bench.state()


def undo_points(bench: Bench, interrupted: Point) -> tuple[Point, ...]:
    interrupt(bench, interrupted)
    return points(recorded(lambda: recovered(bench.root), only=under_lock()))


def interrupt(bench: Bench, point: Point) -> None:
    bench.fresh()
    with FaultyDisk(point, Kill(), only=under_lock()), stopped():
        bench.upgrade()
    bench.bury()


@pytest.mark.parametrize("limit", SOME)
def test_killed_in_undo_at_every_call_undo_goes_on(bench: Bench, calls: tuple[Call, ...], limit: int) -> None:
    unlink = next(n for n, call in enumerate(calls) if call.name == "unlink" and call.paths[0].endswith("/journal"))
    last = Point(n=unlink)
    middle = Point(n=next(n for n, call in enumerate(calls) if "ns/alpha.py" in call.paths[-1] and n < unlink) + 1)
    for interrupted in (last, middle):
        for point in share(undo_points(bench, interrupted), limit):
            interrupt(bench, interrupted)
            with FaultyDisk(point, Kill(), only=under_lock()) as disk, stopped():
                recovered(bench.root)
            assert disk.fired or point.when is When.AFTER, point
            bench.bury()
            assert recovered(bench.root).left == ()
            bench.tidy()
            assert bench.state() == "old", (interrupted, point)


def test_a_disk_that_fails_for_good_says_that_a_journal_is_left(bench: Bench, calls: tuple[Call, ...]) -> None:
    last = next(n for n, call in enumerate(calls) if call.name == "unlink" and call.paths[0].endswith("/journal"))
    bench.fresh()
    with (
        FaultyDisk(Point(n=last), Fail(number=errno.EIO, lasting=True), only=under_lock()),
        pytest.raises(InterruptedTransactionError),
    ):
        bench.upgrade()
    bench.bury()
    assert recovered(bench.root).recovered
    bench.tidy()
    assert bench.state() == "old"
