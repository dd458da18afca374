"""A holder is dead: killed on this host, in another container, on another host; a zombie (issue 4, number 2).

And a holder who is not: whatever the clocks of his host say, whatever his own process looks like from here.
"""

from __future__ import annotations

import os
import signal
import time

import pytest

from holdfast import disk
from tests.race.marker_scene import Scene
from tests.support.faulty_disk import Point as DiskPoint
from tests.support.faulty_main import count_calls, start_faulty
from tests.support.hosts import CONTAINER, HERE, Place, another_host

YEARS = 10 * 365 * 86400.0


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(str(tmp_path_factory.mktemp("upgrade")))


def kill_in_the_middle(scene: Scene, *, place: Place, mode: str = "marker", skew: float = 0.0) -> None:
    """What is left of him: the lock, and a journal."""
    scene.fresh()
    with scene.start(place=place, mode=mode, stop=scene.in_the_middle(), skew=skew) as holder:
        assert holder.is_stopped()
        holder.kill()
    assert scene.is_locked()


@pytest.mark.parametrize("mode", ["marker", "flock"])
def test_who_was_killed_on_the_same_host_is_taken_over_at_once(scene: Scene, mode: str) -> None:
    kill_in_the_middle(scene, place=HERE, mode=mode)
    scene.run("recover", "--lock-timeout=0", lease=1000).ok()
    scene.assert_settled(scene.old)


def test_a_zombie_is_taken_over_at_once(scene: Scene) -> None:
    """Its parent has not asked for it: number and start time are still there."""
    scene.fresh()
    line = (*scene.arguments(("install", "alpha==2.0", "beta==2.0")), "--lock-mode=marker")
    calls = count_calls(scene.box, *line)
    scene.fresh()
    (published,) = (n for n, call in enumerate(calls) if call.name == "rename" and call.paths[1].endswith("/journal"))
    process = start_faulty(scene.box, *line, point=DiskPoint(n=published + 8), fault="SIGKILL")
    try:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        seen = disk.sight(process.pid)
        assert (seen.exists, seen.state) == (True, "Z")
        scene.run("recover", "--lock-timeout=0", lease=1000).ok()
        assert disk.sight(process.pid) == seen
    finally:
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    scene.assert_settled(scene.old)


def test_who_was_killed_in_another_container_is_dead_at_once_where_his_flock_tells(scene: Scene) -> None:
    if not disk.filesystem(scene.root).locks_are_here:
        pytest.skip("the file system of the temporary directory is not one of those whose flock tells")
    kill_in_the_middle(scene, place=CONTAINER, mode="flock")
    scene.run("recover", "--lock-timeout=0", lease=1000).ok()
    scene.assert_settled(scene.old)


@pytest.mark.parametrize(
    ("place", "mode", "waiter", "skew"),
    [
        pytest.param(another_host(), "flock", another_host(monotonic=1_000_000), YEARS, id="host"),
        pytest.param(CONTAINER, "marker", HERE, 0.0, id="container", marks=pytest.mark.exhaustive),
        pytest.param(another_host(), "marker", HERE, -YEARS, id="host-behind", marks=pytest.mark.exhaustive),
        pytest.param(
            another_host(monotonic=1_000_000), "marker", CONTAINER, 0.0, id="host-ahead", marks=pytest.mark.exhaustive
        ),
    ],
)
def test_who_was_killed_elsewhere_is_taken_over_after_his_lease(
    scene: Scene, place: Place, mode: str, waiter: Place, skew: float
) -> None:
    """As long as the waiter's own monotonic clock says; what the dead one's clocks said does not count."""
    kill_in_the_middle(scene, place=place, mode=mode, skew=skew)
    before = scene.files()
    done = scene.run("recover", "--lock-timeout=0.5", lease=2, place=waiter).returned(6)
    assert "after 2 s without a sign of life it is taken over" in done.stderr
    assert scene.files() == before
    began = time.monotonic()
    scene.run("recover", "--lock-timeout=60", lease=2, place=waiter).ok()
    assert time.monotonic() - began >= 2
    scene.assert_settled(scene.old, but_for_work_areas=True)


@pytest.mark.parametrize(
    ("place", "skew"),
    [
        pytest.param(another_host(monotonic=1_000_000), YEARS, id="ahead"),
        pytest.param(another_host(), -YEARS, id="behind", marks=pytest.mark.exhaustive),
        pytest.param(CONTAINER, 0.0, id="container", marks=pytest.mark.exhaustive),
    ],
)
def test_who_works_slowly_elsewhere_is_waited_for(scene: Scene, place: Place, skew: float) -> None:
    """Longer than a lease, with signs of life; his clocks are off. Then it is the waiter's turn."""
    scene.fresh()
    lease, began = 3.0, time.monotonic()
    with scene.start(place=place, skew=skew, slowly=0.25) as holder:
        while not scene.is_locked():
            assert time.monotonic() - began < 60
            time.sleep(0.01)
        held = time.monotonic()
        scene.run("recover", "--lock-timeout=60", lease=lease).ok()
        assert time.monotonic() - held > lease
        holder.end().ok()
    scene.assert_settled(scene.new)


def test_who_lives_in_another_time_namespace_is_waited_for(scene: Scene) -> None:
    """His start looks like another one's from there."""
    scene.fresh()
    with scene.start(place=Place(monotonic=1_000_000), stop=scene.in_the_middle()) as holder:
        assert holder.is_stopped()
        before = scene.files()
        scene.run("recover", "--lock-timeout=1", lease=0.1).returned(6)
        scene.run("recover", "--lock-timeout=1", lease=0.1, place=Place(monotonic=-1000)).returned(6)
        assert scene.files() == before
        holder.go_on()
        holder.end().ok()
    scene.assert_settled(scene.new)
