"""Where this command installs (design section 2): which Python, and which directories.

**Guarantees**: the first way of naming a target that applies decides; one that is named but does not work is an error.
Directories come by their real paths. Nothing is written.

**On crash**: changes nothing.

**Limits**: ``--target``, ``--prefix`` and ``--root`` see only what is installed in them.
"""

from __future__ import annotations

import os

from holdfast.errors import TargetError, UsageError
from holdfast.model.target import Interpreter, Target, TargetKind, TargetRequest
from holdfast.target.environments import environment_python, find_dot_venv, refuse_foreign_prefix
from holdfast.target.facts import FactsCache, load_interpreter
from holdfast.target.schemes import join_root, prefix_scheme, resolved, rooted, target_scheme


def locate(request: TargetRequest, cache: FactsCache | None = None) -> Target:
    """Find the target.

    Args:
        request: What the command line and the environment name.
        cache: Remembered facts of interpreters; None: each is asked.

    Raises:
        TargetError: There is none, or what is named does not work.
        UsageError: Two ways of placing files that exclude each other.
    """
    placed = [name for name in ("target", "prefix", "user") if getattr(request, name)]
    if len(placed) > 1:
        raise UsageError(f"--{placed[0]} and --{placed[1]} exclude each other.", hint="Give one of them.")
    kind, interpreter = _interpreter(request, cache)
    if request.target:
        kind, root = TargetKind.TARGET, _absolute(request, request.target)
        scheme = target_scheme(root, interpreter)
    elif request.prefix:
        kind, root = TargetKind.PREFIX, _absolute(request, request.prefix)
        scheme = prefix_scheme(root, interpreter)
    elif request.user:
        if interpreter.user_scheme is None:
            raise TargetError(
                f"The virtual environment {interpreter.prefix} does not see the user's own packages.",
                hint="Leave --user out, or name the Python to use: --user --python /PATH.",
            )
        kind, scheme = TargetKind.USER, interpreter.user_scheme
        root = scheme.data
    else:
        root, scheme = interpreter.prefix, interpreter.scheme
    relocation = os.path.realpath(_absolute(request, request.root)) if request.root else ""
    scheme = resolved(rooted(relocation, scheme))
    others = () if kind in {TargetKind.TARGET, TargetKind.PREFIX} else interpreter.site_packages
    return Target(
        kind=kind,
        interpreter=interpreter,
        scheme=scheme,
        root=os.path.realpath(join_root(relocation, root)),
        relocation=relocation,
        visible=tuple(
            dict.fromkeys(
                (scheme.purelib, scheme.platlib, *(os.path.realpath(join_root(relocation, path)) for path in others))
            )
        ),
    )


def _interpreter(request: TargetRequest, cache: FactsCache | None) -> tuple[TargetKind, Interpreter]:
    """Whose directories, tags and markers count, and how it was chosen."""
    if request.python:
        return TargetKind.PYTHON, _named(request.python, request.cwd, cache)
    if request.system or request.user:
        return TargetKind.SYSTEM, _system(cache)
    for variable, root in (("VIRTUAL_ENV", request.virtual_env), ("CONDA_PREFIX", request.conda_prefix)):
        if root:
            return TargetKind.VENV, _environment(_absolute(request, root), variable, cache)
    found = find_dot_venv(request.cwd)
    if found:
        return TargetKind.VENV, _environment(found, "", cache)
    if request.target or request.prefix:
        return TargetKind.SYSTEM, _system(cache)
    raise TargetError(
        "There is no virtual environment here: VIRTUAL_ENV is not set, and neither this directory nor one above it "
        "has a .venv.",
        hint="Make one with `holdfast venv`, or install into the system's Python with --system.",
    )


def _named(python: str, cwd: str, cache: FactsCache | None) -> Interpreter:
    from holdfast.target.interpreters import find_interpreter  # noqa: PLC0415 - an active environment needs no search

    return find_interpreter(python, cwd, cache)


def _system(cache: FactsCache | None) -> Interpreter:
    from holdfast.target.interpreters import system_interpreter  # noqa: PLC0415 - as above

    return system_interpreter(cache)


def _environment(root: str, variable: str, cache: FactsCache | None) -> Interpreter:
    interpreter = load_interpreter(environment_python(root, variable), cache)
    refuse_foreign_prefix(root, interpreter)
    return interpreter


def _absolute(request: TargetRequest, path: str) -> str:
    return os.path.abspath(os.path.join(request.cwd, os.path.expanduser(path)))
