"""From the solver's proof to words: the two requirements that clash and who asks for them, first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product

from packaging.utils import NormalizedName

from holdfast.errors import BrokenReleases, ResolutionConflict
from holdfast.resolve.catalogue import Catalogue
from holdfast.resolve.derivation import Narrator
from holdfast.resolve.incompatibility import ABSENT, Asked, Depends, Incompatibility, Unusable, leaves
from holdfast.resolve.outcomes import Unavailability, diagnose
from holdfast.resolve.problem import Problem
from holdfast.resolve.rules import FileRules
from holdfast.resolve.words import capitalised

_SHOWN = 8


def explain(proof: Incompatibility, catalogue: Catalogue, rules: FileRules, problem: Problem) -> ResolutionConflict:
    """The error to raise for a proof that nothing satisfies everything.

    Args:
        proof: The incompatibility without terms.
        catalogue: What the states mean.
        rules: To judge a project's files once more, this time for the reasons.
        problem: For the target's facts.
    """
    return _Explanation(proof, catalogue, rules, problem).error()


class _Explanation:
    def __init__(self, proof: Incompatibility, catalogue: Catalogue, rules: FileRules, problem: Problem) -> None:
        self._catalogue = catalogue
        self._rules = rules
        self._problem = problem
        self._leaves = leaves(proof)
        self._narrator = Narrator(catalogue)
        self._derivation = self._narrator.tell(proof)

    def error(self) -> ResolutionConflict:
        requirements = [item for item in self._leaves if isinstance(item.cause, Asked | Depends)]
        missing = [item for item in requirements if not _allowed(item)]
        asked_missing = [item for item in missing if isinstance(item.cause, Asked)]
        clash = self._clash(requirements)
        if asked_missing or (missing and clash is None):
            return self._missing(min(asked_missing or missing, key=self._remoteness))
        if clash is not None:
            return self._conflict(clash)
        unusable = [item for item in self._leaves if isinstance(item.cause, Unusable)]
        if unusable:
            return self._unusable(unusable)
        return self._conflict(requirements)

    def _clash(self, requirements: Sequence[Incompatibility]) -> Sequence[Incompatibility] | None:
        """The requirements of one package that leave nothing: two if possible, the user's and the newest first."""
        about: dict[str, list[Incompatibility]] = {}
        for item in requirements:
            if _allowed(item):
                about.setdefault(_target(item), []).append(item)
        pairs = (pair for group in about.values() for pair in combinations(group, 2))
        clashing = [pair for pair in pairs if _exclude(*pair)]
        clashing = clashing or [pair for pair in _crossed(requirements) if _circular(*pair)]
        if clashing:
            return min(clashing, key=lambda pair: sum(self._remoteness(item) for item in pair))
        for group in about.values():
            left = -1
            for item in group:
                left &= _allowed(item)
            if not left & ~ABSENT:
                return group
        return None

    def _remoteness(self, item: Incompatibility) -> int:
        """How far a requirement is from what the user wrote: theirs, of the newest release, of an older one."""
        if isinstance(item.cause, Depends):
            states = item.terms.get(item.cause.requirer, 0)
            newest = self._catalogue.project(item.cause.requirer).full.bit_length() - 1
            return 1 + min(newest - states.bit_length() + 1, 1_000)
        return 0

    def _place(self, item: Incompatibility) -> int:
        """Where the user wrote it, among all that they wrote."""
        written = (*self._problem.roots, *self._problem.constraints)
        return written.index(item.cause.root) if isinstance(item.cause, Asked) else len(written)

    def _conflict(self, clash: Sequence[Incompatibility]) -> ResolutionConflict:
        ordered = sorted(clash, key=lambda item: (self._remoteness(item), self._place(item)))
        sentences = [self._narrator.requirement(item) for item in ordered[:_SHOWN]]
        if len(ordered) == 2:  # noqa: PLR2004 - a pair reads as one sentence
            cause = f"{capitalised(self._narrator.clash(*ordered))}."
            details = []
        else:
            cause = "These requirements cannot all be satisfied:"
            details = list(sentences)
        for item in ordered[:_SHOWN]:
            details += self._why(item)
        return ResolutionConflict(
            cause,
            hint="Loosen one of the requirements; -v shows how each other choice was ruled out.",
            details=tuple(dict.fromkeys(details)),
            derivation=self._derivation,
        )

    def _missing(self, item: Incompatibility) -> ResolutionConflict:
        cause = item.cause
        if not isinstance(cause, Asked | Depends):
            raise TypeError(cause)
        project = self._catalogue.project(cause.requirement.name)
        found = diagnose(project, cause.requirement, cause.note, self._rules, self._problem)
        who = self._narrator.requirement(item)
        lines = (capitalised(who), *self._why(item)) if isinstance(cause, Depends) or cause.constraint else ()
        return ResolutionConflict(
            found.sentence,
            hint=found.hint,
            details=(*found.details, *lines),
            reason=found.kind,
            derivation=self._derivation,
        )

    def _unusable(self, items: Sequence[Incompatibility]) -> ResolutionConflict:
        sentences = [self._narrator.leaf(item) for item in reversed(items)]
        broken = any(isinstance(item.cause, Unusable) and item.cause.broken for item in items)
        return (BrokenReleases if broken else ResolutionConflict)(
            f"{sentences[0]}.",
            details=(*sentences[1:_SHOWN], *self._why(items[0])),
            reason=Unavailability.UNUSABLE,
            derivation=self._derivation,
        )

    def _why(self, item: Incompatibility) -> Iterator[str]:
        """How what asks came to be needed, up to the user."""
        seen: set[str] = set()
        name: NormalizedName | None
        cause = item.cause
        name = cause.requirer if isinstance(cause, Depends) else cause.name if isinstance(cause, Unusable) else None
        while name is not None and name not in seen:
            seen.add(name)
            asking = self._asking(name)
            if asking is None:
                return
            yield capitalised(self._narrator.requirement(asking))
            name = asking.cause.requirer if isinstance(asking.cause, Depends) else None

    def _asking(self, name: NormalizedName) -> Incompatibility | None:
        """Who asks for a project: the user if possible."""
        asking = [
            item
            for item in self._leaves
            if isinstance(item.cause, Asked | Depends)
            and _target(item).partition("[")[0] == name
            and not (isinstance(item.cause, Asked) and item.cause.constraint)
            and not (isinstance(item.cause, Depends) and item.cause.requirer == name)
        ]
        return min(asking, key=self._remoteness, default=None)


