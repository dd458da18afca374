"""Why a project has nothing that satisfies a requirement: absent, filtered, incompatible and quarantined kept apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from holdfast.model.release import ProjectListing, ProjectStatus, ReleaseFile
from holdfast.model.requirement import Requirement
from holdfast.model.resolution import IndexWheel
from holdfast.model.urls import printable_url
from holdfast.resolve.candidates import Candidate, Project, Standing
from holdfast.resolve.filenames import sdist_version, split_wheel_name
from holdfast.resolve.problem import Problem
from holdfast.resolve.rules import FileRules, Fit, Refusal
from holdfast.resolve.words import listed, requirement_words, version_words

_SHOWN = 6
_Value = TypeVar("_Value")


class Unavailability(StrEnum):
    """The kinds of refusal (design section 7); unreachable and unauthorised are errors of the source."""

    ABSENT = "absent"
    UNMATCHED = "unmatched"
    FILTERED = "filtered"
    INCOMPATIBLE = "incompatible"
    QUARANTINED = "quarantined"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Why nothing is there.

    Attributes:
        sentence: Begins with a name or a quotation, ends with a full stop.
        details: One reason each.
        hint: What to type next.
    """

    kind: Unavailability
    sentence: str
    details: tuple[str, ...] = ()
    hint: str | None = None


def diagnose(project: Project, requirement: Requirement, note: str, rules: FileRules, problem: Problem) -> Diagnosis:
    """Find out why no candidate of a project satisfies a requirement."""
    words, name, listing = requirement_words(requirement), project.name, project.listing
    if note:
        return Diagnosis(kind=Unavailability.FILTERED, sentence=f"{words} cannot be used: {note}.")
    if listing is None:
        held = listed([f"{item.version} from {printable_url(item.url)}" for item in project.candidates])
        sentence = f"{words} does not fit {name} {held or '(nothing usable)'}, which is asked for by URL."
        return Diagnosis(kind=Unavailability.UNMATCHED, sentence=sentence)
    if not listing.found:
        return _absent(listing)
    if listing.status is ProjectStatus.QUARANTINED:
        sentence = f"{name} is quarantined by its index: it may be harmful, and nothing of it is installed."
        return Diagnosis(kind=Unavailability.QUARANTINED, sentence=sentence)
    if not listing.files:
        sentence = f"{name} exists, but it has no files.{_searched(listing)}"
        return Diagnosis(kind=Unavailability.FILTERED, sentence=sentence)
    return _rejected(project, listing, requirement, rules, problem)


def _absent(listing: ProjectListing) -> Diagnosis:
    if not listing.searched:
        sentence = f"There is no place to look for {listing.name}: no index and no --find-links is in force."
        hint = "Name an index with --index-url or a place with --find-links."
        return Diagnosis(kind=Unavailability.ABSENT, sentence=sentence, hint=hint)
    return Diagnosis(
        kind=Unavailability.ABSENT,
        sentence=f"{listing.name} does not exist where it was looked for.{_searched(listing)}",
        hint="Check the spelling, or name another index with --extra-index-url.",
    )


def _searched(listing: ProjectListing) -> str:
    places = listed([printable_url(place) for place in listing.searched])
    return f" Searched: {places}." if places else ""


def _rejected(
    project: Project, listing: ProjectListing, requirement: Requirement, rules: FileRules, problem: Problem
) -> Diagnosis:
    """There are files; say what is wrong with those that have the right version."""
    words, specifier = requirement_words(requirement), requirement.specifier
    refused = _refused(listing, rules)
    fitting = _in(specifier, refused)
    withheld = list(_in(specifier, {item.version: item for item in project.withheld}).values())
    details = [line for reason in Refusal for line in _reason_lines(reason, fitting, problem)]
    details += _withheld_lines(withheld)
    if not details:
        every = sorted({*refused, *(item.version for item in (*project.withheld, *project.candidates))})
        has = f"it has {version_words(every)}" if every else "it has no release with a readable version"
        sentence = f"No release of {project.name} matches {words}: {has}."
        return Diagnosis(kind=Unavailability.UNMATCHED, sentence=sentence)
    reasons = {reason for files in fitting.values() for reason in files}
    if reasons & {Refusal.TAGS, Refusal.PYTHON}:
        sentence = f"Releases of {project.name} match {words}, but none is for this Python and platform."
        return Diagnosis(kind=Unavailability.INCOMPATIBLE, sentence=sentence, details=tuple(details))
    if reasons == {Refusal.SDIST} and not withheld:
        sentence = f"{words} matches source distributions only, and holdfast installs wheels only for now."
        return Diagnosis(kind=Unavailability.FILTERED, sentence=sentence, details=tuple(details))
    return Diagnosis(
        kind=Unavailability.FILTERED,
        sentence=f"Releases of {project.name} match {words}, but none may be used.",
        details=tuple(details),
        hint=_hint(withheld, requirement),
    )


