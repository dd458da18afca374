"""Whether this target may be changed at all: PEP 668, ``--require-virtualenv``.

Asked by the writing commands, before anything is fetched. Readers never ask.
"""

from __future__ import annotations

from holdfast.errors import TargetError
from holdfast.model.target import Target, TargetKind, TargetRequest

FREE = frozenset({TargetKind.TARGET, TargetKind.PREFIX})


def refuse_unwelcome(target: Target, request: TargetRequest) -> None:
    """Refuse a target that must not be changed by holdfast.

    PEP 668 is not asked with ``--target``, ``--prefix`` and ``--root``, as in pip: they are other places than the one
    that the marker is about.

    Raises:
        TargetError: With the distribution's own words, if it has any.
    """
    interpreter = target.interpreter
    if request.require_virtualenv and not interpreter.is_virtual:
        raise TargetError(
            f"{interpreter.executable} is not in a virtual environment, and one is required (--require-virtualenv).",
            hint="Make one: holdfast venv",
        )
    managed = interpreter.externally_managed
    if managed is None or target.kind in FREE or target.relocation or request.break_system_packages:
        return
    raise TargetError(
        f"The Python in {interpreter.prefix} is managed by the operating system ({interpreter.stdlib}/"
        "EXTERNALLY-MANAGED).",
        hint="Make an environment with `holdfast venv`; in a container image that is yours, --break-system-packages.",
        details=tuple(managed.splitlines()),
    )
