"""Which files of a project the target may use at all; one verdict per file, from its listing alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from holdfast.model.filenames import SDIST_SUFFIXES
from holdfast.model.hashes import Hash
from holdfast.model.release import ReleaseFile
from holdfast.model.request import FormatControl
from holdfast.resolve.filenames import BuildTag, TagRanks, parse_version, split_wheel_name
from holdfast.resolve.problem import Problem

_DASHES = 4
"""A wheel's file name has so many at least."""


class Refusal(StrEnum):
    """Why a file cannot be used."""

    SDIST = "source distribution"
    FORBIDDEN = "--no-binary"
    NAME = "unusable file name"
    TAGS = "other platform or Python"
    PYTHON = "Requires-Python"
    HASH = "hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A wheel that may be used.

    Attributes:
        rank: Of its best tag; 0 is best.
        build: Build number; more is better.
    """

    file: ReleaseFile
    version: Version
    rank: int
    build: BuildTag

    @property
    def order(self) -> tuple[bool, int, int, str]:
        """The better wheel of one version has the greater order (a yanked file only when there is no other)."""
        return (self.file.yanked is None, -self.rank, *self.build)


class PythonRule:
    """Requires-Python, by text, remembered.

    Args:
        version: Of the target.
        ignored: ``--ignore-requires-python``.
    """

    def __init__(self, version: str, *, ignored: bool) -> None:
        self._version = Version(Version(version).base_version)
        self._ignored = ignored
        self._known: dict[str, bool] = {}

    def __call__(self, text: str | None) -> bool:
        """Whether the target satisfies it. What cannot be parsed is no hindrance, as with pip."""
        if text is None or self._ignored:
            return True
        known = self._known.get(text)
        if known is None:
            try:
                known = self.admits(SpecifierSet(text))
            except ValueError:  # InvalidSpecifier, or a number too long for an integer
                known = True
            self._known[text] = known
        return known

    def admits(self, specifier: SpecifierSet | None) -> bool:
        """Whether the target satisfies a parsed one."""
        return specifier is None or self._ignored or specifier.contains(self._version, prereleases=True)


class FileRules:
    """Verdicts for the files of all projects, with what repeats remembered.

    Args:
        problem: Tags, Python and policy.
        hashes: Per project the digests that the user allows; a project without an entry takes any.
    """

    def __init__(self, problem: Problem, hashes: Mapping[NormalizedName, frozenset[Hash]]) -> None:
        self.tags = TagRanks(problem.tags)
        self.python = PythonRule(problem.python_version, ignored=problem.policy.ignore_requires_python)
        self._formats: FormatControl = problem.policy.formats
        self._hashes = hashes
        self._versions: dict[str, Version | None] = {}
        self._names: dict[str, str] = {}

    def judge(self, name: NormalizedName, file: ReleaseFile) -> Fit | Refusal:
        """The verdict on one file."""
        filename = file.filename
        if not filename.endswith(".whl"):
            return Refusal.SDIST if filename.endswith(SDIST_SUFFIXES) else Refusal.NAME
        rank = self.tags.rank_of_filename(filename)
        if rank is None:
            return Refusal.TAGS if filename.count("-") >= _DASHES else Refusal.NAME
        if not self.python(file.requires_python):
            return Refusal.PYTHON
        return self._fit(name, file, rank)

    def _fit(self, name: NormalizedName, file: ReleaseFile, rank: int) -> Fit | Refusal:
        wheel = split_wheel_name(file.filename)
        version = None if wheel is None else self.version(wheel.version)
        if wheel is None or version is None or self._name(wheel.project) != name:
            return Refusal.NAME
        fit = Fit(file=file, version=version, rank=rank, build=wheel.build)
        if self._formats.forbids_wheels(name):
            return Refusal.FORBIDDEN
        allowed = self._hashes.get(name)
        if allowed and not hashes_agree(fit.file.hashes, allowed):
            return Refusal.HASH
        return fit

    def version(self, text: str) -> Version | None:
        """A version as a file name writes it; None when it is invalid."""
        try:
            return self._versions[text]
        except KeyError:
            self._versions[text] = version = parse_version(text)
            return version

    def _name(self, text: str) -> str:
        name = self._names.get(text)
        if name is None:
            self._names[text] = name = canonicalize_name(text)
        return name


def hashes_agree(listed: tuple[Hash, ...], allowed: frozenset[Hash]) -> bool:
    """Whether a file can be one of those allowed: a digest is equal, or they have no algorithm in common."""
    if not allowed.isdisjoint(listed):
        return True
    return {item.algorithm for item in listed}.isdisjoint({item.algorithm for item in allowed})


def hashes_to_verify(listed: tuple[Hash, ...], allowed: frozenset[Hash]) -> tuple[Hash, ...]:
    """What the bytes must have: the user's digests, narrowed by the listed ones of the same algorithm."""
    common = tuple(sorted(allowed.intersection(listed)))
    return common or tuple(sorted(allowed))