def _hint(withheld: list[Candidate], requirement: Requirement) -> str | None:
    if any(item.standing is Standing.PRERELEASE for item in withheld):
        return "Allow pre-releases with --pre."
    if withheld:
        return f"Pin the yanked release if you must have it: '{requirement.name}=={withheld[-1].version}'"
    return None


def _refused(listing: ProjectListing, rules: FileRules) -> Mapping[Version, Mapping[Refusal, list[ReleaseFile]]]:
    """The files that the rules refuse, by version and reason."""
    found: dict[Version, dict[Refusal, list[ReleaseFile]]] = {}
    for file in listing.files:
        verdict = rules.judge(listing.name, file)
        if isinstance(verdict, Fit):
            continue
        wheel = split_wheel_name(file.filename)
        version = sdist_version(file.filename, listing.name) if wheel is None else rules.version(wheel.version)
        if version is not None:
            found.setdefault(version, {}).setdefault(verdict, []).append(file)
    return found


def _in(specifier: SpecifierSet, items: Mapping[Version, _Value]) -> Mapping[Version, _Value]:
    return {version: items[version] for version in sorted(specifier.filter(items, prereleases=True))}


def _reason_lines(
    reason: Refusal, fitting: Mapping[Version, Mapping[Refusal, list[ReleaseFile]]], problem: Problem
) -> Iterator[str]:
    """One line about all versions that have files refused for a reason."""
    versions = [version for version, files in fitting.items() if reason in files]
    if not versions:
        return
    which, newest = version_words(versions), fitting[versions[-1]][reason]
    match reason:
        case Refusal.SDIST:
            yield f"{which}: source distribution (holdfast installs wheels only for now)"
        case Refusal.FORBIDDEN:
            yield f"{which}: wheels are forbidden by --no-binary"
        case Refusal.HASH:
            yield f"{which}: the hash is not one of those that the requirements give"
        case Refusal.NAME:
            yield f"{which}: the file name is not that of a wheel of this project"
        case Refusal.PYTHON:
            asks = listed(sorted({file.requires_python or "" for file in newest}), "or")
            yield f"{which}: requires Python {asks}, and this is {problem.python_version}"
        case Refusal.TAGS:
            yield f"{which}: has wheels for {_for_whom(newest)}; this is {problem.tags[0] if problem.tags else '?'}"


def _for_whom(files: list[ReleaseFile]) -> str:
    """The Pythons and platforms of wheels."""
    names = [name for file in files if (name := split_wheel_name(file.filename)) is not None]
    pythons = sorted({part for name in names for part in name.tags[0].split(".")})
    platforms = sorted({part for name in names for part in name.tags[2].split(".")})
    return f"{_some(pythons)} on {_some(platforms)}"


def _some(items: list[str]) -> str:
    return listed(items) if len(items) <= _SHOWN else f"{', '.join(items[:_SHOWN])} and {len(items) - _SHOWN} more"


def _withheld_lines(withheld: list[Candidate]) -> Iterator[str]:
    yanked = [item for item in withheld if item.standing is Standing.YANKED]
    prereleases = [item.version for item in withheld if item.standing is Standing.PRERELEASE]
    if yanked:
        source = yanked[-1].source
        reason = source.file.yanked if isinstance(source, IndexWheel) else ""
        said = f" ('{reason}')" if reason else ""
        yield f"{version_words([item.version for item in yanked])}: yanked by the project{said}"
    if prereleases:
        yield f"{version_words(prereleases)}: pre-release"
