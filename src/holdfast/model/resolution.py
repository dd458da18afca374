"""What the solver decided: which distributions, from where, and why."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.model.installed import InstalledDistribution
from holdfast.model.metadata import Metadata
from holdfast.model.release import ReleaseFile
from holdfast.model.requirement import DirectUrl, Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexWheel:
    """A wheel that an index or find-links offers."""

    file: ReleaseFile


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectWheel:
    """A wheel that the user named by URL or path (PEP 610 is written for it)."""

    direct: DirectUrl
    filename: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyInstalled:
    """The installed distribution satisfies and is kept."""

    distribution: InstalledDistribution


Source = IndexWheel | DirectWheel | AlreadyInstalled


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One chosen distribution.

    Attributes:
        extras: The extras asked of it, by anybody.
        requested: The user named it (REQUESTED is written).
    """

    name: NormalizedName
    version: Version
    source: Source
    metadata: Metadata
    extras: frozenset[NormalizedName] = frozenset()
    requested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """``requirer`` (a pin's name, or None for the user) asks for ``requirement``."""

    requirer: NormalizedName | None
    requirement: Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A consistent set of pins, in an order in which requirements come before requirers where there is no cycle."""

    pins: tuple[Pin, ...]
    edges: tuple[Edge, ...]
    roots: tuple[Requirement, ...]
