"""An environment in which a holder of the lock stops, and what may come of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from holdfast.commit.recover import recover
from holdfast.envlock import HeldLock, acquire
from holdfast.model.owner import LockMode
from holdfast.model.request import LockSettings
from tests.crash.real_cases import ONES, TWOS, copy_tree, specs
from tests.support.areas import Recorder, bare_target, begin
from tests.support.environments import verify_record
from tests.support.hasty_main import hasty
from tests.support.hosts import HERE, ROOT, Holder, Place, Point, command_below
from tests.support.sandbox import Completed, Sandbox
from tests.support.trees import Snapshot, diff, snapshot
from tests.support.wheels import build_wheel

LEASE = 0.4
"""Seconds, where a test is about what comes after it."""
COMMANDS = {"upgrade": TWOS, "uninstall": ("uninstall", "-y", "alpha", "beta"), "recover": ("recover",)}


@dataclass(slots=True)
class Scene:
    """One environment with version 1 of everything, as often as wanted, and a command that changes it.

    Args:
        root: A directory for all of it.
        command: A key of `COMMANDS`.
        place: Where it is traced: from elsewhere the work area of a dead process is not swept.
    """

    root: str
    command: str = "upgrade"
    place: Place = HERE
    box: Sandbox = field(init=False)
    old: Snapshot = field(init=False)
    new: Snapshot = field(init=False)
    points: tuple[Point, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.box = Sandbox(root=self.root)
        self.box.venv  # noqa: B018 - made now
        for spec in specs():
            build_wheel(spec, f"{self.root}/wheels")
        for command in (TWOS, ONES):  # the store has both then
            self.box.run(*self.arguments(command)).ok()
        self.old = snapshot(self.box.venv.root)
        self._keep()
        if self.command == "recover":
            self._interrupt()
        self._run_through(self.place)
        self.new = self.seen()

    def _keep(self) -> None:
        shutil.rmtree(f"{self.root}/kept", ignore_errors=True)
        copy_tree(self.box.venv.root, f"{self.root}/kept")

    def _run_through(self, place: Place) -> None:
        with self.start(place=place) as holder:
            holder.end().ok()
        self.points = holder.calls()

    def _interrupt(self) -> None:
        """What is to be recovered: an upgrade that was killed in the middle."""
        self.command = "upgrade"
        self._run_through(HERE)
        self.fresh()
        with self.start(place=HERE, stop=self.in_the_middle()) as holder:
            assert holder.is_stopped()
            holder.kill()
        self._keep()
        self.command = "recover"

    @property
    def site(self) -> str:
        """Its site-packages."""
        return self.box.venv.site_packages

    def fresh(self) -> None:
        """OLD again."""
        shutil.rmtree(self.box.venv.root)
        copy_tree(f"{self.root}/kept", self.box.venv.root)

    def arguments(self, command: tuple[str, ...]) -> tuple[str, ...]:
        """With where the wheels are."""
        return (*command, "--no-index", "--find-links", f"{self.root}/wheels") if command[0] == "install" else command

    def start(
        self, *, place: Place, mode: str = "marker", stop: Point | None = None, skew: float = 0.0, slowly: float = 0.0
    ) -> Holder:
        """The command, traced."""
        line = (*self.arguments(COMMANDS[self.command]), f"--lock-mode={mode}", "-q")  # no progress by the clock
        return Holder(
            hasty(*line, seconds=LEASE, refresh=0.2 if slowly else 1000, skew=skew),
            place=place,
            env=self.box.env(),
            cwd=self.box.cwd,
            trace=f"{self.root}/trace",
            stop=stop,
            slowly=slowly,
        )

    def run(self, *args: str, lease: float = LEASE, place: Place = HERE) -> Completed:
        """Another command, in its own process."""
        return self.begin(*args, lease=lease, place=place).end()

    def begin(self, *args: str, lease: float = LEASE, place: Place = HERE) -> Waiting:
        """The same, started."""
        return Waiting(
            subprocess.Popen(
                place.wrap(hasty(*args, seconds=lease)),
                env=self.box.env(PYTHONPATH=ROOT),
                cwd=self.box.cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    def from_publishing_to_the_end(self) -> tuple[Point, ...]:
        """The calls after which it may be stopped, and is not alone any more."""
        (first,) = (n for n, point in enumerate(self.points) if is_publishing(point))
        return tuple(point for point in self.points[first:] if not is_output(point))

    def until_he_has_committed(self) -> tuple[Point, ...]:
        """Those of them up to the one that is the point of no return."""
        after = self.from_publishing_to_the_end()
        (ended,) = (n for n, point in enumerate(after) if point.name == "unlinkat" and '"journal"' in point.text)
        return after[: ended + 1]

    def in_the_middle(self) -> Point:
        """A call between the journal and its end."""
        after = self.until_he_has_committed()
        (began,) = (n for n, point in enumerate(after) if '"journal.part"' in point.text)
        return after[(began + len(after)) // 2]

    def seen(self) -> Snapshot:
        """The environment but for what names its owner."""
        everything = snapshot(self.box.venv.root)
        return {path: entry for path, entry in everything.items() if "/.holdfast" not in f"/{path}"}

    def files(self) -> dict[str, tuple[int, int]]:
        """Inode and mtime of each file of it."""
        return {
            path: (status.st_ino, status.st_mtime_ns)
            for path in self.seen()
            if not os.path.isdir(full := os.path.join(self.box.venv.root, path))
            for status in [os.lstat(full)]
        }

    def left(self) -> list[str]:
        """What is there of any transaction or lock: paths."""
        places = (self.site, self.box.venv.root)
        return [f"{place}/{name}" for place in places for name in os.listdir(place) if "holdfast" in name]

    def is_locked(self) -> bool:
        """Whether somebody's lock is there."""
        return os.path.lexists(f"{self.site}/.holdfast.lock")

    def assert_settled(self, *states: Snapshot, but_for_work_areas: bool = False) -> None:
        """It is exactly one of these, and nothing is left of anybody.

        Args:
            states: What may be.
            but_for_work_areas: Of owners who cannot be judged from here one may be left: it has an hour.
        """
        left = [path for path in self.left() if not (but_for_work_areas and is_work_area(path))]
        assert left == []
        found = self.seen()
        assert found in states, [diff(state, found) for state in states]
        assert verify_record(self.site) == ()
        for path in (self.box.tmp, self.box.cwd, self.box.home):
            assert os.listdir(path) == []

    @contextmanager
    def held_here(self) -> Iterator[HeldLock]:
        """The lock of the environment, held by the test itself, and nothing left to recover."""
        target = bare_target(
            self.box.venv.root,
            made=False,
            purelib=self.site,
            platlib=self.site,
            headers=f"{self.box.venv.root}/include/site/python3",
        )
        with (
            begin(target, mode=LockMode.MARKER) as tx,
            acquire(tx, LockSettings(mode=LockMode.MARKER, timeout=30), Recorder()) as held,
        ):
            recover(target, held)
            yield held


