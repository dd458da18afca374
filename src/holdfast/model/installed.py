"""What is installed in a target, as its dist-info directories say (PEP 376, 610, 627)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.model.metadata import Metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEntry:
    """One line of a RECORD.

    Attributes:
        path: As written: relative to the directory that holds the dist-info, ``/`` separated, may begin with ``../``;
            or absolute.
        algorithm: Of the hash; empty when none is given (RECORD itself, bytecode).
        digest: urlsafe base64 without padding, as RECORD writes it.
        size: Bytes, or None.
    """

    path: str
    algorithm: str = ""
    digest: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledDistribution:
    """One distribution found in the target.

    Attributes:
        metadata: From METADATA (or PKG-INFO of an egg-info).
        location: The directory (a library directory) that holds ``info_name``.
        info_name: Basename of the ``.dist-info`` (or ``.egg-info``) entry.
        record: None when there is no RECORD (installed by a system package manager, or broken).
        record_digest: sha256 hex of the RECORD file's bytes; empty when there is none.
        installer: INSTALLER's first line; may be empty.
        requested: REQUESTED is there.
        direct_url: The parsed ``direct_url.json``, or None (PEP 610).
        editable: direct_url says so, or a legacy ``.egg-link``.
        owned: It lies in the target's own library directories (else: only visible, never touched).
    """

    metadata: Metadata
    location: str
    info_name: str
    record: tuple[RecordEntry, ...] | None
    record_digest: str
    installer: str = ""
    requested: bool = False
    direct_url: Mapping[str, object] | None = None
    editable: bool = False
    owned: bool = True

    @property
    def name(self) -> NormalizedName:
        """Normalised project name."""
        return self.metadata.name

    @property
    def version(self) -> Version:
        """Installed version."""
        return self.metadata.version


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenDistribution:
    """A dist-info that cannot be read as one, with the reason; never touched, always named."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledState:
    """A settled view of the target: listed, read, listed again with the same names.

    Attributes:
        distributions: By project, the one that an import would find first; the target's own win.
        duplicates: Further dist-infos of a project that has one already.
        broken: What looks like a dist-info and is none.
        observed: (library directory, sorted dist-info basenames) as listed: what a commit expects to be still true
            for its projects.
    """

    distributions: Mapping[NormalizedName, InstalledDistribution] = field(default_factory=dict)
    duplicates: tuple[InstalledDistribution, ...] = ()
    broken: tuple[BrokenDistribution, ...] = ()
    observed: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def get(self, name: NormalizedName) -> InstalledDistribution | None:
        """The distribution of a project, if installed."""
        return self.distributions.get(name)

    def __iter__(self) -> Iterator[InstalledDistribution]:
        return iter(self.distributions.values())
