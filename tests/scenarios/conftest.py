"""A world for each scenario."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scenarios.world import World
from tests.support.index import Index
from tests.support.sandbox import Sandbox
from tests.support.wheels import pkg


@pytest.fixture
def world(sandbox: Sandbox, index: Index) -> World:
    """An empty environment and an empty index."""
    return World(sandbox=sandbox, index=index)


@pytest.fixture(scope="module")
def evil_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for all tests of a module, in which ``victim`` is installed: whoever changes it fails."""
    with Index() as index:
        world = World(sandbox=Sandbox(root=str(tmp_path_factory.mktemp("evil"))), index=index)
        files = {"victim/part.py": "PART = 1\n", "victim.pth": "# nothing\n"}
        world.add(pkg("victim", files=files, console_scripts={"victim": "victim:main"}))
        world.install("victim", "--no-compile-bytecode")
        yield world
