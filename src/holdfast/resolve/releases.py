"""From a listing to releases: the best wheel of each version that the target may use, and where a URL leads."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import replace

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from holdfast.events import Notice, ProjectConsidered, Reporter
from holdfast.model.filenames import filename_of
from holdfast.model.hashes import Hash
from holdfast.model.installed import InstalledDistribution
from holdfast.model.release import ProjectListing, ProjectStatus
from holdfast.model.requirement import DirectUrl
from holdfast.model.resolution import AlreadyInstalled, DirectWheel, IndexWheel
from holdfast.resolve.candidates import Candidate, Standing
from holdfast.resolve.filenames import split_wheel_name
from holdfast.resolve.rules import FileRules, Fit, hashes_agree, hashes_to_verify
from holdfast.resolve.source import PackageSource


class Releases:
    """Listings and the releases in them, each asked for and judged once.

    Args:
        source: Where listings come from.
        rules: Verdicts on files.
        hashes: Per project the digests that the user allows.
        pre: ``--pre``: pre-releases are ordinary.
        reporter: Receives events.
    """

    def __init__(
        self,
        *,
        source: PackageSource,
        rules: FileRules,
        hashes: Mapping[NormalizedName, frozenset[Hash]],
        pre: bool,
        reporter: Reporter,
    ) -> None:
        self._source = source
        self._rules = rules
        self._hashes = hashes
        self._pre = pre
        self._reporter = reporter
        self._listings: dict[NormalizedName, ProjectListing] = {}
        self._releases: dict[NormalizedName, tuple[Candidate, ...]] = {}
        self._directs: dict[tuple[NormalizedName, str], Candidate | str] = {}

    def known(self, name: NormalizedName) -> ProjectListing | None:
        """The listing of a project, if it was asked for."""
        return self._listings.get(name)

    def of(self, name: NormalizedName) -> tuple[Candidate, ...]:
        """The releases of a project, ascending."""
        known = self._releases.get(name)
        if known is None:
            self._reporter.emit(ProjectConsidered(name=name))
            self._listings[name] = listing = self._source.listing(name)
            if listing.status in {ProjectStatus.ARCHIVED, ProjectStatus.DEPRECATED}:
                self._reporter.emit(Notice(text=f"{name} is marked as {listing.status} by its index."))
            best = self._best(listing)
            self._releases[name] = known = tuple(self._release(name, best[version]) for version in sorted(best))
        return known

    def _best(self, listing: ProjectListing) -> Mapping[Version, Fit]:
        best: dict[Version, Fit] = {}
        if listing.status is ProjectStatus.QUARANTINED:
            return best
        for file in listing.files:
            fit = self._rules.judge(listing.name, file)
            if isinstance(fit, Fit):
                before = best.get(fit.version)
                if before is None or fit.order > before.order:
                    best[fit.version] = fit
        return best

    def _release(self, name: NormalizedName, fit: Fit) -> Candidate:
        standing = Standing.ORDINARY
        if fit.file.yanked is not None:
            standing = Standing.YANKED
        elif fit.version.is_prerelease and not self._pre:
            standing = Standing.PRERELEASE
        allowed, file = self._hashes.get(name), fit.file
        if allowed:
            file = replace(file, hashes=hashes_to_verify(file.hashes, allowed))
        return Candidate(version=fit.version, source=IndexWheel(file=file), standing=standing)

    def direct(self, name: NormalizedName, url: DirectUrl) -> Candidate | str:
        """The one release that a URL leads to, or why it leads to none."""
        key = name, url.url
        if key not in self._directs:
            self._directs[key] = self._direct(name, url)
        return self._directs[key]

    def _direct(self, name: NormalizedName, url: DirectUrl) -> Candidate | str:
        filename = filename_of(url.url)
        wheel = split_wheel_name(filename)
        version = self._rules.version(wheel.version) if wheel is not None else None
        if url.editable:
            return "editable installations need a build, and holdfast installs wheels only for now"
        if wheel is None or version is None:
            return "it does not lead to a wheel, and holdfast installs wheels only for now"
        if canonicalize_name(wheel.project) != name:
            return f"{filename} is a wheel of {canonicalize_name(wheel.project)}, not of {name}"
        if self._rules.tags.rank(wheel.tags) is None:
            return f"{filename} is for another platform or Python"
        allowed = self._hashes.get(name)
        if allowed and not hashes_agree(url.hashes, allowed):
            return "the hash in the URL and the hashes in the requirements files differ"
        if allowed:
            url = replace(url, hashes=hashes_to_verify(url.hashes, allowed))
        return Candidate(
            version=version, source=DirectWheel(direct=url, filename=filename), standing=Standing.DIRECT, url=url.url
        )


def with_installed(
    releases: tuple[Candidate, ...], distribution: InstalledDistribution | None
) -> tuple[Candidate, ...]:
    """Put the installed distribution in its place, instead of the release of the same version."""
    if distribution is None:
        return releases
    kept = Candidate(version=distribution.version, source=AlreadyInstalled(distribution=distribution))
    place = bisect_left(releases, kept.version, key=lambda candidate: candidate.version)
    same = place < len(releases) and releases[place].version == kept.version
    return (*releases[:place], kept, *releases[place + same :])
