"""Asks a Python what it is, by running the probe script in it.

**Guarantees**: the Python runs isolated (``-I``) and without any of the caller's ``PYTHON*`` variables; the answer is
found among whatever ``.pth`` files print. It is ended after `TIMEOUT` seconds. Writes nothing, bytecode included.

**On crash**: changes nothing.

**Limits**: ``.pth`` files and ``sitecustomize`` of the target run, as they do in every start of that Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from holdfast.errors import TargetError
from holdfast.target.versions import refuse_old

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe_script.py")
ANSWER = "holdfast-facts:"
TIMEOUT = 60.0
_INFLUENCE = ("PYTHON", "_PYTHON", "__PYVENV_LAUNCHER__", "DEB_PYTHON", "SETUPTOOLS_USE_DISTUTILS")


def probe(executable: str) -> Mapping[str, Any]:
    """The facts of one interpreter, as the probe script prints them.

    Args:
        executable: Absolute path; may be a wrapper script that starts a Python.

    Raises:
        TargetError: It cannot be run, is no Python, is older than 3.8, or fails; with the reason.
    """
    try:
        done = _run(executable, "-I", "-B", SCRIPT)
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"{executable} did not answer within {TIMEOUT:.0f} seconds.") from error
    except OSError as error:
        raise TargetError(
            f"{executable} cannot be run: {error.strerror or error}.",
            hint="Name another interpreter with --python.",
        ) from error
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(ANSWER):
            facts: Mapping[str, Any] = json.loads(line.removeprefix(ANSWER))
            refuse_old(executable, str(facts["version"]))
            return facts
    refuse_old(executable, _asked_version(executable))
    last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
    raise TargetError(
        f"{executable} does not work as a Python interpreter (exit code {done.returncode}): {last}",
        hint="Name another interpreter with --python.",
    )


def _run(executable: str, *args: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(_INFLUENCE)}
    if sys.platform == "darwin":
        environment["SYSTEM_VERSION_COMPAT"] = "0"  # else a Python built on an old SDK says 10.16
    return subprocess.run(
        [executable, *args],
        capture_output=True,
        check=False,
        encoding="utf-8",
        env=environment,
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT,
    )


def _asked_version(executable: str) -> str:
    """In words that Python 2 understands too; empty when it does not answer."""
    try:
        return _run(executable, "-c", "import sys; sys.stdout.write('%d.%d.%d' % sys.version_info[:3])").stdout
    except (OSError, subprocess.SubprocessError):
        return ""
