"""Each way to lock, from the command line and from the environment."""

from __future__ import annotations

import pytest

from tests.scenarios.world import World
from tests.support.trees import snapshot
from tests.support.wheels import pkg


@pytest.mark.parametrize("mode", ["flock", "marker", "none"])
def test_every_mode_installs_and_leaves_nothing_of_the_lock(world: World, mode: str) -> None:
    world.add(pkg("alpha"))
    before = snapshot(world.path())
    done = world.install(f"--lock-mode={mode}", "alpha")
    assert world.packages == {"alpha": "1.0"}
    assert ("without the lock" in done.stderr) is (mode == "none")
    assert "HOLDFAST_LOCK_MODE" not in done.stderr
    world.run("uninstall", "-y", "alpha", f"--lock-mode={mode}")
    assert snapshot(world.path()) == before


def test_the_variable_says_so_too(world: World) -> None:
    world.add(pkg("alpha"))
    done = world.install("alpha", env={"HOLDFAST_LOCK_MODE": "marker"})
    assert world.packages == {"alpha": "1.0"}
    assert "marker" not in done.stderr
    world.install("alpha", env={"HOLDFAST_LOCK_MODE": "soft"}, code=2)
