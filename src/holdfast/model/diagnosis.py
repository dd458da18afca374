"""What ``holdfast doctor`` found: what a directory is worth for an installation, and what to do about it."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import StrEnum

from holdfast.model.owner import OwnerRecord


class Answer(StrEnum):
    """What came of trying something."""

    WORKS = "works"
    HOST_ONLY = "host-only"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One thing that was tried. ``error``: the refusal, as ``ENOLCK: No locks available``."""

    answer: Answer
    error: str = ""


def refused(error: OSError) -> Trial:
    """It was refused by an error of the operating system."""
    name = errno.errorcode.get(error.errno or 0, f"errno {error.errno}")
    return Trial(answer=Answer.REFUSED, error=f"{name}: {error.strerror or error}")


WORKS = Trial(answer=Answer.WORKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """What was tried in one library directory, in a transaction directory of its own.

    Attributes:
        flock: File locks: granted for everybody, for this host only, or refused.
        link: A second name for a file.
        reflink: A copy that shares its blocks.
        rename: Moving a directory with something in it.
        onto_empty: Moving one onto an empty one: how the environment lock is published.
        exchange: Exchanging two directories in one call.
        group: Giving a new file the directory's group.
        lower_layer: Moving a directory of a lower layer of an overlay; None: there is none to be seen.
    """

    flock: Trial
    link: Trial
    reflink: Trial
    rename: Trial
    onto_empty: Trial
    exchange: Trial
    group: Trial
    lower_layer: Trial | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryRights:
    """Who may do what in a directory, and what new entries in it get.

    Attributes:
        mode: Permission bits, setgid and sticky among them.
        shared: A group shares it (docs/guides: shared environments).
        writers: Who may change it, by its mode: ``user root``, ``group devs``, ``everybody``.
        acl: An access control list says more than the mode.
        new_file: Mode of new files; ``new_program``: of those that may be executed; ``new_directory``: of directories.
        new_group: Of all of them.
    """

    owner: str
    group: str
    mode: int
    shared: bool
    writers: tuple[str, ...]
    acl: bool
    new_file: int
    new_program: int
    new_directory: int
    new_group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryWorth:
    """One library directory, where an installation takes its lock and stages.

    Attributes:
        path: Real path.
        filesystem: Its type, empty when unknown; ``options``: of the mount and of the file system, sorted.
        writable: By this user.
        bytes: That this user may still write; ``inodes``: files that he may still make. None: not said.
        lock: Who has the environment lock, in words; None: nobody.
        trials: None: nothing was tried, because an installation is stopped anyway.
    """

    path: str
    filesystem: str
    options: tuple[str, ...]
    writable: bool
    rights: DirectoryRights
    bytes: int | None
    inodes: int | None
    lock: str | None
    trials: Trials | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeWorth:
    """A directory for scripts, headers or data.

    Attributes:
        scheme: ``scripts``, ``headers`` or ``data``.
        path: It may be missing: then its nearest parent was asked.
        writable: By this user.
        by_rename: What is staged beside the libraries gets there by one rename; False: it lies in another mount, and
            has a transaction directory of its own; None: not tried.
    """

    scheme: str
    path: str
    writable: bool
    by_rename: bool | None = None


class Residue(StrEnum):
    """What a transaction directory is to an installation that begins now."""

    WORKING = "working"
    INTERRUPTED = "interrupted"
    LITTER = "litter"
    UNKNOWN = "unknown"


def owner_words(owner: OwnerRecord | None) -> str:
    """Whose a transaction is, in words that are not escaped; empty when that is not known."""
    if owner is None:
        return ""
    return f"`holdfast {owner.command}` of {owner.user or owner.uid} (process {owner.pid} on {owner.host})"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTransaction:
    """A transaction directory that lies there. ``owner``: see `owner_words`."""

    path: str
    residue: Residue
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UvLock:
    """uv's ``.lock`` in the environment's root. ``held``: by somebody; None: it was not tried, or cannot be."""

    path: str
    exists: bool
    held: bool | None = None


class WorkPlace(StrEnum):
    """Where downloads are unpacked."""

    ROOT = "root"
    TEMPORARY = "temporary"
    LIBRARY = "library"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something to know, and one thing to type about it. ``stops``: nothing can be installed there until then."""

    text: str
    command: str
    stops: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Everything that was found.

    Attributes:
        asked: The path that was asked about; None: the environment that ``install`` would take.
        judged: What was judged in its place: an environment's root, a directory, the nearest parent of a missing one.
        missing: What was asked about does not exist: new entries get the rights of what would be made for it.
        kind: Of the target, as in a report.
        lock_mode: What an installation would lock with; None: not known, because nothing was tried.
        link_mode: How its files would come from the cache (without one: from the work area); None as above.
        umask: Of this process.
        work: Where downloads are unpacked, and which place it is; None: there is none, or nothing was tried.
    """

    asked: str | None
    judged: str
    missing: bool
    kind: str
    lock_mode: str | None
    link_mode: str | None
    umask: int
    directories: tuple[DirectoryWorth, ...]
    schemes: tuple[SchemeWorth, ...]
    work: tuple[str, WorkPlace] | None
    uv_lock: UvLock
    transactions: tuple[FoundTransaction, ...]
    remarks: tuple[Remark, ...]

    @property
    def stopped(self) -> bool:
        """Whether something would stop an installation."""
        return any(remark.stops for remark in self.remarks)
