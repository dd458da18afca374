"""uv's ``.lock`` is honoured where it exists, and left as it is."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.disk import calls
from holdfast.envlock import acquire
from holdfast.envlock.uv import UvAbsent, UvTaken, look_again, take
from holdfast.errors import LockUnavailableError
from holdfast.events import Detail
from holdfast.model.request import LockSettings
from holdfast.model.target import Target
from holdfast.model.transaction import LOCK_NAME
from tests.support.areas import Recorder, bare_target, begin, living_owner, plant_lock

ONCE = LockSettings(timeout=0)
HOLD = (
    "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
)


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return bare_target(str(tmp_path / "env"))


@pytest.fixture
def uv(target: Target) -> str:
    path = os.path.join(target.root, ".lock")
    Path(path).touch()
    return path


@pytest.fixture
def holder(uv: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, uv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        yield child
        child.kill()


def is_locked(path: str) -> bool:
    with open(path, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_it_is_locked_while_ours_is_held_and_stays(target: Target, uv: str) -> None:
    inode = os.stat(uv).st_ino
    with begin(target) as tx, acquire(tx, ONCE, Recorder()):
        assert is_locked(uv)
    assert not is_locked(uv)
    assert os.stat(uv).st_ino == inode


def test_it_is_never_created(target: Target) -> None:
    with begin(target) as tx, acquire(tx, ONCE, Recorder()):
        assert not os.path.lexists(os.path.join(target.root, ".lock"))


def test_who_has_it_keeps_us_out_and_ours_is_not_taken_meanwhile(
    target: Target, uv: str, holder: subprocess.Popen[str]
) -> None:
    with begin(target) as tx, pytest.raises(LockUnavailableError, match="uv") as caught, acquire(tx, ONCE, Recorder()):
        pass
    assert uv in caught.value.cause
    assert not os.path.lexists(os.path.join(target.scheme.purelib, LOCK_NAME))
    assert holder.poll() is None


def test_we_wait_for_it_and_say_so(target: Target, uv: str, holder: subprocess.Popen[str]) -> None:
    reporter = Recorder()
    assert holder.stdin is not None
    stdin = holder.stdin
    threading.Timer(1.0, lambda: (stdin.write("\n"), stdin.flush())).start()
    with begin(target) as tx, acquire(tx, LockSettings(timeout=20), reporter) as held:
        assert 0.5 < held.waited < 10
        assert is_locked(uv)
    assert reporter.waiting[0].path == uv


def test_while_ours_is_busy_uvs_is_given_back(target: Target, uv: str) -> None:
    with begin(target) as first, acquire(first, ONCE, Recorder()):
        pass
    path = plant_lock(target.scheme.purelib, living_owner())
    taken: list[bool] = []
    free = threading.Event()

    def wait() -> None:
        with begin(target) as tx, acquire(tx, LockSettings(timeout=20), Recorder()):
            free.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    for _ in range(20):
        taken.append(is_locked(uv))
        time.sleep(0.01)
    os.unlink(path)
    assert free.wait(5)
    waiter.join()
    assert not any(taken)


class Arriving(calls.Calls):
    """uv makes its lock, and takes it or not, in the moment in which ours is published."""

    def __init__(self, path: str, *, busy: bool) -> None:
        self.held: list[int] = []
        self.published = 0

        def rename(src: str, dst: str, **where: int | None) -> None:
            os.rename(src, dst, **where)
            if dst.endswith(LOCK_NAME):
                self.published += 1
                if self.published == 1:
                    fd = os.open(path, os.O_RDWR | os.O_CREAT)
                    if busy:
                        fcntl.flock(fd, fcntl.LOCK_EX)
                    self.held.append(fd)

        self.rename = rename  # type: ignore[assignment]  # paths of tests are str

    def leave(self) -> None:
        """Uv ends."""
        while self.held:
            os.close(self.held.pop())


def test_one_that_came_meanwhile_is_taken_too(target: Target) -> None:
    path = os.path.join(target.root, ".lock")
    with calls.using(backend := Arriving(path, busy=False)):
        with begin(target) as tx, acquire(tx, ONCE, Recorder()):
            assert is_locked(path)
        backend.leave()
    assert not is_locked(path)


def test_one_that_came_meanwhile_and_is_busy_sends_us_back_to_the_start(target: Target) -> None:
    path = os.path.join(target.root, ".lock")
    place = os.path.join(target.scheme.purelib, LOCK_NAME)
    backend = Arriving(path, busy=True)
    seen: list[bool] = []

    def interrupted() -> None:
        seen.append(os.path.lexists(place))
        if len(seen) == 5:
            backend.leave()

    assert isinstance(backend, calls.Calls)
    with (
        calls.using(backend),
        begin(target) as tx,
        acquire(tx, LockSettings(timeout=20), Recorder(), interrupted=interrupted) as held,
    ):
        assert held.still_held()
        assert is_locked(path)
    assert seen[:5] == [False] * 5
    assert backend.published == 2


def test_one_that_cannot_be_locked_is_a_line_for_v(target: Target) -> None:
    reporter = Recorder()
    os.mkfifo(os.path.join(target.root, ".lock"))
    with begin(target) as tx, acquire(tx, ONCE, reporter) as held:
        assert held.still_held()
    assert [event.text for event in reporter.events if isinstance(event, Detail)]
    assert reporter.warned == []


def test_a_symlink_in_its_place_is_not_followed(target: Target, tmp_path: Path) -> None:
    (tmp_path / "victim").touch()
    os.symlink(tmp_path / "victim", os.path.join(target.root, ".lock"))
    with begin(target) as tx, acquire(tx, ONCE, Recorder()):
        assert not is_locked(str(tmp_path / "victim"))


def test_a_lock_that_gave_way_to_something_else_is_given_back(target: Target, uv: str) -> None:
    first = take(target.root)
    assert isinstance(first, UvTaken)
    os.rename(uv, f"{uv}.old")
    os.symlink("nowhere", uv)
    second = look_again(target.root, first)
    assert isinstance(second, UvAbsent)
    assert second.why
    assert not is_locked(f"{uv}.old")
