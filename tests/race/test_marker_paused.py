"""A holder is stopped (SIGSTOP) past his lease, taken over by a real command, and continued (issue 4, number 2).

He is another process tree: in another pid namespace (a container), or with another boot id besides (a host). Stopped
after each call that changes something, from the publishing of his lock to the sweep, which is before the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from holdfast.envlock import lease
from tests.race.marker_scene import COMMANDS, LEASE, Scene
from tests.support.hosts import CONTAINER, HERE, Place, Point, another_host

WHERE_AND_HOW = pytest.mark.parametrize(
    ("place", "mode"), [(another_host(), "marker"), (CONTAINER, "flock")], ids=["host-marker", "container-flock"]
)
FENCED = "Another process took over the environment lock and undoes this change."


@pytest.fixture(autouse=True)
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the test itself, which takes over too."""
    monkeypatch.setattr(lease, "LEASE", LEASE)


def take_over(scene: Scene, point: Point, *, place: Place, mode: str, by_command: bool) -> str:
    """Stop him there, take over, let him go on while somebody else holds the lock; how he ended."""
    scene.fresh()
    with scene.start(place=place, mode=mode, stop=point) as holder:
        assert holder.is_stopped()
        if by_command:
            scene.run("recover").ok()
        with scene.held_here() as held:
            taken, files = scene.seen(), scene.files()
            assert taken in (scene.old, scene.new)
            holder.go_on()
            done = holder.end()
            assert held.still_held()
            assert (scene.seen(), scene.files()) == (taken, files)
    assert "Traceback" not in done.stderr, done
    if by_command:  # it sweeps too
        scene.assert_settled(taken)
    if done.returncode == 0:
        assert taken == scene.new
        return "committed"
    assert done.returncode == 8, done
    assert FENCED in done.stderr
    assert "The change is being undone." in done.stderr
    assert taken == scene.old
    return "fenced"


def take_over_each(
    scene: Scene, points: Sequence[Point], *, place: Place, mode: str, by_command: int = 1
) -> Counter[str]:
    """Each of the points, every so-manieth by a real command; how often he ended how."""
    words: Counter[str] = Counter()
    for n, point in enumerate(points):
        try:
            words[take_over(scene, point, place=place, mode=mode, by_command=n % by_command == 0)] += 1
        except AssertionError as error:
            error.add_note(f"{scene.command} in mode {mode} stopped after {point}")
            raise
    return words


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(str(tmp_path_factory.mktemp("upgrade")))


@WHERE_AND_HOW
def test_who_is_stopped_past_his_lease_is_fenced(upgrade: Scene, place: Place, mode: str) -> None:
    """Before the journal, with it, and where he has committed: a share of what the next test stops after.

    In the middle what he staged is not swept yet when he goes on: only the fence keeps it from the target.
    """
    points = upgrade.until_he_has_committed()
    linked = max(n for n, point in enumerate(points) if point.name == "linkat")
    share = [points[linked], upgrade.in_the_middle(), points[-1]]
    assert take_over_each(upgrade, share, place=place, mode=mode, by_command=2) == {"fenced": 2, "committed": 1}


@pytest.mark.exhaustive
@pytest.mark.parametrize("command", COMMANDS)
@WHERE_AND_HOW
def test_who_is_stopped_past_his_lease_is_fenced_after_every_call(
    tmp_path: Path, command: str, place: Place, mode: str
) -> None:
    scene = Scene(str(tmp_path), command, place)
    points = scene.from_publishing_to_the_end()
    words = take_over_each(scene, points, place=place, mode=mode, by_command=8)
    print(f"\n{command}, {mode}: stopped after each of {len(points)} calls: {dict(words)}")  # noqa: T201 - the count
    assert words["fenced"]
    assert words["committed"]
    assert sum(words.values()) == len(points)


def test_who_is_stopped_in_the_same_namespace_is_waited_for(upgrade: Scene) -> None:
    """Past his lease, because he can be seen; then he goes on and commits."""
    scene = upgrade
    for mode in ("marker", "flock"):
        scene.fresh()
        with scene.start(place=HERE, mode=mode, stop=scene.in_the_middle()) as holder:
            assert holder.is_stopped()
            before = scene.files()
            done = scene.run("recover", f"--lock-timeout={4 * LEASE}").returned(6)
            assert f"process {holder.pid}" in done.stderr
            assert scene.files() == before
            holder.go_on()
            holder.end().ok()
        scene.assert_settled(scene.new)
