"""What the path means that ``doctor`` is asked about: an environment, a directory, or what will be one.

**Guarantees.** Nothing is written. A path that looks like an environment and does not work as one is judged as a
directory, with the reason.

**On crash.** Nothing to leave.

**Limits.** Of what does not exist the nearest parent is judged. What a doctor leaves there who is killed is removed by
the next command whose target that parent is, by ``holdfast venv`` beside it, or by the next doctor.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, replace

from holdfast import disk
from holdfast.errors import TargetError
from holdfast.model.diagnosis import Remark
from holdfast.model.target import Target, TargetKind, TargetRequest
from holdfast.target.environments import NAMES, is_environment_directory
from holdfast.target.facts import FactsCache
from holdfast.target.locate import locate
from holdfast.target.policy import refuse_unwelcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is judged.

    Attributes:
        asked: The path, absolute; None: none was given.
        target: What an installation there would change; of what does not exist, its nearest parent.
        missing: It does not exist.
        remarks: What is the matter with it before anything is looked at.
    """

    asked: str | None
    target: Target
    missing: bool = False
    remarks: tuple[Remark, ...] = ()


def subject_of(path: str | None, request: TargetRequest, cache: FactsCache | None) -> Subject:
    """Find out what is meant.

    Args:
        path: An environment, its interpreter, a directory, a file in one, or what does not exist; None: what
            ``request`` names.
        request: How ``install`` would choose.
        cache: Remembered facts of interpreters.

    Raises:
        TargetError: There is no target, and no path was given.
    """
    if path is None:
        target = locate(request, cache)
        said = _unwelcome(target, request)
        if os.path.lexists(target.root):
            return Subject(asked=None, target=target, remarks=said)
        return _directory(target.root, said, cache)
    absolute = os.path.abspath(os.path.join(request.cwd, os.path.expanduser(path)))
    if (root := _environment(absolute)) is None:
        return _directory(absolute, (), cache)
    wanted = replace(request, python=root, system=False, target=None, prefix=None, user=False, root=None)
    try:
        target = locate(wanted, cache)
    except TargetError as error:
        broken = Remark(text=error.cause, command=error.hint or f"holdfast venv --clear {root}", stops=True)
        return _directory(absolute, (broken,), cache)
    return Subject(asked=absolute, target=target, remarks=_unwelcome(target, wanted))


def _directory(path: str, said: tuple[Remark, ...], cache: FactsCache | None) -> Subject:
    """A directory as such, or the nearest parent of what does not exist: as ``--target``, by the Python at hand."""
    real = os.path.realpath(path)
    request = TargetRequest(python=sys.executable, target=disk.nearest_directory(real))
    return Subject(asked=real, target=locate(request, cache), missing=not os.path.lexists(real), remarks=said)


def recovering(target: Target) -> str:
    """The command that breaks, undoes and sweeps what is dead in a target."""
    root = shlex.quote(target.root.removeprefix(target.relocation))
    match target.kind:
        case TargetKind.SYSTEM | TargetKind.USER:
            named = f"--{target.kind.value}"
        case TargetKind.TARGET | TargetKind.PREFIX:
            named = f"--{target.kind.value} {root}"
        case TargetKind.VENV | TargetKind.PYTHON:
            named = f"--python {root}"
    below = f" --root {shlex.quote(target.relocation)}" if target.relocation else ""
    return f"holdfast recover {named}{below}"


def _environment(path: str) -> str | None:
    """The environment that a path means: itself, or the one whose interpreter it is."""
    if os.path.isdir(path):
        return path if is_environment_directory(path) else None
    above = os.path.dirname(path)
    if os.path.basename(path) in NAMES and os.path.basename(above) == "bin":
        return os.path.dirname(above)
    return None


def _unwelcome(target: Target, request: TargetRequest) -> tuple[Remark, ...]:
    try:
        refuse_unwelcome(target, request)
    except TargetError as error:
        return (Remark(text=error.cause, command=error.hint or "holdfast venv", stops=True),)
    return ()
