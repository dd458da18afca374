"""The provider of the search: from requirements, constraints and metadata to incompatibilities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packaging.utils import NormalizedName, canonicalize_name

from holdfast.model.request import RootRequirement
from holdfast.model.requirement import Requirement
from holdfast.model.resolution import IndexWheel
from holdfast.resolve.candidates import Standing
from holdfast.resolve.catalogue import Catalogue
from holdfast.resolve.incompatibility import (
    ABSENT,
    PRESENT,
    Asked,
    Depends,
    ExtraNeedsProject,
    Incompatibility,
    Unusable,
)
from holdfast.resolve.requires import Requires, UnusableError
from holdfast.resolve.source import PackageSource

_PATIENCE, _AHEAD = 3, 63
"""From the third release tried to the 63rd, at each doubling, as many are asked for ahead."""


def extra_package(name: NormalizedName, extra: NormalizedName) -> str:
    """The package that stands for an extra of a project."""
    return f"{name}[{extra}]"


def split_package(package: str) -> tuple[NormalizedName, NormalizedName | None]:
    """The project of a package, and the extra if it stands for one."""
    name, bracket, extra = package.partition("[")
    return canonicalize_name(name), canonicalize_name(extra[:-1]) if bracket else None


class World:
    """One search's view; made anew when the search starts over, because the numbers of states may have changed.

    Args:
        roots: The active requirements of the user.
        constraints: The active constraints.
        catalogue: Projects.
        requires: Metadata.
        source: Gets hints of what will be asked for.
        no_deps: Requirements of distributions do not count.
    """

    def __init__(
        self,
        *,
        roots: Sequence[RootRequirement],
        constraints: Sequence[RootRequirement],
        catalogue: Catalogue,
        requires: Requires,
        source: PackageSource,
        no_deps: bool,
    ) -> None:
        self._roots = roots
        self._catalogue = catalogue
        self._requires = requires
        self._source = source
        self._no_deps = no_deps
        self._constraints: dict[NormalizedName, list[RootRequirement]] = {}
        for constraint in constraints:
            self._constraints.setdefault(constraint.requirement.name, []).append(constraint)
        self._mentioned: dict[str, tuple[Incompatibility, ...]] = {}
        self._followed: dict[tuple[str, int], tuple[Incompatibility, ...]] = {}
        self._split: dict[str, tuple[NormalizedName, NormalizedName | None]] = {}
        self._tries: dict[NormalizedName, int] = {}
        self._hinted: set[NormalizedName] = set()
        self._prerelease_askers: dict[NormalizedName, list[tuple[str, int]]] = {}

    def start(self) -> Sequence[Incompatibility]:
        """The user's requirements."""
        self._prefetch([root.requirement for root in self._roots])
        found: list[Incompatibility] = []
        for root in self._roots:
            states, note = self._catalogue.allow(root.requirement)
            name = root.requirement.name
            found += self._mention(name)
            asked = Asked(root=root, target=name, allowed=states, note=note)
            found += self._incompatible({name: self.full(name) & ~states}, asked)
            for extra in () if self._no_deps else sorted(root.requirement.extras):
                package = extra_package(name, extra)
                found += self._mention(package)
                found += self._incompatible({package: ABSENT}, Asked(root=root, target=package, allowed=PRESENT))
            if root.requirement.specifier.prereleases:
                self._prerelease_askers.setdefault(name, []).append(("", 0))
        self._prefetch_likely([root.requirement for root in self._roots])
        return found

    def full(self, package: str) -> int:
        """All states of a package."""
        name, extra = self._parts(package)
        return ABSENT | PRESENT if extra else self._catalogue.project(name).full

    def ready(self, package: str, decided: Mapping[str, int]) -> bool:
        """An extra is decided after its project."""
        name, extra = self._parts(package)
        return extra is None or name in decided

    def choose(self, package: str, allowed: int, decided: Mapping[str, int]) -> int:
        """The best state of a project; an extra has but one."""
        name, extra = self._parts(package)
        if extra is not None:
            return PRESENT
        states = self._best(name, allowed, decided)
        self._look_ahead(name, states)
        return 1 << (states.bit_length() - 1)

    def _best(self, name: NormalizedName, allowed: int, decided: Mapping[str, int]) -> int:
        """Installed where that is preferred, else what needs no excuse: the highest is the newest."""
        preferred = self._catalogue.preferred(name) & allowed
        if preferred:
            return preferred
        project = self._catalogue.project(name)
        best = project.of(Standing.ORDINARY) & allowed
        prereleases = project.of(Standing.PRERELEASE) & allowed
        if prereleases and (not best or (prereleases > best and self._asked_for_prereleases(name, decided))):
            best |= prereleases
        return best or project.of(Standing.YANKED) & allowed or allowed & ~ABSENT

    def _look_ahead(self, name: NormalizedName, states: int) -> None:
        """A project of which one release after the other is tried: hint at the next ones, more each time."""
        self._tries[name] = tries = self._tries.get(name, 0) + 1
        if tries & (tries + 1) or not _PATIENCE <= tries <= _AHEAD:
            return
        project = self._catalogue.project(name)
        wheels: list[IndexWheel] = []
        while states and len(wheels) <= tries:
            state = 1 << (states.bit_length() - 1)
            states &= ~state
            source = project.candidate(state).source
            if isinstance(source, IndexWheel):
                wheels.append(source)
        self._source.prefetch_metadata(tuple(wheels))

    def follow(self, package: str, state: int, decided: Mapping[str, int]) -> Sequence[Incompatibility]:
        """The requirements of a release, or of an extra of the release that is decided."""
        name, extra = self._parts(package)
        base = decided[name] if extra else state
        key = (package, base)
        known = self._followed.get(key)
        if known is None:
            self._followed[key] = known = self._requirements_of(name, extra, base)
        return known

    def conflict(self, packages: Iterable[str]) -> None:
        """Only the installed distribution was looked at, and it is in the way: ask the index after all."""
        self._catalogue.widen({self._parts(package)[0]: None for package in packages})

    def _requirements_of(
        self, name: NormalizedName, extra: NormalizedName | None, state: int
    ) -> tuple[Incompatibility, ...]:
        if self._no_deps and extra is not None:
            return ()
        candidate = self._catalogue.project(name).candidate(state)
        try:
            metadata = self._requires.metadata(name, candidate)
        except UnusableError as error:
            return (
                Incompatibility(
                    terms={name: state}, cause=Unusable(name=name, reason=error.reason, broken=error.broken)
                ),
            )
        if self._no_deps:
            return ()
        requirements = self._requires.active(metadata, extra or "")
        self._prefetch(requirements)
        given: dict[str, int] = {name: state} if extra is None else {name: state, extra_package(name, extra): PRESENT}
        found: list[Incompatibility] = []
        for requirement in requirements:
            found += self._depends(given, name, extra or "", requirement)
        self._prefetch_likely(requirements)
        return tuple(found)

    def _depends(
        self, given: Mapping[str, int], requirer: NormalizedName, extra: str, requirement: Requirement
    ) -> list[Incompatibility]:
        """What one requirement of a release says."""
        states, note = self._catalogue.allow(requirement)
        name = requirement.name
        if requirement.specifier.prereleases:
            self._prerelease_askers.setdefault(name, []).append((requirer, given[requirer]))
        found = [*self._mention(name)]
        wrong = self.full(name) & ~states
        terms = {**given, name: given.get(name, -1) & wrong}
        cause = Depends(requirer=requirer, extra=extra, requirement=requirement, target=name, allowed=states, note=note)
        found += self._incompatible(terms, cause)
        for wanted in sorted(requirement.extras):
            package = extra_package(name, wanted)
            if package not in given:
                found += self._mention(package)
                cause = Depends(
                    requirer=requirer, extra=extra, requirement=requirement, target=package, allowed=PRESENT
                )
                found += self._incompatible({**given, package: ABSENT}, cause)
        return found

    def _incompatible(self, terms: Mapping[str, int], cause: Asked | Depends) -> list[Incompatibility]:
        """The incompatibility without terms that are always true; none when one can never be true."""
        if not all(terms.values()):
            return []
        kept = {package: states for package, states in terms.items() if self.full(package) & ~states}
        return [Incompatibility(terms=kept, cause=cause)]

    def _mention(self, package: str) -> tuple[Incompatibility, ...]:
        """What is true of a package as soon as anybody names it: its constraints; an extra is of its project."""
        known = self._mentioned.get(package)
        if known is None:
            name, extra = self._parts(package)
            found: list[Incompatibility] = []
            if extra is not None:
                terms = {package: PRESENT, name: ABSENT}
                found.append(Incompatibility(terms=terms, cause=ExtraNeedsProject(name=name)))
            else:
                for root in self._constraints.get(name, ()):
                    states, note = self._catalogue.allow(root.requirement)
                    asked = Asked(root=root, target=name, allowed=states, constraint=True, note=note)
                    found += self._incompatible({name: self.full(name) & ~states & ~ABSENT}, asked)
            self._mentioned[package] = known = tuple(found)
        return known

    def _asked_for_prereleases(self, name: NormalizedName, decided: Mapping[str, int]) -> bool:
        """Whether a requirement in force names a pre-release."""
        if any(root.requirement.specifier.prereleases for root in self._constraints.get(name, ())):
            return True
        return any(not by or decided.get(by) == state for by, state in self._prerelease_askers.get(name, ()))

    def _prefetch(self, requirements: Sequence[Requirement]) -> None:
        needed = dict.fromkeys(item.name for item in requirements if self._catalogue.needs_listing(item))
        if needed:
            self._source.prefetch(tuple(needed))

    def _prefetch_likely(self, requirements: Sequence[Requirement]) -> None:
        """Hint at the metadata of what would be chosen of a project that is named for the first time."""
        wheels: list[IndexWheel] = []
        for name in dict.fromkeys(item.name for item in requirements):
            if name in self._hinted:
                continue
            self._hinted.add(name)
            asked = [item for item in requirements if item.name == name]
            asked += (root.requirement for root in self._constraints.get(name, ()))
            states = -1
            for requirement in asked:
                states &= self._catalogue.allow(requirement)[0]
            if states:
                source = self._catalogue.project(name).candidate(self._best(name, states, {})).source
                if isinstance(source, IndexWheel):
                    wheels.append(source)
        if wheels:
            self._source.prefetch_metadata(tuple(wheels))

    def _parts(self, package: str) -> tuple[NormalizedName, NormalizedName | None]:
        parts = self._split.get(package)
        if parts is None:
            self._split[package] = parts = split_package(package)
        return parts
