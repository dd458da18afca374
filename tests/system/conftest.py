"""Fixtures of the tests that build real images."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.images import Podman, podman


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """Images in podman's overlay store: ``debian``, and ``tool`` with holdfast in it."""
    with podman(str(tmp_path_factory.mktemp("images")), "overlay") as made:
        yield made
