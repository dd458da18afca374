"""The releases of one project that can be selected, numbered so that a set of them is an integer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.model.release import ProjectListing
from holdfast.model.requirement import DirectUrl
from holdfast.model.resolution import Source
from holdfast.resolve.incompatibility import ABSENT


class Standing(StrEnum):
    """What it takes to select a release."""

    ORDINARY = "ordinary"
    PRERELEASE = "pre-release"
    """A requirement that names a pre-release, ``--pre``, or nothing else that matches (PEP 440)."""
    YANKED = "yanked"
    """A requirement that pins it with == or === (PEP 592)."""
    DIRECT = "direct URL"
    """A requirement that names its URL (PEP 508)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One release with the one file (or installed distribution) that it would come from.

    Attributes:
        url: Of a direct reference, to tell one from another; also where the installed distribution stands for it.
    """

    version: Version
    source: Source
    standing: Standing = Standing.ORDINARY
    url: str = ""


@dataclass(slots=True, kw_only=True)
class Project:
    """What can be selected of a project, in one state of knowledge.

    Attributes:
        candidates: Ascending by version, direct references last; candidate n is bit n + 1.
        withheld: Pre-releases and yanked releases that no requirement met so far calls for.
        urls: The direct references among the candidates, usable or not.
        listing: None while the index was not asked (the installed distribution does, or a URL is given).
        complete: False: only the installed distribution is known, though the index may have more.
        full: All states, ``ABSENT`` included.
        installed: The bit of the installed distribution; 0 when there is none to keep.
    """

    name: NormalizedName
    candidates: tuple[Candidate, ...]
    withheld: tuple[Candidate, ...] = ()
    urls: tuple[DirectUrl, ...] = ()
    listing: ProjectListing | None = None
    complete: bool = True
    full: int = field(init=False)
    installed: int = 0
    _matching: dict[str, int] = field(default_factory=dict)
    _standing: dict[Standing, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Number the candidates."""
        self.full = (2 << len(self.candidates)) - 1
        for number, candidate in enumerate(self.candidates):
            self._standing[candidate.standing] = self._standing.get(candidate.standing, 0) | (2 << number)

    def of(self, standing: Standing) -> int:
        """The states of one standing."""
        return self._standing.get(standing, 0)

    def matching(self, specifier: SpecifierSet) -> int:
        """The states that a specifier contains; pre-releases count (their standing decides)."""
        text = str(specifier)
        known = self._matching.get(text)
        if known is None:
            known = self.full & ~ABSENT if not text else matching(specifier, self.candidates)
            self._matching[text] = known
        return known

    def direct(self, url: str) -> int:
        """The state of a direct reference; 0 when there is none."""
        return sum(2 << number for number, candidate in enumerate(self.candidates) if candidate.url == url)

    def candidate(self, state: int) -> Candidate:
        """The candidate of a state that is one bit."""
        return self.candidates[state.bit_length() - 2]

    def versions(self, states: int) -> tuple[Version, ...]:
        """The versions of a set of states, ascending."""
        return tuple(item.version for number, item in enumerate(self.candidates) if states & (2 << number))


def matching(specifier: SpecifierSet, candidates: Iterable[Candidate]) -> int:
    """The states of the candidates whose version a specifier contains."""
    numbers: dict[int, int] = {}
    versions = []
    for number, candidate in enumerate(candidates):
        version = candidate.version
        if id(version) not in numbers:
            versions.append(version)
        numbers[id(version)] = numbers.get(id(version), 0) | (2 << number)
    return sum(numbers[id(version)] for version in specifier.filter(versions, prereleases=True))


def pins(specifier: SpecifierSet) -> bool:
    """Whether a specifier names one version with ``==`` or ``===``."""
    return any(
        item.operator == "===" or (item.operator == "==" and not item.version.endswith(".*")) for item in specifier
    )
