"""A world for each scenario."""

from __future__ import annotations

import pytest

from tests.scenarios.world import World
from tests.support.index import Index
from tests.support.sandbox import Sandbox


@pytest.fixture
def world(sandbox: Sandbox, index: Index) -> World:
    """An empty environment and an empty index."""
    return World(sandbox=sandbox, index=index)
