"""flock succeeds, but locks its own host only: two mounts of one file system in user space (issue 4, number 2).

Two hosts, or two containers, each see the same directory at the same path through a mount of their own. The exclusion
is the protocol's: that the lock is there, not that its file is locked.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.real_cases import ONES
from tests.race.marker_scene import COMMANDS, LEASE, Scene
from tests.race.test_marker_paused import FENCED
from tests.support.areas import bare_target
from tests.support.environments import verify_record
from tests.support.fuse import HOST_ONLY, passthrough
from tests.support.hosts import CONTAINER, HERE, Place, another_host

WORKER = """
import os, sys, time
from holdfast.envlock import acquire
from holdfast.model.request import LockSettings
from tests.support.areas import Recorder, bare_target, begin

root, count = sys.argv[1], int(sys.argv[2])
target, number = bare_target(root, made=False), os.path.join(root, "number")
os.mkdir(os.path.join(root, "ready", os.urandom(8).hex()))
while len(os.listdir(os.path.join(root, "ready"))) < 4:
    time.sleep(0.001)
for _ in range(count):
    with begin(target) as tx, acquire(tx, LockSettings(timeout=60), Recorder(), sync=False):
        with open(number) as file:
            value = int(file.read()) + 1
        time.sleep(0.03)  # longer than a waiter sleeps at first
        with open(number + ".new", "w") as file:
            file.write(str(value))
        os.rename(number + ".new", number)
"""


@contextmanager
def two_mounts(root: Path, *, valid: float = 0.0) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """The path of one mount, and what puts the other one there for somebody else."""
    backing = root / "backing"
    backing.mkdir()
    with passthrough(str(backing), flock=HOST_ONLY, mounts=2, valid=valid) as (one, two):
        yield one.path, ((two.path, one.path),)


@pytest.mark.parametrize("count", [8, pytest.param(300, marks=pytest.mark.exhaustive)])
def test_hosts_whose_locks_do_not_know_each_other_exclude_each_other(tmp_path: Path, count: int) -> None:
    """A number that is read and written by processes of two containers and of another host loses nothing."""
    with two_mounts(tmp_path) as (path, mounted):
        root = Path(path, "race")
        bare_target(str(root))
        (root / "number").write_text("0")
        (root / "ready").mkdir()
        other = Place(contained=True, mounted=mounted)
        working = [
            subprocess.Popen(
                place.wrap([sys.executable, "-c", WORKER, str(root), str(count)]),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                stderr=subprocess.PIPE,
            )
            for place in (CONTAINER, CONTAINER, other, another_host(mounted=mounted))
        ]
        for process in working:
            _, errors = process.communicate(timeout=600)
            assert process.returncode == 0, errors.decode()
        assert (root / "number").read_text() == str(len(working) * count)
        assert os.listdir(root / "lib") == []
        print(f"\n{len(working) * count} acquisitions by {len(working)} hosts and containers")  # noqa: T201 - the count


@pytest.mark.exhaustive
@pytest.mark.parametrize("valid", [0.0, 1.0], ids=["fresh", "cached"])
def test_that_a_lock_is_free_on_another_mount_proves_nothing(tmp_path: Path, valid: float) -> None:
    """Its holder lives, in another container of the same boot. He is waited for; past his lease he is fenced.

    ``cached``: the kernel believes for a second what it knows of names, as with network file systems.
    """
    with two_mounts(tmp_path, valid=valid) as (path, mounted):
        scene = Scene(f"{path}/scene")
        other = Place(contained=True, mounted=mounted)
        for point in scene.until_he_has_committed()[:-1:6]:
            scene.fresh()
            with scene.start(place=HERE, mode="flock", stop=point) as holder:
                assert holder.is_stopped()
                before = scene.files()
                scene.run("recover", "--lock-timeout=1", lease=1000, place=other).returned(6)
                assert scene.files() == before
                scene.run("recover", lease=LEASE, place=other).ok()
                taken = scene.files()
                holder.go_on()
                assert FENCED in holder.end().returned(8).stderr
                assert scene.files() == taken
            time.sleep(2 * valid)
            scene.assert_settled(scene.old)


@pytest.mark.exhaustive
def test_commands_of_two_hosts_that_are_killed_and_stopped_leave_a_whole_environment(tmp_path: Path) -> None:
    """Real commands in changing modes; some are killed, some stopped for longer than a lease, then continued."""
    chosen, codes = random.Random(4711), Counter[int]()
    with two_mounts(tmp_path) as (path, mounted):
        scene = Scene(f"{path}/scene")
        hosts = [another_host(), another_host(mounted=mounted), Place(contained=True, mounted=mounted)]
        lines = [(*scene.arguments(COMMANDS[name]), "-q") for name in ("upgrade", "uninstall")]
        lines.append((*scene.arguments(ONES), "-q"))
        for _ in range(60):
            running = [
                scene.begin(
                    *chosen.choice(lines), f"--lock-mode={chosen.choice(('flock', 'marker'))}", lease=1.5, place=place
                )
                for place in chosen.sample(hosts, 3)
            ]
            time.sleep(chosen.uniform(0.5, 2.5))
            victim = running[0]
            number = chosen.choice((signal.SIGKILL, signal.SIGSTOP))
            victim.signal(number)
            ended = [each.end() for each in running[1:]]
            if number == signal.SIGSTOP:
                victim.signal(signal.SIGCONT)
            done = victim.end()
            codes.update(each.returncode for each in (*ended, done))
            for each in (*ended, *([done] if number == signal.SIGSTOP else [])):
                assert each.returncode in {0, 6, 8}, each
                assert "Traceback" not in each.stderr, each
            scene.run("recover", lease=1.5).ok()
            assert verify_record(scene.site) == ()
            assert scene.box.venv.distributions in (
                {},
                {"alpha": "1.0", "beta": "1.0"},
                {"alpha": "2.0", "beta": "2.0"},
            )
        assert not scene.is_locked()
        for left in scene.left():  # whose owner cannot be judged from here: it has an hour
            assert not {"journal", "taken", "broken", "kept"} & set(os.listdir(left))
    print(f"\n60 rounds of three commands ended with {dict(codes)}")  # noqa: T201 - the count
