"""A private world for one command: home, temporary directory, cache, working directory, environment."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import holdfast
from tests.support.environments import Venv, make_venv
from tests.support.interpreters import Interpreter
from tests.support.trees import Footprint, footprint

DIRTY_PREFIXES = ("PIP_", "HOLDFAST_", "PYTHON", "XDG_", "UV_", "CONDA", "VIRTUAL_ENV", "PYENV_", "COVERAGE")
DIRTY = frozenset(
    {
        "ALL_PROXY",
        "FORCE_COLOR",
        "FTP_PROXY",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NETRC",
        "NO_COLOR",
        "NO_PROXY",
        "REQUESTS_CA_BUNDLE",
        "SOURCE_DATE_EPOCH",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TEMP",
        "TMP",
        "TMPDIR",
        "__PYVENV_LAUNCHER__",
    }
)


def is_dirty(name: str) -> bool:
    """Whether this environment variable of the machine could change what an installer does."""
    return name.upper() in DIRTY or name.upper().startswith(DIRTY_PREFIXES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a command ended; signals are negative, as `subprocess` has them."""

    args: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - tests look into it freely
        """Standard output, parsed."""
        return json.loads(self.stdout)

    def ok(self) -> Completed:
        """Itself; fails with both streams shown unless it returned 0."""
        return self.returned(0)

    def returned(self, code: int) -> Completed:
        """Itself; fails with both streams shown unless it returned `code`."""
        assert self.returncode == code, (
            f"{' '.join(self.args)}\nreturned {self.returncode}, not {code}\n"
            f"--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"
        )
        assert "Traceback" not in self.stderr, self.stderr
        return self


def command(*args: str, python: str | None = None) -> list[str]:
    """The argument list that runs holdfast."""
    return [python or sys.executable, "-m", "holdfast", *args]


def run_holdfast(
    *args: str,
    env: Mapping[str, str],
    cwd: str,
    python: str | None = None,
    stdin: str = "",
    timeout: float = 120,
) -> Completed:
    """Run ``python -m holdfast`` to its end.

    Args:
        args: after ``holdfast``.
        env: the whole environment (`Sandbox.env` makes a clean one).
        cwd: working directory.
        python: that runs holdfast; it must have it installed. Default: the one that runs the tests.
        stdin: what it may read.
        timeout: seconds until the test fails.
    """
    done = subprocess.run(
        command(*args, python=python),
        env=dict(env),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Completed(args=("holdfast", *args), returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """Directories of one test, none inside another: ``home tmp cache state config cwd`` and ``venv``.

    Args:
        root: holds them all.
        interpreter: of the environment.
        settings: further environment variables of every run.
    """

    root: str
    interpreter: Interpreter | None = None
    settings: dict[str, str] = field(default_factory=dict)
    _venvs: dict[str, Venv] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in (self.home, self.tmp, self.cache, self.state, self.config, self.cwd):
            os.makedirs(path, exist_ok=True)

    @property
    def home(self) -> str:
        """``HOME``."""
        return os.path.join(self.root, "home")

    @property
    def tmp(self) -> str:
        """``TMPDIR``."""
        return os.path.join(self.root, "tmp")

    @property
    def cache(self) -> str:
        """``XDG_CACHE_HOME``; the store is ``holdfast`` in it."""
        return os.path.join(self.root, "cache")

    @property
    def state(self) -> str:
        """``XDG_STATE_HOME``; the history is ``holdfast`` in it."""
        return os.path.join(self.root, "state")

    @property
    def config(self) -> str:
        """``XDG_CONFIG_HOME``."""
        return os.path.join(self.root, "config")

    @property
    def cwd(self) -> str:
        """The working directory of every run."""
        return os.path.join(self.root, "cwd")

    @property
    def venv(self) -> Venv:
        """The environment, made when first asked for; it is `VIRTUAL_ENV` of runs from then on."""
        return self.make_venv("venv", self.interpreter)

    def make_venv(self, name: str, interpreter: Interpreter | None = None) -> Venv:
        """A further environment beside `venv`, made when first asked for."""
        if name not in self._venvs:
            self._venvs[name] = make_venv(os.path.join(self.root, name), interpreter)
        return self._venvs[name]

    def env(self, **more: str | None) -> dict[str, str]:
        """The environment of a run: clean, pointed in here; `more` adds, and None removes."""
        clean = {name: value for name, value in os.environ.items() if not is_dirty(name)}
        clean |= {
            "HOME": self.home,
            "TMPDIR": self.tmp,
            "XDG_CACHE_HOME": self.cache,
            "XDG_STATE_HOME": self.state,
            "XDG_CONFIG_HOME": self.config,
            "PIP_CONFIG_FILE": os.devnull,
            "LC_ALL": "C.UTF-8",
            **_importable(),
        }
        if "venv" in self._venvs:
            clean["VIRTUAL_ENV"] = self.venv.root
        clean |= self.settings
        clean |= {name: value for name, value in more.items() if value is not None}
        return {name: value for name, value in clean.items() if more.get(name, "") is not None}

    def run(
        self,
        *args: str,
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        python: str | None = None,
        stdin: str = "",
        timeout: float = 120,
    ) -> Completed:
        """Run holdfast in here (see `run_holdfast`); `env` adds to `Sandbox.env`, None removes."""
        return run_holdfast(
            *args,
            env=self.env(**(env or {})),
            cwd=cwd or self.cwd,
            python=python,
            stdin=stdin,
            timeout=timeout,
        )

    def start(self, *args: str, env: Mapping[str, str | None] | None = None) -> subprocess.Popen[str]:
        """Start holdfast in here, streams piped, in a process group of its own; the caller ends it."""
        return subprocess.Popen(
            command(*args),
            env=self.env(**(env or {})),
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def write(self, name: str, content: str) -> str:
        """A file in the working directory; returns its path."""
        path = os.path.join(self.cwd, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        return path

    def footprint(self, *ignored: str) -> AbstractContextManager[Footprint]:
        """Watch the trees ``venv tmp home cwd config`` over a block (see `tests.support.trees.footprint`).

        The store and the history may grow: they are not watched.
        """
        return footprint(ignored, venv=self.venv.root, tmp=self.tmp, home=self.home, cwd=self.cwd, config=self.config)


@functools.cache
def _importable() -> dict[str, str]:
    """``PYTHONPATH`` of the sources, only where holdfast is not installed for the tests' Python."""
    found = subprocess.run(
        [sys.executable, "-I", "-c", "import holdfast"], capture_output=True, check=False, cwd=os.sep
    )
    if found.returncode == 0:
        return {}
    return {"PYTHONPATH": os.path.dirname(os.path.dirname(os.path.abspath(holdfast.__file__)))}
