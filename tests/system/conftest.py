"""Fixtures of the tests that build real images."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.images import Podman, podman


@pytest.fixture(scope="session")
def images() -> Iterator[Podman]:
    """Images in podman's overlay store: ``debian``, and ``tool`` with holdfast in it."""
    with podman("overlay") as made:
        yield made