@dataclass(slots=True)
class Waiting:
    """A command that runs."""

    process: subprocess.Popen[str]
    _heard: str = ""

    def hears(self, words: str) -> None:
        """Wait until it says so on stderr."""
        assert self.process.stderr is not None
        while words not in self._heard:
            line = self.process.stderr.readline()
            assert line, self._heard
            self._heard += line

    def signal(self, number: int) -> None:
        """Send one to the command itself, wherever it runs; it may have ended."""
        with suppress(LookupError, ProcessLookupError):
            os.kill(command_below(self.process.pid), number)

    def looks_again(self) -> None:
        """Give it the time for several looks; it still waits then."""
        time.sleep(0.2)
        assert self.process.poll() is None, self.end()

    def end(self) -> Completed:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=120)
        line = self.process.args if isinstance(self.process.args, list) else []
        return Completed(
            args=tuple(map(str, line)), returncode=self.process.returncode, stdout=out, stderr=self._heard + err
        )


def is_work_area(path: str) -> bool:
    """Whether it holds downloads, not a transaction."""
    return not {"new", "old", "journal", "taken", "lock"} & set(os.listdir(path))


def is_publishing(point: Point) -> bool:
    """Whether this call made the lock."""
    return point.name.startswith("rename") and '.holdfast.lock") = 0' in point.text


def is_output(point: Point) -> bool:
    """Whether this call wrote to a stream."""
    return point.name == "write" and point.text.startswith(("1, ", "2, "))
