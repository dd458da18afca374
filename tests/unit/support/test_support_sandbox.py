from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import holdfast
from tests.support.sandbox import Completed, Sandbox, is_dirty


def inner(sandbox: Sandbox, **more: str | None) -> dict[str, str]:
    """The environment as a program in the sandbox sees it."""
    done = subprocess.run(
        [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"],
        env=sandbox.env(**more),
        capture_output=True,
        text=True,
        check=True,
    )
    seen: dict[str, str] = json.loads(done.stdout)
    return seen


def test_the_session_has_none_of_the_machine_s_settings() -> None:
    left = {name for name in os.environ if is_dirty(name)} - {"PYENV_ROOT", "TMPDIR", "PIP_CONFIG_FILE"}

    assert left <= {"PYTEST_CURRENT_TEST"}


def test_everything_is_pointed_into_the_sandbox(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_FIND_LINKS", "CONDA_PREFIX", "HOLDFAST_CACHE_DIR", "https_proxy", "UV_INDEX_URL"):
        monkeypatch.setenv(name, "/nowhere")

    seen = inner(sandbox)

    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        assert seen[name].startswith(sandbox.root)
    assert "/nowhere" not in seen.values()
    assert seen["PIP_CONFIG_FILE"] == os.devnull


def test_the_environment_is_active_once_it_is_there(sandbox: Sandbox) -> None:
    assert "VIRTUAL_ENV" not in inner(sandbox)
    assert inner(sandbox, VIRTUAL_ENV=sandbox.venv.root, HOME=None).get("HOME") is None
    assert inner(sandbox)["VIRTUAL_ENV"] == sandbox.venv.root


def test_holdfast_runs_in_the_sandbox_and_leaves_nothing(sandbox: Sandbox) -> None:
    with sandbox.footprint() as left:
        done = sandbox.run("--version").ok()

    assert done.stdout == f"holdfast {holdfast.__version__}\n"
    left.assert_nothing()


def test_a_wrong_end_is_shown_with_its_streams(sandbox: Sandbox) -> None:
    with pytest.raises(AssertionError, match="--- stderr"):
        sandbox.run("no-such-command").ok()


def test_a_footprint_of_the_sandbox_watches_its_trees(sandbox: Sandbox) -> None:
    with sandbox.footprint("cwd/allowed.txt") as left:
        sandbox.write("allowed.txt", "")
        sandbox.write("left.txt", "")
        os.mkdir(f"{sandbox.venv.site_packages}/leftover")

    assert left.found.added == (
        "cwd/left.txt",
        f"venv/{os.path.relpath(sandbox.venv.site_packages, sandbox.venv.root)}/leftover",
    )
    assert f"venv/{os.path.relpath(sandbox.venv.site_packages, sandbox.venv.root)}" not in left.found.changed


def test_a_traceback_is_never_the_right_end() -> None:
    done = Completed(args=("x",), returncode=0, stdout="", stderr="Traceback (most recent call last):")

    with pytest.raises(AssertionError, match="Traceback"):
        done.ok()
