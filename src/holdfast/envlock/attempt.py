"""One attempt after the other to take every lock of a transaction, none of which waits.

**Guarantees**: after `Taker.attempt` everything is held or nothing is. An owner judged dead is broken on the way.

**On crash**: see ``published``.

**Limits**: uv's lock is only looked for in the target's root.
"""

from __future__ import annotations

import errno
import os

from holdfast import disk
from holdfast.envlock import filelocks, obstacle, published, uv
from holdfast.envlock.holder import Free, Held, Unreadable, describe, look, verdict
from holdfast.envlock.lease import Leases, Record, stamped
from holdfast.envlock.obstacle import Obstacle
from holdfast.events import Detail, Reporter, Warned
from holdfast.model.owner import LockMode, Verdict
from holdfast.model.transaction import LOCK_NAME, Transaction, TransactionDirectory

_GONE = frozenset({errno.ENOENT, errno.ESTALE})
_SAID: set[str] = set()


class Taker:
    """The attempts of one ``acquire``.

    Attributes:
        broken: Ids of the dead owners whose locks were broken.
        records: Ours, one for each locked directory.
    """

    def __init__(self, *, transaction: Transaction, reporter: Reporter) -> None:
        self.broken: list[str] = []
        self.records: list[Record] = []
        self._id = transaction.id
        self._owner = transaction.owner
        self._root = transaction.target.root
        self._reporter = reporter
        locked = (directory for directory in transaction.directories if directory.locked)
        self._directories = sorted(locked, key=lambda directory: directory.parent)
        self._leases = Leases()
        self._said: set[str] = set()

    def prepare(self, mode: LockMode | None, *, sync: bool) -> LockMode:
        """Make every lock beside its place.

        Returns:
            The mode that was to be had.

        Raises:
            LockUnavailableError: That is not possible there.
        """
        for directory in self._directories:
            try:
                self.records.append(published.prepare(directory, self._owner, mode=mode, sync=sync))
            except OSError as error:
                raise obstacle.unmade(directory.parent, error) from error
        marked = any(each.content.mode is LockMode.MARKER for each in self.records)
        if marked and mode is None:
            self._say_marked()
        return LockMode.MARKER if marked else LockMode.FLOCK

    def attempt(self) -> uv.UvTaken | uv.UvAbsent | Obstacle:
        """Try once to take everything.

        Returns:
            What is in the way, and then nothing is held; or uv's lock, to be given back in the end.
        """
        for directory in self._directories:  # a look first: uv's lock is left in peace while ours is busy anyway
            if (blocked := self._look(directory)) is not None:
                return blocked
        first = uv.take(self._root)
        if isinstance(first, uv.UvBusy):
            return obstacle.of_uv(self._root)
        last: uv.UvLock = first
        try:
            blocked = self._publish()
            if blocked is None:
                last = uv.look_again(self._root, first)
                if not isinstance(last, uv.UvBusy):
                    self._say(first, last)
                    return last
        except BaseException:
            self._retract()
            uv.give_back(first)
            raise
        self._retract()
        uv.give_back(first)
        return blocked or obstacle.of_uv(self._root)

    def give_back(self) -> None:
        """Release every lock; what cannot be released is said, with its path."""
        for directory in reversed(self._directories):
            try:
                published.give_back(directory, self._id)
            except OSError as error:
                place = os.path.join(directory.parent, LOCK_NAME)
                self._reporter.emit(Warned(text=f"{place} could not be removed: {error.strerror or error}"))

    def close(self) -> None:
        """Drop what was prepared."""
        for directory in self._directories:
            published.discard(directory, self._id)
        while self.records:
            disk.close(self.records.pop().fd)

    def _publish(self) -> Obstacle | None:
        self.records[:] = map(stamped, self.records)
        for directory in self._directories:
            try:
                if not published.publish(directory, self._id):
                    return self._look(directory) or obstacle.passing(directory.parent)
            except OSError as error:
                raise obstacle.immovable(directory.parent, "somebody", error) from error
        return None

    def _retract(self) -> None:
        for directory in reversed(self._directories):
            published.retract(directory, self._id)

    def _look(self, directory: TransactionDirectory) -> Obstacle | None:
        """What is in the way in one directory; a dead owner is not."""
        sight = look(directory.parent)
        match sight:
            case Free():
                self._leases.forget(directory.parent)
                return None
            case Unreadable():
                return obstacle.of_unreadable(directory.parent, sight)
            case Held():
                judged = verdict(sight)
                silent = judged is Verdict.UNKNOWN and self._leases.expired(directory.parent, sight.record)
                if judged is Verdict.DEAD or silent:
                    return self._break(directory, sight)
                return obstacle.of_holder(sight, judged)

    def _break(self, directory: TransactionDirectory, sight: Held) -> Obstacle | None:
        try:
            published.break_dead(directory, sight.record)
        except OSError as error:
            if error.errno in _GONE:
                return obstacle.passing(directory.parent)
            what = f"{describe(sight)}, which has ended"
            raise obstacle.immovable(directory.parent, what, error) from error
        if sight.record.id not in self.broken:
            self.broken.append(sight.record.id)
        return None

    def _say_marked(self) -> None:
        """Once in a process, for each environment."""
        places = " and ".join(directory.parent for directory in self._directories)
        if places not in _SAID:
            _SAID.add(places)
            self._reporter.emit(Warned(text=f"{filelocks.done_without(places)}. {filelocks.KNOWING} says you know"))

    def _say(self, *locks: uv.UvTaken | uv.UvAbsent) -> None:
        for lock in locks:
            if isinstance(lock, uv.UvAbsent) and lock.why and lock.why not in self._said:
                self._said.add(lock.why)
                self._reporter.emit(Detail(text=lock.why))
