"""Start-up is a feature: what a command imports is bounded, whatever the machine's speed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping

import pytest

from tests.support.sandbox import Sandbox
from tests.support.wheels import build_wheel, pkg

HEAVY = frozenset(
    {"httpx", "installer", "filelock", "platformdirs", "argparse", "email", "ssl", "asyncio", "typing_extensions"}
)


def imported_by(*arguments: str, env: Mapping[str, str] | None = None) -> frozenset[str]:
    """Top-level and holdfast modules in ``sys.modules`` after a command."""
    code = (
        "import sys\n"
        f"sys.argv = ['holdfast', *{list(arguments)!r}]\n"
        "from holdfast.cli.main import entry\n"
        "try:\n    entry()\nexcept SystemExit:\n    pass\n"
        "sys.stdout.flush()\n"
        "print('\\n@@' + ' '.join(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=env)
    return frozenset(done.stdout.rpartition("@@")[2].split())


def offenders(modules: Iterable[str], forbidden: frozenset[str]) -> list[str]:
    return sorted({name.split(".")[0] for name in modules} & forbidden)


@pytest.mark.parametrize("arguments", [("--version",), ("--help",)])
def test_the_command_door_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    modules = imported_by(*arguments)
    assert not offenders(modules, HEAVY | {"packaging", "json", "re", "subprocess"})
    assert not [name for name in modules if name.startswith(("holdfast.flows", "holdfast.model"))]


def test_the_rule_fires() -> None:
    assert offenders(["httpx._client", "os"], HEAVY) == ["httpx"]


def test_the_package_itself_imports_nothing() -> None:
    code = "import sys; before = set(sys.modules); import holdfast; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "['holdfast']"


def test_what_is_satisfied_imports_nothing_of_fetching_staging_and_committing(sandbox: Sandbox) -> None:
    wheel = build_wheel(pkg("alpha"), sandbox.cwd)
    sandbox.venv  # noqa: B018 - made when it is looked at
    sandbox.run("install", "--no-index", wheel).ok()
    modules = imported_by("install", "alpha", env=sandbox.env())
    rooms = tuple(f"holdfast.{name}." for name in ("fetch", "index", "stage", "commit", "create", "history"))
    nouns = {f"holdfast.model.{name}" for name in ("changes", "composed", "stored")}
    assert "holdfast.flows.install" in modules
    assert not [
        name
        for name in modules
        if name.startswith(rooms) or name in nouns or name in {"holdfast.report.as_json", "urllib.request"}
    ]
    assert not offenders(modules, HEAVY - {"email"})  # packaging.metadata needs it
