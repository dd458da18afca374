"""Act second, in one place: the commit itself, under the lock (design section 4, "Under the lock").

**Guarantees**: with a `HeldLock` in hand the target becomes exactly what the change set says, or is as before:

- `Moved`: an expectation no longer holds, or a signal asked to stop. Nothing was changed, or everything taken back.
- `Committed`: the new state is in force; with ``durable`` it survives a power failure.
- `CommitError`: something failed; everything was taken back.
- `InterruptedTransactionError`: taking back failed too, or somebody took over the lock; the journal is left.

From the journal to the end nothing is written to any stream and nothing is imported.

**On crash**: before the journal is there, only links in ``old/``. While it is there, `recover` brings OLD back. Once it
is gone NEW is in force, and what lies in ``old/`` is litter.

**Limits**: those of `steps`. Who changes the target without the lock between the re-check and a step is noticed where
the step meets it, else overwritten.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from holdfast import disk
from holdfast.commit.journal import JOURNAL_LIMIT, Journal, journal_of, to_bytes, write_journal
from holdfast.commit.recheck import recheck
from holdfast.commit.rooms import JOURNAL, Doors, Rooms
from holdfast.commit.steps import forget_old, identities_of, keep_old, perform, sync_touched
from holdfast.commit.undo import undo
from holdfast.envlock.held import HeldLock
from holdfast.errors import CommitError, HoldfastError, InterruptedTransactionError
from holdfast.model.changes import ChangeSet, CommitOutcome, Committed, Moved, StagedChangeSet
from holdfast.model.target import Target
from holdfast.model.transaction import Transaction

TAKEN_BACK = "Everything was taken back: the environment is as before."
_LOST = frozenset({errno.ENOENT, errno.ESTALE})
_OUTDATED = _LOST | {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}


def execute(
    staged: StagedChangeSet,
    tx: Transaction,
    held: HeldLock,
    target: Target,
    *,
    fsync: bool,
    stop: Callable[[], bool],
) -> CommitOutcome:
    """Commit a staged change set.

    Args:
        staged: Its ``new/`` is filled and synced.
        tx: The transaction that it was staged in.
        held: The lock of the target.
        target: Where it goes.
        fsync: Sync journal and directories.
        stop: Asked between the steps; True takes everything back (the caller knows which signal it was).

    Raises:
        CommitError: Failed and taken back.
        InterruptedTransactionError: A journal is left.
    """
    held.check()
    try:
        return _execute(staged, tx, held, target, fsync=fsync, stop=stop)
    except OSError as error:
        if error.errno in _LOST:
            held.check()
        raise


def _execute(
    staged: StagedChangeSet,
    tx: Transaction,
    held: HeldLock,
    target: Target,
    *,
    fsync: bool,
    stop: Callable[[], bool],
) -> CommitOutcome:
    with Doors(target.scheme) as doors, Rooms.of(tx.directories) as rooms:
        commit = _Commit(staged.changes, tx, held, target, doors=doors, rooms=rooms, fsync=fsync)
        why = recheck(staged.changes.expectations, target, doors)
        if why is not None:
            return Moved(why=why)
        if not staged.changes.steps:
            return Committed(waited=held.waited, held=held.seconds, synced=0.0)
        return commit.run(stop)


class _Commit:
    def __init__(
        self,
        changes: ChangeSet,
        tx: Transaction,
        held: HeldLock,
        target: Target,
        *,
        doors: Doors,
        rooms: Rooms,
        fsync: bool,
    ) -> None:
        self._changes = changes
        self._tx = tx
        self._held = held
        self._target = target
        self._doors = doors
        self._rooms = rooms
        self._fsync = fsync
        self._synced = 0.0
        self._carried = 0

    def run(self, stop: Callable[[], bool]) -> CommitOutcome:
        try:
            outcome = self._run(stop)
        except CommitError:
            forget_old(self._changes.steps, self._rooms)
            raise
        if isinstance(outcome, Moved):
            forget_old(self._changes.steps, self._rooms)
        return outcome

    def _run(self, stop: Callable[[], bool]) -> CommitOutcome:
        prepared = self._prepare()
        if isinstance(prepared, Moved):
            return prepared
        try:
            self._publish(prepared.content)
            if not self._step(prepared, stop):
                self._take_back(prepared.journal, None)
                return Moved(why="a signal asked to stop; everything was taken back")
            # DISK: NEW in the target, OLD in old/, the journal still says OLD
            self._sync(self._sync_touched)
            self._unlink_journal()
        except HoldfastError:
            raise
        except Exception as error:
            self._take_back(prepared.journal, error)
            if not isinstance(error, OSError):
                raise  # a bug of ours: the environment is as before, the traceback helps us
            if error.errno in _OUTDATED and not disk.filesystem(self._target.scheme.purelib).locks_are_here:
                # What the client of a network file system remembered passed the re-check, and the server knew better.
                return Moved(why=_words(error))
            raise _failed(error, self._tx.directories[0].parent) from error
        # DISK: no journal: NEW is in force, whatever happens from here
        durable = self._last_sync()
        return Committed(
            waited=self._held.waited,
            held=self._held.seconds,
            synced=self._synced,
            carried=self._carried,
            durable=durable,
        )

    def _step(self, prepared: _Prepared, stop: Callable[[], bool]) -> bool:
        """Make all steps; False: asked to stop."""

        def between() -> None:
            if stop():
                raise _StopAskedError
            self._held.refresh()

        try:
            for step in self._changes.steps:
                between()
                self._carried += perform(step, self._doors, self._rooms, prepared.linked, between=between)
        except _StopAskedError:
            return False
        return not stop()

    def _prepare(self) -> _Prepared | Moved:
        """Everything that leaves the target as it is: links into ``old/``, the journal's content.

        Raises:
            CommitError: Nothing was changed.
        """
        try:
            try:
                linked = keep_old(self._changes.steps, self._doors, self._rooms, between=self._held.refresh)
            except FileNotFoundError as error:
                self._held.check()
                return Moved(why=f"{error.filename} is gone")
            # DISK: the old versions of files to be replaced have a second name in old/
            journal = journal_of(
                self._tx.id,
                tuple(directory.schemes for directory in self._tx.directories),
                self._changes,
                identities_of(self._changes.steps, self._rooms),
            )
        except OSError as error:
            if error.errno in _LOST:
                self._held.check()
            raise CommitError(_words(error), hint=disk.remedy(error, self._tx.directories[0].parent)) from error
        content = to_bytes(journal)
        if len(content) > JOURNAL_LIMIT:
            raise CommitError("The change has too many single steps for one transaction.", hint="Install less at once.")
        return _Prepared(journal=journal, content=content, linked=linked)

    def _publish(self, content: bytes) -> None:
        write_journal(self._rooms.first, content, fsync=self._fsync)
        # DISK: OLD in the target, the journal; from here a crash is undone by whoever comes next
        self._sync(self._sync_journal)

    def _sync_journal(self) -> None:
        """``old/`` must last as long as the journal does, and both must be found again."""
        for room in self._rooms.all:
            disk.fsync(room.old)
            disk.fsync(room.own)
        for directory in self._tx.directories:
            disk.fsync_path(directory.parent)

    def _sync_touched(self) -> None:
        sync_touched(self._changes.steps, self._doors, self._rooms, between=self._held.refresh)

    def _sync(self, work: Callable[[], None]) -> None:
        if self._fsync:
            before = time.monotonic()
            work()
            self._synced += time.monotonic() - before

    def _unlink_journal(self) -> None:
        """The point of no return; an error counts only if the journal is still there, or somebody else moved it."""
        try:
            disk.unlink(JOURNAL, dir_fd=self._rooms.first.own)
        except OSError:
            if disk.lexists(JOURNAL, dir_fd=self._rooms.first.own):
                raise
            self._held.check()

    def _last_sync(self) -> bool:
        try:
            self._sync(lambda: disk.fsync(self._rooms.first.own))
        except OSError:
            return False
        return True

    def _take_back(self, journal: Journal, error: Exception | None) -> None:
        """Undo in this process, at once.

        Raises:
            InterruptedTransactionError: It failed too; or the lock is no longer ours, then nothing more is touched.
        """
        self._held.check()
        try:
            own = self._rooms.first.own
            if not disk.lexists(JOURNAL, dir_fd=own):
                self._held.check()
                return  # the journal did not appear: no step was made
            with Doors(self._target.scheme) as doors:
                undo(journal, self._target, doors, self._rooms, fsync=self._fsync, between=self._held.refresh)
            # DISK: OLD in the target, NEW in new/; the journal is no longer needed
            disk.unlink(JOURNAL, dir_fd=own)
            if self._fsync:
                disk.fsync(own)
        except OSError as second:
            if second.errno in _LOST:
                self._held.check()
            raise InterruptedTransactionError(
                f"The commit failed ({_words(error) if error else 'stopped'}), and so did taking it back: "
                f"{_words(second)}",
                hint="holdfast recover",
                state=f"{os.path.join(self._rooms.first.path, JOURNAL)} is left; the next command takes it back.",
            ) from second


class _StopAskedError(Exception):
    """Between two steps, or two files of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    journal: Journal
    content: bytes
    linked: frozenset[int]


def _failed(error: OSError, place: str) -> CommitError:
    return CommitError(_words(error), state=TAKEN_BACK, hint=disk.remedy(error, place))


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        names = [name for name in (error.filename2, error.filename) if name and not str(name).isdigit()]  # not new/7
        return f"{names[0]}: {error.strerror}." if names else f"{error.strerror}."
    return f"{type(error).__name__}: {error}"
