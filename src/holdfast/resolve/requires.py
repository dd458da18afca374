"""What a candidate requires here: its metadata read, checked against the file name, markers evaluated."""

from __future__ import annotations

from packaging.utils import NormalizedName

from holdfast.errors import UnsatisfiableError, UnusableMetadataError
from holdfast.events import ProjectConsidered, Reporter, Warned
from holdfast.model.metadata import Metadata
from holdfast.model.requirement import Requirement
from holdfast.model.resolution import AlreadyInstalled
from holdfast.resolve.candidates import Candidate
from holdfast.resolve.markers import Environment
from holdfast.resolve.rules import PythonRule
from holdfast.resolve.source import PackageSource


class UnusableError(Exception):
    """A candidate cannot be used; never leaves the room.

    Args:
        reason: Ends a sentence that begins with the candidate's name.
        broken: Its bytes are to blame: they are not what they should be.
    """

    def __init__(self, reason: str, *, broken: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.broken = broken


class Requires:
    """Metadata of candidates, each read once, and the requirements that are active on the target.

    Args:
        source: Where metadata comes from (never asked for what is installed).
        environment: Of the target.
        python: The Requires-Python rule.
        reporter: Is warned of releases that are skipped.
    """

    def __init__(self, source: PackageSource, environment: Environment, python: PythonRule, reporter: Reporter) -> None:
        self._source = source
        self._environment = environment
        self._python = python
        self._reporter = reporter
        self._known: dict[int, tuple[Candidate, Metadata | UnusableError]] = {}

    def metadata(self, name: NormalizedName, candidate: Candidate) -> Metadata:
        """The metadata of a candidate.

        Raises:
            UnusableError: It is broken, or not that of the file's name and version, or for another Python.
            HoldfastError: The source could not get at it.
        """
        known = self._known.get(id(candidate.source))
        if known is None:
            known = candidate, self._read(name, candidate)
            self._known[id(candidate.source)] = known
        if isinstance(known[1], UnusableError):
            raise known[1]
        return known[1]

    def _read(self, name: NormalizedName, candidate: Candidate) -> Metadata | UnusableError:
        if isinstance(candidate.source, AlreadyInstalled):
            return candidate.source.distribution.metadata
        self._reporter.emit(ProjectConsidered(name=name, version=str(candidate.version)))
        try:
            metadata = self._source.metadata(candidate.source)
            self._check(name, candidate, metadata)
        except (UnsatisfiableError, UnusableMetadataError) as error:
            broken = isinstance(error, UnusableMetadataError)
            return self._skip(name, candidate, f"cannot be used: {error.cause.rstrip('.')}", broken=broken)
        except ValueError as error:
            return self._skip(name, candidate, f"has invalid metadata: {error}", broken=True)
        if not self._python.admits(metadata.requires_python):
            return UnusableError(f"requires Python {metadata.requires_python}")
        return metadata

    def _check(self, name: NormalizedName, candidate: Candidate, metadata: Metadata) -> None:
        if metadata.name != name:
            raise ValueError(f"it names the project {metadata.display_name}")
        if metadata.version != candidate.version:
            raise ValueError(f"it names the version {metadata.version}")
        for requirement in metadata.requires:
            self._environment.holds(requirement.marker)

    def _skip(self, name: NormalizedName, candidate: Candidate, reason: str, *, broken: bool) -> UnusableError:
        self._reporter.emit(Warned(text=f"Skipped {name} {candidate.version}: it {reason}"))
        return UnusableError(reason, broken=broken)

    def active(self, metadata: Metadata, extra: NormalizedName | str = "") -> tuple[Requirement, ...]:
        """The requirements that hold on the target; of an extra: those that it adds."""
        environment = self._environment
        if not extra:
            return tuple(item for item in metadata.requires if environment.holds(item.marker))
        return tuple(
            item
            for item in metadata.requires
            if item.marker is not None and not environment.holds(item.marker) and environment.holds(item.marker, extra)
        )
