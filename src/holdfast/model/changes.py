"""One transaction as data: what is expected of the world, and the steps, each one rename or link.

Paths are (scheme key, path relative to that scheme's directory); the scheme key chosen is that of the deepest scheme
directory that contains the path, so that one place in the file system has one name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from packaging.utils import NormalizedName

from holdfast.model.composed import PlacedFile
from holdfast.model.target import SchemeKey


class EntryKind(StrEnum):
    """What lies at a path, not following symlinks."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySight:
    """One directory of the target as surveyed outside the lock.

    Attributes:
        mtime_ns: None: it was changed so recently that the next change might not show in it.
        closed: This user may not make or remove entries in it, so nothing in it moves whole.
    """

    inode: int
    mtime_ns: int | None
    entries: Mapping[str, EntryKind]
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The parts of the target that a change can touch: absolute real directory -> what is in it.

    Holds every existing directory between a scheme directory (included) and a file that is to be placed or removed,
    and the
    ``__pycache__`` directories in them, and of a scheme directory that is missing the nearest parent that exists. A
    directory that is not a key does not exist or is of no interest; a symlink to a directory is not descended, the
    directory that it leads to is looked at in its place.

    Attributes:
        links: Directories that were named through a symlink -> the real directory (it may lie outside of the schemes,
            and need not exist).
        digests: Real path of a regular file that was asked for -> its sha256 as RECORD writes it.
        texts: Path as asked -> the text of a small file.
    """

    directories: Mapping[str, DirectorySight] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What must be known of the target before a change can be computed; `Survey` is the answer.

    Attributes:
        paths: Absolute paths of all files that come or go.
        digests: Those of them that no RECORD lists: hashed if they exist.
        texts: Files (in the store or the target) whose text decides whether they clash.
    """

    paths: tuple[str, ...]
    digests: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A path as (scheme, relative path). An empty path is the scheme directory itself."""

    scheme: SchemeKey
    path: str


class StepKind(StrEnum):
    """What one journal line does. ``new`` and ``old`` are the flat directories of the transaction directory."""

    PLACE = "place"
    """``new/<n>`` -> target, expected absent: link or rename that fails onto something (file), rename (directory)."""
    REPLACE = "replace"
    """A file over a file: the old one linked to ``old/<n>`` before, ``new/<n>`` renamed over it."""
    SWAP = "swap"
    """Of different kinds, or directories: target -> ``old/<n>``, ``new/<n>`` -> target, back to back."""
    REMOVE = "remove"
    """target -> ``old/<n>``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the journal.

    Attributes:
        n: Its number, from 0, and the name in ``new/`` and ``old/``.
        place: Where it acts.
        directory: The new entry (or, for REMOVE, the old one) is a directory, moved whole.
        owners: The projects whose files are in it, old and new.
        dist_info: It is a whole dist-info directory of the single owner.
    """

    n: int
    kind: StepKind
    place: Place
    directory: bool
    owners: tuple[NormalizedName, ...]
    dist_info: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChange:
    """Old and new dist-info of one project: what undo decides by.

    Attributes:
        old: (place of the dist-info, sha256 hex of its RECORD or empty), None when newly installed.
        new: The same for what comes, None when removed.
    """

    name: NormalizedName
    old: tuple[Place, str] | None
    new: tuple[Place, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectInfo:
    """Exactly these dist-info directories of a project are in the library directories.

    Attributes:
        infos: (place, sha256 hex of its RECORD; empty: not compared).
    """

    name: NormalizedName
    infos: tuple[tuple[Place, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectAbsent:
    """Nothing lies at the place."""

    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectDirectory:
    """The directory is the one surveyed; if its mtime moved, or none is told, it is walked again under the lock."""

    place: Place
    inode: int
    mtime_ns: int | None
    entries: Mapping[str, EntryKind]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectFile:
    """A regular file (or symlink) lies at the place."""

    place: Place


Expectation = ExpectInfo | ExpectAbsent | ExpectDirectory | ExpectFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSet:
    """Everything the commit does, decided before it begins.

    Attributes:
        contents: For each step that brings something: n -> the files of ``new/<n>`` as (path below it, file); a single
            file has the path "". Staging builds exactly this.
        listed: For each step that takes something away: n -> paths below ``old/<n>`` that the sweep may delete (""
            for a file).
    """

    projects: tuple[ProjectChange, ...]
    expectations: tuple[Expectation, ...]
    steps: tuple[Step, ...]
    contents: Mapping[int, tuple[tuple[str, PlacedFile], ...]]
    listed: Mapping[int, frozenset[str]]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedChangeSet:
    """A change set whose ``new/`` is filled and synced: the only thing that can be executed."""

    changes: ChangeSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The change is in force.

    Attributes:
        waited: Seconds waited for the lock (in a report: in all, each time that the command took it).
        held: Seconds the lock was held, likewise; ``synced`` of them in fsync during the commit.
        carried: Files that were moved one by one, because the file system could not rename their directory.
        left: Paths that the sweep could not or may not delete.
        durable: False: the last sync failed; the change may not survive a power failure.
        projects: What was changed, with the RECORDs' digests, for the history.
    """

    waited: float
    held: float
    synced: float
    carried: int = 0
    left: tuple[str, ...] = ()
    durable: bool = True
    projects: tuple[ProjectChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The world moved while we staged; nothing was changed; plan again. ``why`` is for -v."""

    why: str


CommitOutcome = Committed | Moved
