"""The installers that are held against each other: how each is asked, and how its answer is read."""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Protocol

from benchmarks.workloads import Distributions, normalised


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What an installer shall do.

    Args:
        python: the environment's interpreter.
        requirements: what to install.
        index: simple URL.
        dry_run: only say what would be installed.
        bytecode: compile what is installed.
        report: say so as JSON, where it can.
    """

    python: str
    requirements: tuple[str, ...]
    index: str
    dry_run: bool = False
    bytecode: bool = False
    report: bool = False


class Tool(Protocol):
    """One installer."""

    @property
    def name(self) -> str:
        """Its name in the tables."""

    @property
    def version(self) -> str:
        """As it says itself."""

    def line(self, ask: Ask) -> tuple[str, ...]:
        """The command."""

    def env(self, cache: str) -> dict[str, str]:
        """The variables it needs besides HOME, PATH, TMPDIR and LANG."""

    def would_install(self, stdout: str, stderr: str) -> Distributions:
        """What a dry run said."""


def _said_version(*line: str) -> str:
    said = subprocess.run([*line, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    found = re.search(r"\d+(\.\w+)+", said)
    return found.group(0) if found else said.strip()


def _would_install(stdout: str) -> Distributions:
    """Pip's last line, which holdfast says too: ``Would install name-1.0 other-2.0``."""
    words = [word for line in stdout.splitlines() if line.startswith("Would install ") for word in line.split()[2:]]
    parts = [word.rpartition("-") for word in words]
    return frozenset((normalised(name), version) for name, _, version in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdfast:
    """Ours."""

    program: str
    version: str
    name: str = "holdfast"

    def line(self, ask: Ask) -> tuple[str, ...]:
        flags = ("--dry-run",) * ask.dry_run + ("--compile-bytecode",) * ask.bytecode + ("--json",) * ask.report
        return (self.program, "install", "--python", ask.python, "--index-url", ask.index, *flags, *ask.requirements)

    def env(self, cache: str) -> dict[str, str]:
        return {"HOLDFAST_CACHE_DIR": cache, "PIP_CONFIG_FILE": os.devnull}

    def would_install(self, stdout: str, stderr: str) -> Distributions:
        del stderr
        return _would_install(stdout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uv:
    """``uv pip install``."""

    program: str
    version: str
    name: str = "uv"

    def line(self, ask: Ask) -> tuple[str, ...]:
        flags = ("--dry-run",) * ask.dry_run + ("--compile-bytecode",) * ask.bytecode
        where = ("--python", ask.python, "--index-url", ask.index)
        return (self.program, "pip", "install", *where, *flags, *ask.requirements)

    def env(self, cache: str) -> dict[str, str]:
        return {"UV_CACHE_DIR": cache, "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}

    def would_install(self, stdout: str, stderr: str) -> Distributions:
        del stdout
        found = re.findall(r"^ \+ (\S+?)==(\S+)", stderr, flags=re.MULTILINE)
        return frozenset((normalised(name), version) for name, version in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pip:
    """pip, run with the environment's own Python as ``pip --python`` does, without the second start that this costs.

    It leaves bytecode out unless asked, so that all do the same work.
    """

    runner: str
    version: str
    name: str = "pip"

    def line(self, ask: Ask) -> tuple[str, ...]:
        flags = ("--dry-run",) * ask.dry_run + (("--compile" if ask.bytecode else "--no-compile"),)
        return (ask.python, self.runner, "install", "--index-url", ask.index, *flags, *ask.requirements)

    def env(self, cache: str) -> dict[str, str]:
        quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_ROOT_USER_ACTION": "ignore"}
        return {"PIP_CACHE_DIR": cache, "PIP_CONFIG_FILE": os.devnull, **quiet}

    def would_install(self, stdout: str, stderr: str) -> Distributions:
        del stderr
        return _would_install(stdout)


def beside(name: str) -> str | None:
    """A program next to this Python, or on the path."""
    here = os.path.dirname(sys.executable)
    return shutil.which(name, path=os.pathsep.join([here, os.environ.get("PATH", "")]))


def find_holdfast(program: str | None) -> Holdfast | None:
    """The holdfast at `program`, or the nearest."""
    path = program or beside("holdfast")
    return Holdfast(program=os.path.abspath(path), version=_said_version(path)) if path else None


def find_uv(program: str | None) -> Uv | None:
    """The uv at `program`, or the nearest."""
    path = program or beside("uv")
    return Uv(program=os.path.abspath(path), version=_said_version(path)) if path else None


def pip_command(home: str, python: str) -> tuple[str, ...]:
    """What runs the newest pip, made once in an environment of its own at `home`."""
    mine = os.path.join(home, "bin", "python")
    if not os.path.exists(mine):
        subprocess.run([python, "-m", "venv", home], check=True)
        subprocess.run([mine, "-m", "pip", "install", "--quiet", "--upgrade", "pip"], check=True)
    return (mine, "-m", "pip")


def find_pip(home: str, python: str) -> Pip:
    """The pip of `pip_command`, which has to fit the environments' Python."""
    version = _said_version(*pip_command(home, python))
    runners = glob.glob(os.path.join(glob.escape(home), "lib", "python*", "site-packages", "pip", "__pip-runner__.py"))
    return Pip(runner=runners[0], version=version)