def _allowed(item: Incompatibility) -> int:
    return item.cause.allowed if isinstance(item.cause, Asked | Depends) else 0


def _requirer(item: Incompatibility) -> str:
    return item.cause.requirer if isinstance(item.cause, Depends) else ""


def _exclude(one: Incompatibility, other: Incompatibility) -> bool:
    """Two that ask for the same project, and nothing satisfies both."""
    return not _allowed(one) & _allowed(other) and (_requirer(one) != _requirer(other) or not _requirer(one))


def _crossed(requirements: Sequence[Incompatibility]) -> Iterator[tuple[Incompatibility, Incompatibility]]:
    """Pairs in which each asks for the project of the other."""
    by: dict[tuple[str, str], list[Incompatibility]] = {}
    for item in requirements:
        by.setdefault((_requirer(item), _target(item)), []).append(item)
    for (asking, asked), items in by.items():
        if asking and asking != asked:
            yield from product(items, by.get((asked, asking), ()))


def _circular(one: Incompatibility, other: Incompatibility) -> bool:
    """One asks for a project whose release asks for another release of the one that asks."""
    asking, asked = _requirer(one), _requirer(other)
    return bool(_allowed(one) & other.terms.get(asked, 0)) and not _allowed(other) & one.terms.get(asking, 0)


def _target(item: Incompatibility) -> str:
    return item.cause.target if isinstance(item.cause, Asked | Depends) else ""
