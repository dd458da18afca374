"""``--hash`` and ``--require-hashes``: which digests a project may have, and that nothing is left without (as pip)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import assert_never

from packaging.utils import NormalizedName

from holdfast.errors import UnsatisfiableError
from holdfast.model.hashes import Hash
from holdfast.model.request import RootRequirement
from holdfast.model.resolution import AlreadyInstalled, DirectWheel, IndexWheel, Pin
from holdfast.model.urls import printable_url
from holdfast.resolve.candidates import pins as is_pinned
from holdfast.resolve.problem import Problem


def allowed_hashes(asked: Iterable[RootRequirement]) -> Mapping[NormalizedName, frozenset[Hash]]:
    """The digests that the user allows, by project; one that is named twice must satisfy both.

    Raises:
        UnsatisfiableError: Two lists for one project have nothing in common.
    """
    allowed: dict[NormalizedName, tuple[frozenset[Hash], str]] = {}
    for root in asked:
        if not root.hashes:
            continue
        name, hashes = root.requirement.name, frozenset(root.hashes)
        before = allowed.get(name)
        if before is not None:
            hashes &= before[0]
            if not hashes:
                raise UnsatisfiableError(
                    f"The hashes given for {name} in {before[1]} and in {root.origin} have nothing in common.",
                    hint=f"Keep one of the two lines for {name}.",
                )
        allowed[name] = hashes, root.origin
    return {name: hashes for name, (hashes, _) in allowed.items()}


def require_hashes(problem: Problem, asked: Iterable[RootRequirement], pins: Iterable[Pin]) -> None:
    """Refuse what would be fetched without a digest, or without ``==``, where hashes are required.

    They are required by ``--require-hashes``, or as soon as one requirement has a hash. What is installed is not
    fetched and needs none.

    Raises:
        UnsatisfiableError: Naming every requirement that lacks something.
    """
    lines = tuple(asked)
    if not problem.policy.require_hashes and not any(line.hashes for line in lines):
        return
    hashed = {line.requirement.name for line in lines if line.hashes}
    pinned = {line.requirement.name for line in lines if is_pinned(line.requirement.specifier)}
    loose, missing = [], []
    for pin in pins:
        line, has_hash = _fetched(pin, hashed)
        if line and isinstance(pin.source, IndexWheel) and pin.name not in pinned:
            loose.append(line)
        elif line and not has_hash:
            missing.append(line)
    if loose:
        raise UnsatisfiableError(
            "In --require-hashes mode, all requirements must have their versions pinned with ==. These do not:",
            hint="Add these lines, once you trust them, to the requirements file.",
            details=tuple(sorted(loose + missing)),
        )
    if missing:
        raise UnsatisfiableError(
            "Hashes are required in --require-hashes mode, but they are missing from some requirements:",
            hint="Add the hashes, once you trust them, to the requirements file.",
            details=tuple(sorted(missing)),
        )


def _fetched(pin: Pin, hashed: Collection[NormalizedName]) -> tuple[str, bool]:
    """How a pin that has to be fetched is written in a requirements file ("": it has not), and if it has a digest."""
    match pin.source:
        case AlreadyInstalled():
            return "", True
        case DirectWheel(direct=direct):
            return f"{pin.name} @ {printable_url(direct.url)}", bool(direct.hashes)
        case IndexWheel(file=file):
            options = "".join(f" --hash={item}" for item in file.hashes if item.algorithm in Hash.SECURE)
            return f"{pin.name}=={pin.version}{options}", pin.name in hashed
        case _:
            assert_never(pin.source)
