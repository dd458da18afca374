"""The transaction directories of one transaction, beside what it will change.

**Guarantees**: everything that is made here is named ``.holdfast-<id>``, holds its owner's record before anything else,
has the rights of its final parent, and is gone when its block ends, however it ends. It is made through the directory
itself: nothing goes through a symlink that somebody puts in its place. Missing library directories that
were made are removed again while they are empty. A journal in the first directory keeps all of them, and so does what
was taken from the dead and not yet recovered.

**On crash**: what is left names its owner, by its record or at least by its id, and `litter` removes it; with a journal
it is left to recovery.

**Limits**: whether a scheme directory can be reached by rename is tried, once, at the beginning.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from holdfast import disk
from holdfast.errors import TargetError
from holdfast.events import SILENT, Reporter, Warned
from holdfast.model.owner import LockMode, OwnerRecord
from holdfast.model.places import place_of
from holdfast.model.rights import Rights, Sharing
from holdfast.model.target import Scheme, SchemeKey, Target
from holdfast.model.transaction import (
    KEPT_NAME,
    TAKEN_NAME,
    TRANSACTION_PREFIX,
    Transaction,
    TransactionDirectory,
)
from holdfast.stage import rights, tidy
from holdfast.stage.owner import OWNER_NAME, new_id, this_process

_LOCKED = (SchemeKey.PURELIB, SchemeKey.PLATLIB)
_TRIED = (SchemeKey.SCRIPTS, SchemeKey.HEADERS, SchemeKey.DATA)
_NAMED = tuple(key.value for key in _TRIED)


@contextmanager
def transaction(
    target: Target,
    *,
    mode: LockMode | None,
    command: str,
    sharing: Sharing | None = None,
    reporter: Reporter = SILENT,
) -> Iterator[Transaction]:
    """Make the transaction directories for a block.

    Args:
        target: Where the transaction will commit to.
        mode: Its lock mode, for the owner's record; None: FLOCK where that is to be had, else MARKER.
        command: Subcommand and requirement names; no URL credentials, no query.
        sharing: What is asked for with ``--shared``.
        reporter: Hears of what could not be removed, and that the environment itself is not shared.

    Raises:
        TargetError: A library directory cannot be made or written (``writable.check_writable`` says it better).
    """
    # Every scheme is named until it is known which need a sibling: killed meanwhile, litter still finds them all.
    # And MARKER until all of them are flocked: nobody concludes anything from a lock that is free.
    first = LockMode.NONE if mode is LockMode.NONE else LockMode.MARKER
    owner = this_process(new_id(), mode=first, command=command, schemes=_NAMED)
    area = _Area(owner=owner, root=target.root, sharing=sharing, reporter=reporter, wanted=mode)
    try:
        try:
            for key in _LOCKED:
                area.add_library(key, target.scheme.directory(key))
            for key in _TRIED:
                area.lead_to(key, target.scheme)
                area.add_scheme(key, target.scheme.directory(key))
            made = area.complete(target)
        except OSError as error:
            named = str(error.filename)
            place = (
                named if os.path.isabs(named) else target.scheme.purelib
            )  # by descriptor: only the last name is told
            raise TargetError(
                f"{place} cannot be prepared for a change: {error.strerror or error}.",
                hint=disk.remedy(error, target.scheme.purelib),
            ) from error
        yield made
    finally:
        area.remove()


class _Area:
    """What has been made so far."""

    def __init__(
        self,
        *,
        owner: OwnerRecord,
        root: str,
        sharing: Sharing | None,
        reporter: Reporter,
        wanted: LockMode | None,
    ) -> None:
        self._owner = owner
        self._root = root
        self._sharing = sharing
        self._flocked = wanted in {None, LockMode.FLOCK}
        self._reporter = reporter
        self._name = TRANSACTION_PREFIX + owner.id
        self._directories: dict[str, TransactionDirectory] = {}  # by parent; the first has the journal
        self._owner_files: list[int] = []
        self._parents: list[tuple[str, ...]] = []
        self._unreached: list[SchemeKey] = []

    def add_library(self, key: SchemeKey, path: str) -> None:
        """A library directory, with a lock of its own; made if it is missing."""
        self._parents.append(self._make_missing(path))
        parent = disk.realpath(path)
        if parent in self._directories:
            self._reaches(parent, key)
        else:
            self._make(parent, key, locked=True)

    def lead_to(self, key: SchemeKey, scheme: Scheme) -> None:
        """What a missing scheme directory lies in, where no other one holds it: only what is in a scheme is committed.

        Debian's headers with ``--prefix`` and ``--root``: ``include/python3.11`` beside ``data``, which is ``local``.
        """
        above = os.path.dirname(scheme.directory(key))
        try:
            place_of(scheme, above)
        except ValueError:
            with suppress(OSError):  # who brings nothing for it does without
                self._parents.append(self._make_missing(above))

    def add_scheme(self, key: SchemeKey, path: str) -> None:
        """A scheme directory: reached from the first, or else given a sibling (of its nearest parent, if missing)."""
        parent = disk.nearest_directory(path)
        if parent in self._directories:
            self._reaches(parent, key)
        elif self._can_rename_to(parent):
            self._reaches(next(iter(self._directories)), key)
        elif disk.may_write(parent):
            self._make(parent, key, locked=False)
        else:  # who brings nothing for it does without
            self._reaches(next(iter(self._directories)), key)
            self._unreached.append(key)

    def complete(self, target: Target) -> Transaction:
        """Everything is there: say in the owner's record which schemes have a sibling, and the mode."""
        siblings = (directory for directory in self._directories.values() if not directory.locked)
        schemes = tuple(key.value for directory in siblings for key in directory.schemes)
        size = len(self._owner.to_bytes())
        mode = LockMode.FLOCK if self._flocked else self._owner.mode
        self._owner = replace(self._owner, schemes=schemes, mode=mode)
        content = self._owner.to_bytes().rstrip().ljust(size)  # of one length: a reader never sees a torn record
        for fd in self._owner_files:
            disk.pwrite(fd, content)
        return Transaction(
            owner=self._owner,
            target=target,
            directories=tuple(self._directories.values()),
            unreached=tuple(self._unreached),
        )

    def remove(self) -> None:
        """Remove everything, the first directory last; a journal in it, or something ``taken``, keeps all."""
        # First: what is removed while it is open lives on under another name (.nfs*, .fuse_hidden*), and keeps a
        # directory on NFS and in user space from being removed.
        while self._owner_files:
            disk.close(self._owner_files.pop())
        directories = tuple(self._directories.values())
        if directories and not any(_has_journal(each.path) for each in directories):
            for directory in reversed(directories):
                self._remove(directory.path)
        for made in reversed(self._parents):
            disk.remove_parents(made)

    def _remove(self, path: str) -> None:
        try:
            if not tidy.remove(path):
                kept = os.path.join(path, KEPT_NAME)
                self._reporter.emit(Warned(text=f"{kept} holds files that no RECORD lists; they were not removed"))
        except OSError as error:
            self._reporter.emit(Warned(text=f"{path} could not be removed: {error.strerror or error}"))

    def _reaches(self, parent: str, key: SchemeKey) -> None:
        directory = self._directories[parent]
        self._directories[parent] = replace(directory, schemes=(*directory.schemes, key))

    def _make_missing(self, path: str) -> tuple[str, ...]:
        return rights.make_missing(path, root=self._root, sharing=self._sharing)

    def _make(self, parent: str, key: SchemeKey, *, locked: bool) -> None:
        path = os.path.join(parent, self._name)
        given = rights.inside(parent, self._sharing)
        if locked and self._sharing is not None:
            self._say_if_private(parent)
        # The directory is known before it is made: an interrupt between the two leaves nothing.
        self._directories[parent] = TransactionDirectory(path=path, parent=parent, schemes=(key,), locked=locked)
        rights.make_directory(path, given)
        with disk.opened(path) as own:
            self._owner_files.append(write_owner(own, self._owner, given))
            self._flocked = self._flocked and flock_owner(self._owner_files[-1])
            first = next(iter(self._directories))
            if parent != first:
                disk.symlink(first, tidy.FOLLOWS_NAME, dir_fd=own)
            for name in ("lock", "new", tidy.OLD_NAME) if locked else ("new", tidy.OLD_NAME):
                rights.make_directory(name, given, dir_fd=own)

    def _say_if_private(self, parent: str) -> None:
        if not disk.stat(parent).st_mode & stat.S_IWGRP:
            text = f"{parent} itself is not group-writable: only what this command makes is shared."
            self._reporter.emit(Warned(text=text))

    def _can_rename_to(self, parent: str) -> bool:
        """Move an empty directory there and back. Only EXDEV says no: what may not be written is another matter."""
        here, there = "try", os.path.join(parent, self._name)
        with disk.opened(next(iter(self._directories.values())).path) as first:
            with suppress(FileExistsError):  # ours: a file server that lost its answer was asked twice
                disk.mkdir(here, 0o700, dir_fd=first)
            try:
                disk.rename(here, there, src_dir_fd=first)
            except OSError as error:
                disk.rmdir(here, dir_fd=first)
                return error.errno != errno.EXDEV
            try:
                disk.rename(there, here, dst_dir_fd=first)
            except OSError:
                disk.rmdir(there)
            else:
                disk.rmdir(here, dir_fd=first)
        return True


def _has_journal(path: str) -> bool:
    try:
        return any(disk.lexists(os.path.join(path, each)) for each in (tidy.JOURNAL_NAME, TAKEN_NAME))
    except OSError:  # cannot be told: what is there stays, and names its owner
        return True


def write_owner(directory: int, owner: OwnerRecord, given: Rights) -> int:
    """Write the owner's record into a new directory that is open; the record's descriptor."""
    fd = disk.open_new(OWNER_NAME, read=True, dir_fd=directory)
    try:
        disk.write(fd, owner.to_bytes())
        disk.give_rights(fd, given.file_mode, given.gid)
    except BaseException:
        disk.close(fd)
        raise
    return fd


def flock_owner(fd: int) -> bool:
    """Flock the owner's record for the life of the descriptor; False: no locks here, `acquire` will say so."""
    try:
        return disk.try_flock(fd)
    except OSError:
        return False
