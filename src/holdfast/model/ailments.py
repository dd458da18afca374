"""What is wrong with an environment's dist-infos, as values: what pip and uv leave when they are stopped."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from holdfast.model.installed import InstalledDistribution


class AilmentKind(StrEnum):
    """Kinds of broken entries of a library directory."""

    NO_RECORD = "no-record"
    """A dist-info without a RECORD that can be read: nobody knows which files are its own."""
    NO_METADATA = "no-metadata"
    """A dist-info without METADATA that can be read: no installer takes it for a distribution."""
    EMPTY = "empty"
    """A dist-info directory without a file."""
    UNFINISHED = "unfinished"
    """Its installer did not come as far as INSTALLER, and not to the scripts of its entry points."""
    DUPLICATE = "duplicate"
    """One of several dist-infos of one project."""
    LEFTOVER = "leftover"
    """What pip renamed to ``~...`` on its way out, and did not remove."""
    UNKNOWN = "unknown"
    """It is named like one of these, and nothing tells whose it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ailment:
    """One of them.

    Attributes:
        path: Absolute, of the entry in the library directory.
        distribution: As far as the entry tells by its name and what is left in it: for a leftover every file in it is
            in its ``record``, and its ``name`` is the entry's. None for what is unknown.
        stashed: Of a leftover dist-info that is complete: the distribution that it was, with the files that it had.
    """

    kind: AilmentKind
    path: str
    distribution: InstalledDistribution | None = None
    stashed: InstalledDistribution | None = None
