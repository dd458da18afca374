"""What the solver is asked: requirements, rules of choice, and the facts of the target that count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.model.request import ResolvePolicy, RootRequirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One question to the solver; everything else that it sees comes from the source and from what is installed.

    Attributes:
        roots: What the user asks for, in order.
        constraints: They apply only to projects that are needed anyway.
        policy: Rules of choice.
        markers: The PEP 508 environment of the target, all keys but ``extra``.
        tags: Wheel tags that the target can use, best first (PEP 425).
        python_version: Of the target, ``3.12.1``, for Requires-Python.
    """

    roots: tuple[RootRequirement, ...]
    constraints: tuple[RootRequirement, ...] = ()
    policy: ResolvePolicy = field(default_factory=ResolvePolicy)
    markers: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ("py3-none-any",)
    python_version: str
