"""What an index, a find-links page or a directory says about a project: its files, before any rule is applied."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from packaging.utils import NormalizedName

from holdfast.model.hashes import Hash


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFile:
    """One file as listed (PEP 503, 691, 700, 714). Nothing in it is verified yet.

    Attributes:
        filename: As listed; wheel names are parsed by the rules of ``resolve``.
        url: Absolute; ``file://`` for local ones; may carry credentials (never print it).
        hashes: As listed; empty if the index gives none.
        requires_python: The raw specifier text; None when not stated.
        yanked: None: not yanked; else the reason, which may be empty (PEP 592).
        size: Bytes, when the index says it.
        upload_time: ISO 8601 as given.
        sidecar: PEP 658/714: None: no sidecar; a tuple: there is one at ``url + '.metadata'`` with these hashes (may
            be empty).
        origin: The index or page URL it was found on, without credentials, for messages.
    """

    filename: str
    url: str
    hashes: tuple[Hash, ...] = ()
    requires_python: str | None = None
    yanked: str | None = None
    size: int | None = None
    upload_time: str | None = None
    sidecar: tuple[Hash, ...] | None = None
    origin: str = ""


class ProjectStatus(StrEnum):
    """PEP 792."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    QUARANTINED = "quarantined"
    DEPRECATED = "deprecated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectListing:
    """Everything known about a project from the index that won, plus find-links.

    Attributes:
        name: Normalised.
        found: False: no index has the name (absent); True with no files: it exists without any.
        files: In the order of the page.
        status: PEP 792.
        searched: The places asked, without credentials, for messages.
    """

    name: NormalizedName
    found: bool
    files: tuple[ReleaseFile, ...] = ()
    status: ProjectStatus = ProjectStatus.ACTIVE
    searched: tuple[str, ...] = ()
