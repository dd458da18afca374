"""The solver's proof told in sentences, each resting on those before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from packaging.utils import NormalizedName

from holdfast.model.resolution import AlreadyInstalled
from holdfast.resolve.catalogue import Catalogue
from holdfast.resolve.incompatibility import (
    ABSENT,
    Asked,
    Depends,
    ExtraNeedsProject,
    Incompatibility,
    Learned,
    Unusable,
)
from holdfast.resolve.words import capitalised, listed, origin_words, requirement_words, version_words
from holdfast.resolve.world import split_package


class Narrator:
    """Puts incompatibilities into words.

    Args:
        catalogue: What the states mean.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def requirement(self, item: Incompatibility) -> str:
        """Who asks for what: ``the command line asks for 'a<2'``, ``b 1.0 requires 'a>=2'``."""
        match item.cause:
            case Asked(root=root, constraint=True):
                return f"{origin_words(root)} constrains {requirement_words(root.requirement)}"
            case Asked(root=root):
                return f"{origin_words(root)} asks for {requirement_words(root.requirement)}"
            case Depends(requirer=requirer, extra=extra, requirement=requirement):
                who = self.releases(requirer, item.terms.get(requirer, 0), extra)
                return f"{who} requires {requirement_words(requirement)}"
            case _:
                return self.leaf(item)

    def clash(self, one: Incompatibility, other: Incompatibility) -> str:
        """Two requirements that exclude each other, in one sentence."""
        if isinstance(one.cause, Asked) and isinstance(other.cause, Asked):
            first, second = one.cause.root, other.cause.root
            if first.origin == second.origin and not (one.cause.constraint or other.cause.constraint):
                words = f"{requirement_words(first.requirement)} and {requirement_words(second.requirement)}"
                return f"{origin_words(first)} asks for {words}, and nothing satisfies both"
        return f"{self.requirement(one)}, but {self.requirement(other)}"

    def leaf(self, item: Incompatibility) -> str:
        """What a proof rests on."""
        match item.cause:
            case Unusable(name=name, reason=reason):
                return f"{self.releases(name, item.terms.get(name, 0))} {reason}"
            case ExtraNeedsProject(name=name):
                return f"an extra of {name} is part of it"
            case Learned():
                return self._together(item.terms)
            case Asked() | Depends():
                return self.requirement(item)
            case _:
                assert_never(item.cause)

    def releases(self, name: NormalizedName, states: int, extra: str = "") -> str:
        """A project's releases: ``a 1.0``, ``every release of a``."""
        project = self._catalogue.project(name)
        shown = f"{name}[{extra}]" if extra else name
        versions = project.versions(states)
        if len(versions) > 1 and states & ~ABSENT == project.full & ~ABSENT:
            return f"{shown} {version_words(versions, every=True)}"
        installed = len(versions) == 1 and isinstance(project.candidate(states & ~ABSENT).source, AlreadyInstalled)
        return f"{shown} {version_words(versions)}{' (installed)' if installed else ''}".rstrip()

    def _together(self, terms: Mapping[str, int]) -> str:
        """That not all terms can be true."""
        if not terms:
            return "there is no selection that satisfies everything"
        positive = [self._term(package, states) for package, states in terms.items() if not states & ABSENT]
        negative = [self._term(package, self._rest(package, states)) for package, states in terms.items() if states & 1]
        if positive and negative:
            return f"{listed(positive)} needs {listed(negative, 'or')}"
        if negative:
            return f"{listed(negative, 'or')} is needed"
        return f"{listed(positive)} cannot be selected" + (" together" if len(positive) > 1 else "")

    def _rest(self, package: str, states: int) -> int:
        name, extra = split_package(package)
        return ~states & (self._catalogue.project(name).full if extra is None else 3)

    def _term(self, package: str, states: int) -> str:
        name, extra = split_package(package)
        if extra is not None:
            return package
        if not states & ~ABSENT:
            return f"a release of {name} that does not exist"
        return self.releases(name, states & ~ABSENT)

    def tell(self, proof: Incompatibility) -> tuple[str, ...]:
        """The whole proof, one sentence per step, premises before conclusions."""
        told: dict[Incompatibility, int] = {}
        lines: list[str] = []
        stack = [proof]
        while stack:
            item = stack[-1]
            if item in told:
                stack.pop()
                continue
            premises = (item.cause.conflict, item.cause.cause) if isinstance(item.cause, Learned) else ()
            open_premises = [premise for premise in reversed(premises) if premise not in told]
            if open_premises:
                stack += open_premises
                continue
            stack.pop()
            told[item] = len(lines) + 1
            basis = f"from {' and '.join(str(told[premise]) for premise in premises)}: " if premises else ""
            sentence = self.leaf(item)
            lines.append(f"{told[item]}. {basis}{sentence if basis else capitalised(sentence)}.")
        return tuple(lines)
