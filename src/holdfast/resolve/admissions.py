"""What the requirements met so far call for beyond ordinary releases. It only grows, so that starting over ends."""

from __future__ import annotations

from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.model.requirement import DirectUrl, Requirement
from holdfast.resolve.candidates import Candidate, Standing, pins


class Admissions:
    """Which pre-releases, yanked releases and URLs may be candidates, and which index pages are needed.

    A solution in which nobody who was selected calls for such a candidate is taken back with `refuse`.

    Attributes:
        listed: Projects whose index pages count although an installed distribution might do.
    """

    def __init__(self) -> None:
        self.listed: set[NormalizedName] = set()
        self._prereleases: dict[NormalizedName, set[str]] = {}
        self._yanked: dict[NormalizedName, set[Version]] = {}
        self._urls: dict[NormalizedName, dict[str, DirectUrl]] = {}
        self._refused: set[tuple[NormalizedName, Standing]] = set()

    def admit(self, requirement: Requirement) -> bool:
        """Take note of what a requirement calls for; whether that is new."""
        name, specifier = requirement.name, requirement.specifier
        fresh = False
        if requirement.url is not None and (name, Standing.DIRECT) not in self._refused:
            urls = self._urls.setdefault(name, {})
            fresh = requirement.url.url not in urls
            urls.setdefault(requirement.url.url, requirement.url)
        if not specifier:
            return fresh
        if pins(specifier) and (name, Standing.YANKED) not in self._refused:
            known = self._yanked.setdefault(name, set())
            before = len(known)
            known.update(_pinned(requirement))
            fresh |= len(known) > before
        if specifier.prereleases:
            fresh |= self.admit_prereleases(requirement)
        return fresh

    def admit_prereleases(self, requirement: Requirement) -> bool:
        """A requirement calls for pre-releases of its project; whether that is new."""
        name = requirement.name
        if (name, Standing.PRERELEASE) in self._refused:
            return False
        fresh = name not in self._prereleases
        self._prereleases.setdefault(name, set()).add(str(requirement.specifier))
        return fresh

    def urls(self, name: NormalizedName) -> tuple[DirectUrl, ...]:
        """The URLs named for a project, in the order in which they were met."""
        return tuple(self._urls.get(name, {}).values())

    def open_to(self, name: NormalizedName, candidate: Candidate) -> bool:
        """Whether some requirement met so far calls for a candidate of this standing."""
        match candidate.standing:
            case Standing.PRERELEASE:
                return name in self._prereleases
            case Standing.YANKED:
                return candidate.version in self._yanked.get(name, ())
            case _:
                return True

    def justifies(self, requirement: Requirement, candidate: Candidate) -> bool:
        """Whether this very requirement calls for a candidate."""
        match candidate.standing:
            case Standing.ORDINARY:
                return True
            case Standing.PRERELEASE:
                return str(requirement.specifier) in self._prereleases.get(requirement.name, ())
            case Standing.YANKED:
                return candidate.version in _pinned(requirement)
            case Standing.DIRECT:
                return requirement.url is not None and requirement.url.url == candidate.url

    def refuse(self, name: NormalizedName, standing: Standing) -> None:
        """Nobody who was selected calls for it: candidates of this standing are out for the project."""
        self._refused.add((name, standing))
        match standing:
            case Standing.PRERELEASE:
                self._prereleases.pop(name, None)
            case Standing.YANKED:
                self._yanked.pop(name, None)
            case Standing.DIRECT:
                self._urls.pop(name, None)
            case Standing.ORDINARY:
                raise AssertionError(f"{name}: an ordinary release needs no justification")


def _pinned(requirement: Requirement) -> set[Version]:
    """The versions that a requirement pins."""
    return {
        Version(item.version)
        for item in requirement.specifier
        if (item.operator == "==" and not item.version.endswith(".*")) or item.operator == "==="
    }
