"""The work area: a private directory for downloads, beside the target where that is possible.

**Guarantees**: in the environment root; where that may not be written, or others may exchange what lies in it, in the
system temp dir (mode 0700, owner checked); where that is missing, read-only or full, in the root after all, or in
purelib. It holds its owner's record and is gone when its block ends.

**On crash**: what is left names its owner, and `litter` removes it (in the system temp dir: this user's next command
with the same TMPDIR).

**Limits**: a system temp dir that fills up later is exchanged for purelib by whoever uses the area (`is_beside`).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from holdfast import disk
from holdfast.errors import TargetError
from holdfast.events import SILENT, Reporter, Warned
from holdfast.model.owner import LockMode, OwnerRecord
from holdfast.model.rights import Rights, Sharing, is_shared
from holdfast.model.target import Target
from holdfast.model.transaction import TRANSACTION_PREFIX
from holdfast.stage import rights, tidy
from holdfast.stage.area import flock_owner, write_owner
from holdfast.stage.owner import new_id, this_process

_PRIVATE = 0o700
_VARIABLES = ("TMPDIR", "TEMP", "TMP")
_USUAL = "/tmp"  # noqa: S108 - what is made there is 0700 and checked


def temporary_prefix() -> str:
    """How this user's work areas in the system temp dir are named, up to the id."""
    return f"holdfast-{os.geteuid()}-"


def temporary_directory(environ: Mapping[str, str] = os.environ) -> str:
    """The system temp dir: the one that is named, and no other: in another one nobody would look for our litter."""
    named = (environ[name] for name in _VARIABLES if environ.get(name))
    return os.path.abspath(next(named, _USUAL))


def is_beside(path: str) -> bool:
    """Whether a work area lies beside its target, so that there is no better place for what does not fit into it."""
    return os.path.basename(path).startswith(TRANSACTION_PREFIX)


@contextmanager
def work_area(
    target: Target,
    *,
    command: str,
    sharing: Sharing | None = None,
    reporter: Reporter = SILENT,
    beside: bool = False,
) -> Iterator[str]:
    """Make a work area for a block; its absolute path.

    Args:
        target: Beside which it lies if possible.
        command: Subcommand and requirement names, for the owner's record.
        sharing: What is asked for with ``--shared``.
        reporter: Hears of what could not be removed.
        beside: Not in the system temp dir, which is known to be full.

    Raises:
        TargetError: There is no place for it.
    """
    owner = this_process(new_id(), mode=LockMode.MARKER, command=command)  # until its record is flocked
    path, fd, made = _first_usable(target, owner, sharing, beside=beside)
    try:
        yield path
    finally:
        disk.close(fd)  # first: as in `area`
        try:
            tidy.remove(path)
        except OSError as error:
            reporter.emit(Warned(text=f"{path} could not be removed: {error.strerror or error}"))
        disk.remove_parents(made)


def _first_usable(
    target: Target, owner: OwnerRecord, sharing: Sharing | None, *, beside: bool
) -> tuple[str, int, tuple[str, ...]]:
    faults: list[str] = []
    hidden = TRANSACTION_PREFIX + owner.id
    places = [(target.root, hidden, False)]
    if not beside:
        first = others_may_rename_in(disk.nearest_directory(target.root))
        places.insert(0 if first else 1, (temporary_directory(), temporary_prefix() + owner.id, True))
    for directory, name, private in (*places, (target.scheme.purelib, hidden, False)):
        made: tuple[str, ...] = ()
        path = os.path.join(directory, name)
        try:
            if not private:
                made = rights.make_missing(directory, root=target.root, sharing=sharing)
            return path, _make(path, owner, sharing, private=private), made
        except OSError as error:
            faults.append(f"{directory}: {error.strerror or error}")
            disk.remove_parents(made)
    raise TargetError(
        "There is no directory for temporary files.", hint="Set TMPDIR to a directory with room.", details=tuple(faults)
    )


def others_may_rename_in(directory: str) -> bool:
    """Whether somebody else may exchange what lies in a directory for something else, while it is used by its path."""
    status = disk.stat(directory)
    if status.st_mode & stat.S_ISVTX:
        return False
    return bool(status.st_mode & stat.S_IWOTH) or is_shared(status, uid=os.geteuid(), gid=os.getegid())


def _make(path: str, owner: OwnerRecord, sharing: Sharing | None, *, private: bool) -> int:
    if private:
        given = Rights(
            directory_mode=_PRIVATE, file_mode=0o600, executable_mode=_PRIVATE, gid=os.getegid(), shared=False
        )
    else:
        given = rights.inside(os.path.dirname(path), sharing)
    rights.make_directory(path, given)
    try:
        with disk.opened(path) as area:
            if private and disk.fstat(area).st_uid != os.geteuid():
                raise PermissionError(errno.EPERM, "exchanged by another user", path)
            fd = write_owner(area, owner, given)
        if flock_owner(fd):  # from now on it tells those who do not see the process that he is dead
            disk.pwrite(fd, replace(owner, mode=LockMode.FLOCK).to_bytes(size=len(owner.to_bytes())))
    except BaseException:
        disk.remove_tree(path)
        raise
    return fd
