"""Seed 11878: an environment that was installed into has no ``.lock`` in it, and "No locks available" is no error.

The reporter's steps::

    uv venv test_venv
    source test_venv/bin/activate
    uv pip install <any-library>
    ls -ltra test_venv | grep lock
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.refusing import refusing
from tests.support.sandbox import Completed, Sandbox
from tests.support.trees import snapshot
from tests.support.wheels import build_wheel, pkg
from tests.system.images import Podman, packages

STEPS = """
set -e
holdfast() { "$PYTHON" -m holdfast "$@"; }
holdfast venv test_venv
. test_venv/bin/activate
holdfast install --no-index --find-links "$LINKS" any-library
if ls -ltra test_venv | grep lock; then exit 91; fi
any-library
"""

DOCKERFILE = """
FROM localhost/tool
WORKDIR /work
RUN holdfast venv test_venv
RUN . test_venv/bin/activate && holdfast install --no-cache-dir --no-index --find-links /links any-library
RUN if ls -ltra test_venv | grep lock; then exit 91; fi
"""


@pytest.fixture
def links(tmp_path: Path) -> str:
    path = str(tmp_path / "links")
    build_wheel(pkg("any-library", console_scripts={"any-library": "any_library:main"}), path)
    return path


def steps(sandbox: Sandbox, links: str, *wrapper: str) -> Completed:
    """Type them in a fresh directory."""
    line = [*wrapper, "/bin/sh", "-c", STEPS]
    environment = sandbox.env(LINKS=links, PYTHON=sys.executable, VIRTUAL_ENV=None)
    done = subprocess.run(line, env=environment, cwd=sandbox.cwd, capture_output=True, text=True, check=False)
    return Completed(args=tuple(line), returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


def locks(root: str) -> list[str]:
    """Everything in a tree that is called a lock."""
    return [path for path in snapshot(root) if "lock" in os.path.basename(path)]


def test_no_lock_is_left(sandbox: Sandbox, links: str) -> None:
    done = steps(sandbox, links).ok()
    assert "Successfully installed any-library-1.0" in done.stdout
    for place in (sandbox.cwd, sandbox.home, sandbox.tmp):
        assert locks(place) == []


def test_no_locks_available(sandbox: Sandbox, links: str) -> None:
    """Errno 37, for every flock: it works and says so; uv's users saw it fail now and then."""
    done = steps(sandbox, links, *refusing(errno.ENOLCK, [])).ok()
    assert "Successfully installed any-library-1.0" in done.stdout
    assert "HOLDFAST_LOCK_MODE=marker says you know" in done.stderr
    assert locks(sandbox.cwd) == []


@pytest.mark.exhaustive
def test_no_lock_is_left_in_an_image(images: Podman, links: str) -> None:
    images.build("seed-11878", DOCKERFILE, links=links).ok()
    with images.mounted("seed-11878") as root:
        assert locks(f"{root}/work") == []
        assert os.listdir(f"{root}/tmp") == []
        assert packages(root, "work/test_venv/lib/python3.11/site-packages") == {"any-library": "1.0"}
