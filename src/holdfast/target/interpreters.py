"""Finds a Python: by path, by version, or the system's own.

**Guarantees**: looks only where it says: PATH, pyenv's and uv's directories, a few well-known ones. What cannot be run
is passed over.

**On crash**: changes nothing.

**Limits**: a version is looked for among names that carry it (``python3.12``) before any unversioned one is asked.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator

from holdfast.errors import TargetError
from holdfast.model.target import Interpreter
from holdfast.target.closed import refuse_closed
from holdfast.target.environments import environment_python, is_environment_directory
from holdfast.target.facts import FactsCache, load_interpreter
from holdfast.target.versions import refuse_old

_VERSION = re.compile(r"(?:python|cpython-?)?(\d+(?:\.\d+){0,2})(t?)$")
WELL_KNOWN = ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin", "/opt/local/bin")


def find_interpreter(wanted: str, cwd: str, cache: FactsCache | None) -> Interpreter:
    """The Python that ``--python`` names.

    Args:
        wanted: Path of an interpreter or of an environment, a name on PATH, or a version such as ``3.12``.
        cwd: What a relative path is relative to.
        cache: Remembered facts.

    Raises:
        TargetError: There is none, or it does not work.
    """
    path = os.path.join(cwd, os.path.expanduser(wanted))
    version = _VERSION.match(wanted)
    if os.sep in wanted or (os.path.lexists(path) and not version):
        return load_interpreter(_at_path(os.path.abspath(path)), cache)
    if not version:
        for found in _on_path((wanted,)):
            return load_interpreter(found, cache)
        raise TargetError(f"There is no {wanted} on PATH.", hint="Name an interpreter by its path: --python /PATH.")
    refuse_old(wanted, version[1])
    for candidate in _candidates(version[1], version[2]):
        try:
            interpreter = load_interpreter(candidate, cache)
        except TargetError:
            continue  # a shim without a Python behind it, a broken installation
        if _has_version(interpreter, version[1], free_threaded=bool(version[2])):
            return interpreter
    raise TargetError(
        f"There is no Python {version[1]}{version[2]} on PATH, among pyenv's or in {', '.join(WELL_KNOWN)}.",
        hint="Install it, or name an interpreter by its path: --python /PATH.",
    )


def system_interpreter(cache: FactsCache | None) -> Interpreter:
    """The ``python3`` first on PATH that is not a virtual environment's.

    Raises:
        TargetError: There is none.
    """
    fault: TargetError | None = None
    for candidate in dict.fromkeys((*_on_path(("python3",)), *_in_places(("python3",), WELL_KNOWN))):
        if os.path.isfile(os.path.join(os.path.dirname(os.path.dirname(candidate)), "pyvenv.cfg")):
            continue
        try:
            interpreter = load_interpreter(candidate, cache)
        except TargetError as error:
            fault = fault or error
            continue
        if not interpreter.is_virtual:  # a shim may lead into an environment
            return interpreter
    if fault is not None:
        raise fault
    raise TargetError(
        "There is no python3 on PATH outside of virtual environments.",
        hint="Name an interpreter by its path: --python /PATH.",
    )


def _at_path(path: str) -> str:
    """The interpreter that a path means: itself, or that of an environment's directory."""
    if os.path.isdir(path):
        if not is_environment_directory(path):
            refuse_closed(os.path.join(path, "bin", "python"))
            raise TargetError(
                f"{path} is a directory without a Python in it (bin/python).",
                hint=f"Make an environment of it: holdfast venv {path}",
            )
        return environment_python(path)
    if not os.path.exists(path):
        refuse_closed(path)
        dangling = f" points to {os.path.realpath(path)}, which" if os.path.islink(path) else ""
        raise TargetError(f"{path}{dangling} does not exist.", hint="Name another interpreter with --python.")
    return path


def _candidates(version: str, threads: str) -> Iterator[str]:
    """Paths that may be Pythons of a version, likeliest first, each once."""
    minor = ".".join(version.split(".")[:2])
    named = tuple(dict.fromkeys(f"python{text}{threads}" for text in (version, minor)))
    home = os.path.expanduser("~")
    pyenv = os.environ.get("PYENV_ROOT") or os.path.join(home, ".pyenv")
    managed = os.path.join(home, ".local", "share", "uv", "python")
    own = (
        *glob.glob(os.path.join(glob.escape(pyenv), "versions", f"{version}*", "bin", "python")),
        *glob.glob(os.path.join(glob.escape(managed), f"*-{version}*", "bin", "python3")),
        *glob.glob(f"/Library/Frameworks/Python.framework/Versions/{minor}/bin/python{minor}"),
    )
    plain = ("python3", "python")
    found = (
        *_on_path(named),
        *sorted(own, key=_numbers, reverse=True),
        *_in_places(named, WELL_KNOWN),
        *_on_path(plain),
        *_in_places(plain, WELL_KNOWN),
    )
    return iter(dict.fromkeys(found))


def _numbers(path: str) -> tuple[int, ...]:
    """So that 3.12.10 is newer than 3.12.9."""
    return tuple(int(text) for text in re.findall(r"\d+", path))


def _on_path(names: tuple[str, ...]) -> Iterator[str]:
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return _in_places(names, tuple(place for place in places if os.path.isabs(place)))


def _in_places(names: tuple[str, ...], places: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        for place in places:
            path = os.path.join(place, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                yield path


def _has_version(interpreter: Interpreter, version: str, *, free_threaded: bool) -> bool:
    numbers = tuple(re.findall(r"\d+", interpreter.version)[: version.count(".") + 1])
    own = bool(interpreter.tags) and interpreter.tags[0].split("-")[1].rstrip("d").endswith("t")
    return numbers == tuple(version.split(".")) and own == free_threaded
