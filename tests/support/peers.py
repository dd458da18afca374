"""pip and uv, beside which holdfast is held: run in a sandbox, against its environment."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.environments import Venv
from tests.support.interpreters import interpreters
from tests.support.sandbox import Completed, Sandbox

PIP_THAT_TAKES_PYTHON = (22, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """An installer that is not ours.

    Args:
        name: ``pip`` or ``uv``.
        version: as it says.
        command: what runs it.
    """

    name: str
    version: tuple[int, ...]
    command: tuple[str, ...]

    def run(
        self,
        sandbox: Sandbox,
        *args: str,
        venv: Venv | None = None,
        env: Mapping[str, str | None] | None = None,
    ) -> Completed:
        """Run ``pip ARGS`` or ``uv pip ARGS`` on an environment (the sandbox's own by default).

        `env` adds to the sandbox's, as in `Sandbox.run`.
        """
        python = (venv or sandbox.venv).python
        if self.name == "pip":
            line = [*self.command, "--python", python, "--disable-pip-version-check", "--no-input", *args]
        else:
            line = [*self.command, "pip", *args, "--python", python]
        done = subprocess.run(
            line,
            env=sandbox.env(**(env or {})),
            cwd=sandbox.cwd,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Completed(args=tuple(line), returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


@functools.cache
def find_pip() -> Peer | None:
    """The newest pip of this machine's Pythons; None: there is none that knows ``--python`` (22.3)."""
    found = []
    for python in dict.fromkeys((sys.executable, *(each.executable for each in interpreters()))):
        command = (python, "-I", "-m", "pip")
        version = _version(*command)
        if version >= PIP_THAT_TAKES_PYTHON:
            found.append(Peer(name="pip", version=version, command=command))
    return max(found, key=lambda peer: peer.version, default=None)


@functools.cache
def find_uv() -> Peer | None:
    """The uv beside the tests' Python, or on the path."""
    beside = os.path.dirname(sys.executable)
    path = shutil.which("uv", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))
    version = _version(path) if path else ()
    return Peer(name="uv", version=version, command=(path,)) if path and version else None


def _version(*command: str) -> tuple[int, ...]:
    try:
        said = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    number = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", said)
    return tuple(int(part) for part in number.groups("0")) if number else ()
