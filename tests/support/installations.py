"""Pythons that are installed, not environments: a prefix of its own whose standard library is linked to a real one's.

What is installed "into the system" by a test lands below a directory of the test. Whether the system manages it
(PEP 668) is the test's to say (`manage`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass

from tests.support.interpreters import Interpreter, this_interpreter

ASK = """
import json, sys, sysconfig
paths = sysconfig.get_paths()
print(json.dumps([sys.prefix, sys.base_prefix, paths["purelib"], paths["scripts"]]))
"""
LEFT_OUT = frozenset({"EXTERNALLY-MANAGED", "__pycache__", "dist-packages", "site-packages"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A Python in a prefix of its own.

    Args:
        root: Its prefix.
        python: Its interpreter (``bin/python3``).
        purelib: Where its packages go.
        scripts: Where its scripts go.
        stdlib: Its standard library's directory.
    """

    root: str
    python: str
    purelib: str
    scripts: str
    stdlib: str


def manage(stdlib: str, message: str) -> None:
    """Let the operating system manage the Python with this standard library (PEP 668)."""
    with open(os.path.join(stdlib, "EXTERNALLY-MANAGED"), "w", encoding="utf-8") as file:
        file.write("[externally-managed]\nError=" + message.replace("\n", "\n ") + "\n")


def make_installation(root: str, interpreter: Interpreter | None = None) -> Installation:
    """A Python at `root`: the interpreter's program, copied, and links to what it comes with."""
    origin = interpreter or this_interpreter()
    name = f"python{origin.minor}"
    stdlib = os.path.join(root, "lib", name)
    os.makedirs(os.path.join(root, "bin"))
    os.makedirs(os.path.join(stdlib, "site-packages"))
    program = os.path.join(root, "bin", name)
    shutil.copy(os.path.realpath(origin.executable), program)
    for other in ("python", "python3"):
        os.symlink(name, os.path.join(root, "bin", other))
    theirs = _stdlib(origin)
    for entry in os.listdir(theirs):
        if entry not in LEFT_OUT:
            os.symlink(os.path.join(theirs, entry), os.path.join(stdlib, entry))
    python = os.path.join(root, "bin", "python3")
    prefix, base, purelib, scripts = _asked(python)
    assert prefix == base == root, f"a copy of {origin.executable} takes {prefix} for its prefix, not {root}"
    return Installation(root=root, python=python, purelib=purelib, scripts=scripts, stdlib=stdlib)


def _stdlib(origin: Interpreter) -> str:
    line = [origin.executable, "-I", "-S", "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"]
    return subprocess.run(line, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def _asked(python: str) -> list[str]:
    done = subprocess.run([python, "-I", "-c", ASK], capture_output=True, text=True, check=True, timeout=30)
    answer: list[str] = json.loads(done.stdout)
    return answer
