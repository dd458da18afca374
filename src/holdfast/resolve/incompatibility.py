"""Incompatibilities: sets of terms that cannot all be true at once, and why (dart pub's ``doc/solver.md``).

A package's *states* are the bits of one integer: bit 0 is "not selected", each further bit one known release. A term is
a set of states: it is true of a selection that is in one of them. So "selected in S" is a set without bit 0, "not
selected in S" one with it, and negation, union and intersection are integer operations.

A *package* is a string: the normalised name of a project, or ``name[extra]``, whose states are absent and present.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.utils import NormalizedName

from holdfast.model.request import RootRequirement
from holdfast.model.requirement import Requirement

ABSENT = 1
"""The state "not selected"."""
PRESENT = 2
"""The state "selected" of ``name[extra]``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The user wrote it: a requirement, or a constraint on something that is needed.

    Attributes:
        target: The package that it is about.
        allowed: The states of ``target`` that satisfy it.
        note: Why ``allowed`` is empty, where the requirement alone tells.
    """

    root: RootRequirement
    target: str
    allowed: int
    constraint: bool = False
    note: str = ""

    @property
    def requirement(self) -> Requirement:
        """What is asked for."""
        return self.root.requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Depends:
    """A distribution's metadata says it.

    Attributes:
        requirer: The project whose releases ask (which ones: the incompatibility's term).
        extra: The extra that brings the requirement; "": it holds always.
        target: The package that it is about.
        allowed: The states of ``target`` that satisfy it.
        note: Why ``allowed`` is empty, where the requirement alone tells.
    """

    requirer: NormalizedName
    extra: str
    requirement: Requirement
    target: str
    allowed: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A release turned out to be unusable when its metadata was read; ``broken``: by the fault of its bytes."""

    name: NormalizedName
    reason: str
    broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraNeedsProject:
    """``name[extra]`` is part of ``name``."""

    name: NormalizedName


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """The solver derived it from two others."""

    conflict: Incompatibility
    cause: Incompatibility


Cause = Asked | Depends | Unusable | ExtraNeedsProject | Learned


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Incompatibility:
    """Not all of ``terms`` are true in a solution. Compared by identity.

    Attributes:
        terms: Package to set of states; no term is empty or full.
        cause: Why.
    """

    terms: Mapping[str, int]
    cause: Cause


def leaves(conclusion: Incompatibility) -> tuple[Incompatibility, ...]:
    """What a derivation rests on, each once, in the order in which it is told."""
    found: dict[Incompatibility, None] = {}
    seen: set[Incompatibility] = set()
    waiting = [conclusion]
    while waiting:
        item = waiting.pop()
        if item in seen:
            continue
        seen.add(item)
        if isinstance(item.cause, Learned):
            waiting += (item.cause.cause, item.cause.conflict)
        else:
            found[item] = None
    return tuple(found)
