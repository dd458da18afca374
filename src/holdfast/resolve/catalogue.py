"""Projects as the search sees them: their candidates numbered, and what each requirement allows of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from packaging.utils import NormalizedName

from holdfast.model.installed import InstalledDistribution
from holdfast.model.requirement import DirectUrl, Requirement
from holdfast.model.resolution import AlreadyInstalled
from holdfast.resolve.admissions import Admissions
from holdfast.resolve.candidates import Candidate, Project, Standing, matching
from holdfast.resolve.keeping import Keeping
from holdfast.resolve.releases import Releases, with_installed


class WidenedError(Exception):
    """More is known of a project whose numbers the search already used: it starts over. Never leaves the room."""


class Catalogue:
    """All projects of one resolution; survives starting over.

    A project for which the installed distribution is preferred begins with that one candidate, without asking the
    index: what is satisfied needs no network. The index is asked when a requirement or a conflict needs it.

    Args:
        releases: What the index has.
        keeping: What is installed.
        bound: Projects for which the user names a URL: nothing else is looked at.
    """

    def __init__(self, releases: Releases, keeping: Keeping, bound: Iterable[NormalizedName]) -> None:
        self.admissions = Admissions()
        self._releases = releases
        self._keeping = keeping
        self._bound = frozenset(bound)
        self._projects: dict[NormalizedName, Project] = {}
        self._used: set[NormalizedName] = set()

    def start_over(self) -> None:
        """A new search begins: no project's numbers are used yet."""
        self._used.clear()

    def project(self, name: NormalizedName) -> Project:
        """A project that a requirement has named."""
        return self._projects[name]

    def preferred(self, name: NormalizedName) -> int:
        """The state of the installed distribution where it goes before all others; else 0."""
        return self._projects[name].installed if self._keeping.preferred(name) else 0

    def widen(self, names: Iterable[NormalizedName]) -> None:
        """Ask the index about those of which only the installed distribution was looked at.

        Raises:
            WidenedError: There was one.
        """
        closed = [name for name in names if name in self._projects and not self._projects[name].complete]
        if closed:
            self.admissions.listed.update(closed)
            self._forget(closed)
            raise WidenedError

    def refuse(self, refused: Iterable[tuple[NormalizedName, Standing]]) -> None:
        """A solution has candidates that nobody selected calls for: leave them out from now on.

        Raises:
            WidenedError: There was one.
        """
        found = tuple(refused)
        for name, standing in found:
            self.admissions.refuse(name, standing)
        if found:
            self._forget(name for name, _ in found)
            raise WidenedError

    def _forget(self, names: Iterable[NormalizedName]) -> None:
        for name in names:
            del self._projects[name]

    def needs_listing(self, requirement: Requirement) -> bool:
        """Whether answering for a requirement will ask the index (for prefetching)."""
        name = requirement.name
        if self._releases.known(name) is not None or name in self._bound:
            return False
        kept = self._only_installed(name)
        return kept is None or not requirement.specifier.contains(kept.version, prereleases=True)

    def allow(self, requirement: Requirement) -> tuple[int, str]:
        """The states of the project that satisfy a requirement, and why there are none where only it can tell.

        Raises:
            WidenedError: The requirement calls for candidates that the search had left out.
        """
        name = requirement.name
        if self._outdated(name, fresh=self.admissions.admit(requirement)):
            self._build(name)
        if requirement.url is not None:
            self._used.add(name)
            return self._allow_direct(name, requirement.url)
        states = self._projects[name].matching(requirement.specifier)
        if not states and not self._projects[name].complete:
            self.admissions.listed.add(name)
            states = self._build(name).matching(requirement.specifier)
        if not states and self._only_prereleases(requirement) and self.admissions.admit_prereleases(requirement):
            states = self._build(name).matching(requirement.specifier)
        self._used.add(name)
        return states, ""

    def _outdated(self, name: NormalizedName, *, fresh: bool) -> bool:
        """Whether a project has to be numbered, because it is new or because it lacks what is called for now."""
        project = self._projects.get(name)
        if project is None or not fresh:
            return project is None
        return self.admissions.urls(name) != project.urls or any(
            self.admissions.open_to(name, item) for item in project.withheld
        )

    def _allow_direct(self, name: NormalizedName, url: DirectUrl) -> tuple[int, str]:
        states = self._projects[name].direct(url.url)
        candidate = self._releases.direct(name, url)
        return states, "" if states or not isinstance(candidate, str) else candidate

    def _only_prereleases(self, requirement: Requirement) -> bool:
        withheld = (item for item in self._projects[requirement.name].withheld if item.standing is Standing.PRERELEASE)
        return bool(matching(requirement.specifier, tuple(withheld)))

    def _build(self, name: NormalizedName) -> Project:
        """Number the candidates of a project from what is known now.

        Raises:
            WidenedError: The search uses the numbers of before.
        """
        if name in self._used:
            self._projects.pop(name, None)
            raise WidenedError
        kept = self._only_installed(name)
        if name in self._bound:
            project = Project(name=name, candidates=self._direct(name), urls=self.admissions.urls(name))
        elif kept is not None:
            candidates = (*with_installed((), kept), *self._direct(name))
            urls = self.admissions.urls(name)
            project = Project(name=name, candidates=candidates, urls=urls, complete=False, installed=2)
        else:
            project = self._numbered(name, self._direct(name))
        self._projects[name] = project
        return project

    def _only_installed(self, name: NormalizedName) -> InstalledDistribution | None:
        """The installed distribution where it makes the index needless for now."""
        distribution = self._keeping.candidate(name)
        if distribution is None or name in self.admissions.listed or not self._keeping.preferred(name):
            return None
        return distribution

    def _direct(self, name: NormalizedName) -> tuple[Candidate, ...]:
        found = []
        for url in self.admissions.urls(name):
            candidate = self._releases.direct(name, url)
            if isinstance(candidate, Candidate):
                same = self._keeping.same_origin(name, url)
                found.append(replace(candidate, source=AlreadyInstalled(distribution=same)) if same else candidate)
        return tuple(found)

    def _numbered(self, name: NormalizedName, direct: tuple[Candidate, ...]) -> Project:
        releases = with_installed(self._releases.of(name), self._keeping.candidate(name))
        admitted = tuple(item for item in releases if self.admissions.open_to(name, item))
        installed = (2 << number for number, item in enumerate(admitted) if isinstance(item.source, AlreadyInstalled))
        return Project(
            name=name,
            candidates=(*admitted, *direct),
            withheld=tuple(item for item in releases if not self.admissions.open_to(name, item)),
            urls=self.admissions.urls(name),
            listing=self._releases.known(name),
            installed=next(installed, 0),
        )
