"""Finds virtual environments: the active one, or ``.venv`` here and above; says what is wrong with a broken one.

**Guarantees**: an environment that is named but does not work is an error, never passed over: installing into another
place than the one that was meant is worse than not installing.

**On crash**: changes nothing.

**Limits**: a ``.venv`` is an environment if it has a ``pyvenv.cfg``; anything else of that name is not looked at.
"""

from __future__ import annotations

import os

from holdfast.errors import TargetError
from holdfast.model.target import Interpreter
from holdfast.target.closed import refuse_closed

NAMES = ("python", "python3")


def is_environment_directory(path: str) -> bool:
    """Whether a directory is, or once was, an environment or an installation of Python."""
    return os.path.isfile(os.path.join(path, "pyvenv.cfg")) or any(
        os.path.lexists(os.path.join(path, "bin", name)) for name in NAMES
    )


def libraries(root: str) -> tuple[str, ...]:
    """The library directories in an environment, sorted, whether its interpreter works or not."""
    found = set()
    for lib in ("lib", "lib64"):
        try:
            names = os.listdir(os.path.join(root, lib))
        except OSError:
            continue
        paths = (os.path.join(root, lib, name, "site-packages") for name in names)
        found |= {os.path.realpath(path) for path in paths if os.path.isdir(path)}
    return tuple(sorted(found))


def environment_python(root: str, named_by: str = "") -> str:
    """The interpreter of an environment.

    Args:
        root: Its directory.
        named_by: The variable that names it, for messages.

    Raises:
        TargetError: The directory or the interpreter is missing or closed to this user, or the interpreter's symlink
            leads nowhere.
    """
    named = f"{named_by} names {root}, which" if named_by else root
    if not os.path.isdir(root):
        refuse_closed(root)
        raise TargetError(f"{named} does not exist.", hint=_remedy(named_by, f"holdfast venv {root}"))
    for name in NAMES:
        path = os.path.join(root, "bin", name)
        if os.path.exists(path):
            return path
    for name in NAMES:
        path = os.path.join(root, "bin", name)
        refuse_closed(path)
        if os.path.islink(path):
            raise TargetError(
                f"The virtual environment {root} is broken: its interpreter {path} leads to "
                f"{os.path.realpath(path)}, which does not exist.",
                hint=f"Make it anew: holdfast venv --clear {root}",
            )
    raise TargetError(
        f"{named} has no Python in it (bin/python).",
        hint=_remedy(named_by, f"holdfast venv --clear {root}"),
    )


def refuse_foreign_prefix(root: str, interpreter: Interpreter) -> None:
    """Refuse an environment whose Python does not think that it is in it: it would install somewhere else.

    Raises:
        TargetError: ``pyvenv.cfg`` is missing or is not read.
    """
    if os.path.realpath(interpreter.prefix) != os.path.realpath(root):
        raise TargetError(
            f"{interpreter.executable} lies in {root}, but installs into {interpreter.prefix}: "
            f"the environment's pyvenv.cfg is missing or damaged.",
            hint=f"Make it anew: holdfast venv --clear {root}",
        )


def find_dot_venv(cwd: str) -> str | None:
    """The nearest ``.venv`` that is a virtual environment, in a directory or its parents."""
    directory = os.path.abspath(cwd)
    while True:
        found = os.path.join(directory, ".venv")
        if os.path.isfile(os.path.join(found, "pyvenv.cfg")):
            return found
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def _remedy(named_by: str, otherwise: str) -> str:
    return f"Unset it (unset {named_by}), or make the environment: {otherwise}" if named_by else otherwise
