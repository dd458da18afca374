"""The real Pythons of this machine, each proved by running it."""

from __future__ import annotations

import functools
import glob
import json
import os
import pwd
import subprocess
import sys
from dataclasses import dataclass

OLDEST, NEWEST = (3, 8), (3, 14)
ASK = (
    "import json, sys; print(json.dumps([list(sys.version_info[:3]), sys.implementation.name, "
    "sys.executable, sys.prefix != sys.base_prefix]))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """One Python outside of any environment."""

    version: tuple[int, int, int]
    executable: str

    @property
    def minor(self) -> str:
        """As ``3.12``."""
        return f"{self.version[0]}.{self.version[1]}"

    def __str__(self) -> str:
        return self.minor


@functools.cache
def interpreters() -> tuple[Interpreter, ...]:
    """One CPython of each minor version from 3.8 to 3.14 that is here, oldest first."""
    found: dict[tuple[int, int], Interpreter] = {}
    for path in _candidates():
        real = _asked(path)
        if real is not None and OLDEST <= real.version[:2] <= NEWEST:
            found.setdefault(real.version[:2], real)
    return tuple(found[minor] for minor in sorted(found))


def interpreter(minor: str) -> Interpreter | None:
    """The one of that minor version (``3.12``), if it is here."""
    return next((each for each in interpreters() if each.minor == minor), None)


@functools.cache
def this_interpreter() -> Interpreter:
    """The Python below the one that runs the tests, outside of its environment."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return _asked(os.path.realpath(base)) or Interpreter(version=sys.version_info[:3], executable=sys.executable)


def _candidates() -> list[str]:
    """Absolute paths that may be Pythons, the preferred ones first."""
    home = pwd.getpwuid(os.getuid()).pw_dir  # HOME is a sandbox's by now
    root = os.environ.get("PYENV_ROOT") or os.path.join(home, ".pyenv")
    minors = [f"3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]
    places = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/local/bin"]
    paths = [os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)]
    for minor in minors:
        paths += sorted(glob.glob(os.path.join(root, "versions", f"{minor}.*", "bin", f"python{minor}")))
        paths += [os.path.join(place, f"python{minor}") for place in places if place and "shims" not in place]
    return [path for path in dict.fromkeys(paths) if os.access(path, os.X_OK)]


def _asked(path: str) -> Interpreter | None:
    try:
        asked = subprocess.run([path, "-I", "-S", "-c", ASK], capture_output=True, text=True, timeout=30, check=True)
        version, name, executable, inside = json.loads(asked.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if name != "cpython" or inside:
        return None
    return Interpreter(version=(version[0], version[1], version[2]), executable=executable)
