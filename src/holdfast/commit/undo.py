"""Take a commit back: from the journal, and from what lies in the target, in ``new/`` and in ``old/``, to OLD.

The steps are gone through backwards. What we placed goes back to ``new/<n>``, then what was there comes back from
``old/<n>``. Which projects are still ours to restore, and which files are ours, `evidence` says.

**Guarantees**: nothing foreign is overwritten or removed: it stays and is named. Undo may be killed anywhere and run
again: like the commit it moves one entry at a time, and it decides by looking. It neither removes nor changes the
journal.

**On crash**: the journal is still there; the next undo goes on.

**Limits**: to tell our files from foreign ones in a directory, their content is hashed: seconds, after a failure only.
"""

from __future__ import annotations

import errno
import os
import stat as modes
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from holdfast import disk
from holdfast.commit.carry import MADE, PART, in_turn
from holdfast.commit.evidence import Evidence, digest_at
from holdfast.commit.journal import Journal
from holdfast.commit.making import Forge
from holdfast.commit.paths import is_bytecode
from holdfast.commit.rooms import Doors, Room, Rooms
from holdfast.commit.steps import sync_touched
from holdfast.model.changes import Step, StepKind
from holdfast.model.places import absolute
from holdfast.model.target import Target

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


@dataclass(frozen=True, slots=True, kw_only=True)
class _At:
    """One name in one open directory, and its absolute path in the target."""

    fd: int
    name: str
    path: str


def undo(
    journal: Journal, target: Target, doors: Doors, rooms: Rooms, *, fsync: bool, between: Callable[[], None]
) -> tuple[str, ...]:
    """Bring OLD back.

    Args:
        journal: Of the interrupted transaction.
        target: Its scheme says where things are.
        doors: Fresh ones: what the commit had open may lie elsewhere by now.
        rooms: The transaction directories of that transaction.
        fsync: Sync what was changed, so that the journal may go after this.
        between: Called between the steps.

    Returns:
        What stayed although it is not of OLD, or could not come back, for people: one line each.

    Raises:
        OSError: Something could not be moved; call again.
    """
    evidence = Evidence(journal, target, rooms)
    work = _Undo(journal, evidence, fsync=fsync, between=between)
    for step in reversed(journal.steps):
        between()
        try:
            parent, name = doors.parent(step.place)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            work.left.append(f"{absolute(target.scheme, step.place)}: its directory is gone")
            continue
        at = _At(fd=parent, name=name, path=absolute(target.scheme, step.place))
        work.take_back(step, at, rooms.of_place(step.place))
    if fsync:
        sync_touched(journal.steps, doors, rooms, between=between)
    return tuple(work.left)


class _Undo:
    def __init__(self, journal: Journal, evidence: Evidence, *, fsync: bool, between: Callable[[], None]) -> None:
        self._journal = journal
        self._fsync = fsync
        self._evidence = evidence
        self._between = between
        self.left: list[str] = []

    def take_back(self, step: Step, at: _At, room: Room) -> None:
        """Undo one step, as far as it was done."""
        n = str(step.n)
        if step.kind is StepKind.REPLACE:
            self._replaced(step, at, room)
            return
        if _look(room.old, n + PART) is None:
            old, new = _look(room.old, n), _look(room.new, n)
            linked = not step.directory and (old is not None or step.kind is StepKind.PLACE)
            if step.kind is not StepKind.REMOVE and (new is None or linked):
                self._from_target(step, at, _At(fd=room.new, name=n, path=at.path), room)
            if step.kind is StepKind.PLACE or old is None or self._restored(step, n, at, room):
                return
        # DISK: the old version in old/<n>.part and at its place, file by file; nothing new at its place
        part, returns = _At(fd=room.old, name=n + PART, path=at.path), self._returns(step)
        if not self._moved_whole(part, at, room, returns):
            self._merge(part, at, room, returns)

    def _replaced(self, step: Step, at: _At, room: Room) -> None:
        n = str(step.n)
        here, old, new = _look(at.fd, at.name), _look(room.old, n), _look(room.new, n)
        if old is None or (here is not None and _same(here, old)):
            return  # not done, or undone before; what is left in old/ is a second name
        if here is not None and not (new is not None and _same(here, new)):
            if new is not None and here.st_size == old.st_size and _is_alike(at, room.old, n):
                return  # overlay: a lower layer's second names are copied up one by one, and are two files then
            if not self._is_ours(step, at, here):
                self.left.append(f"{at.path}: not what was placed there; left")
                return
            if not self._may_take(step, at.path):
                return
            if new is None:
                self._second_name(at, room, n)
        if self._may_restore(step, at.path):
            # DISK: the new file is (also) in new/<n>, the old one comes over it
            disk.rename(n, at.name, src_dir_fd=room.old, dst_dir_fd=at.fd)
        elif here is not None:
            _drop(at, n, room.new)

    def _second_name(self, at: _At, room: Room, n: str) -> None:
        """Keep the new file findable in ``new/`` while the old one comes over it: what makes undo repeatable."""
        try:
            disk.link(at.name, n, src_dir_fd=at.fd, dst_dir_fd=room.new)
        except FileExistsError:
            raise
        except OSError:  # links are refused: absent for a moment
            disk.rename_exclusive(at.name, n, src_dir_fd=at.fd, dst_dir_fd=room.new)

    def _from_target(self, step: Step, at: _At, to: _At, room: Room) -> None:
        """What we placed goes back to ``new/<n>``."""
        here, there = _look(at.fd, at.name), _look(to.fd, to.name)
        if here is None:
            return
        if modes.S_ISDIR(here.st_mode) and step.directory:
            wanted = partial(self._is_placed, step)
            if not self._moved_whole(at, to, room, wanted):
                part = to.name + PART
                self._merge(at, _At(fd=to.fd, name=part, path=to.path), room, wanted)
                # DISK: nothing of ours at the place; from now on new/<n> says so
                if _look(to.fd, part) is not None:
                    disk.rename(part, to.name, src_dir_fd=to.fd, dst_dir_fd=to.fd)
            return
        if there is not None and (_same(here, there) or _is_alike(at, to.fd, to.name)):
            # Placed by link, and not yet taken from new/. (On sshfs two names of one file have two inodes.)
            if self._may_take(step, at.path):
                _drop(at, to.name, to.fd)
        elif there is None and not step.directory and self._is_ours(step, at, here):
            if self._may_take(step, at.path):
                disk.rename_exclusive(at.name, to.name, src_dir_fd=at.fd, dst_dir_fd=to.fd)
        else:
            self.left.append(f"{at.path}: came meanwhile; left")

    def _restored(self, step: Step, n: str, to: _At, room: Room) -> bool:
        """What was there comes back from ``old/<n>``; False: it is to be merged from ``old/<n>.part``."""
        at = _At(fd=room.old, name=n, path=to.path)
        here, there = _look(at.fd, at.name), _look(to.fd, to.name)
        if here is None:
            return True
        if modes.S_ISDIR(here.st_mode):
            if there is None or modes.S_ISDIR(there.st_mode):
                if self._moved_whole(at, to, room, self._returns(step)):
                    return True
                disk.rename(n, n + PART, src_dir_fd=room.old, dst_dir_fd=room.old)
                return False
        elif there is None:
            if self._may_restore(step, at.path):
                disk.rename_exclusive(at.name, to.name, src_dir_fd=at.fd, dst_dir_fd=to.fd)
            return True
        self.left.append(f"{to.path}: came meanwhile; the old one is not restored")
        return True

    def _returns(self, step: Step) -> Callable[[_At], bool]:
        return lambda each: self._may_restore(step, each.path) or is_bytecode_at(each)

    def _moved_whole(self, at: _At, to: _At, room: Room, wanted: Callable[[_At], bool]) -> bool:
        """Move a directory by one rename, if nothing lies there and everything in it is wanted."""
        if not room.whole or _look(to.fd, to.name) is not None or not self._all(at, wanted):
            return False
        try:
            disk.rename_exclusive(at.name, to.name, src_dir_fd=at.fd, dst_dir_fd=to.fd)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return False  # it lies in a lower layer of an overlay
        return True

    def _merge(self, at: _At, to: _At, room: Room, wanted: Callable[[_At], bool]) -> None:
        """Move what is wanted of a directory, each directory in it whole where that works, else file by file."""
        there = _look(to.fd, to.name)
        if there is not None and not modes.S_ISDIR(there.st_mode):
            self.left.append(f"{to.path}: came meanwhile; left")
            return
        source = disk.open_dir(at.name, dir_fd=at.fd)
        try:
            entries = sorted(disk.scandir(source), key=lambda entry: in_turn(entry.name))
            if entries or there is None:
                Forge(fd=room.new, name=MADE).make(to.name, to.fd, disk.fstat(source))
                destination = disk.open_dir(to.name, dir_fd=to.fd)
                try:
                    for entry in entries:
                        self._between()
                        each = _At(fd=source, name=entry.name, path=f"{at.path}/{entry.name}")
                        its = _At(fd=destination, name=entry.name, path=each.path)
                        if entry.is_dir(follow_symlinks=False):
                            if not self._moved_whole(each, its, room, wanted):
                                self._merge(each, its, room, wanted)
                        elif _look(destination, entry.name) is not None or not wanted(each):
                            self.left.append(f"{each.path}: not of this transaction; left")
                        else:
                            disk.rename_exclusive(entry.name, entry.name, src_dir_fd=source, dst_dir_fd=destination)
                    if self._fsync:
                        disk.fsync(destination)
                        disk.fsync(source)
                finally:
                    disk.close(destination)
                if there is None and entries:
                    with suppress(OSError):  # made for nothing: all of it belongs to a project of somebody else's now
                        disk.rmdir(to.name, dir_fd=to.fd)
            if not disk.listdir(source):
                disk.rmdir(at.name, dir_fd=at.fd)
        finally:
            disk.close(source)

    def _all(self, at: _At, wanted: Callable[[_At], bool]) -> bool:
        fd = disk.open_dir(at.name, dir_fd=at.fd)
        try:
            for entry in disk.scandir(fd):
                each = _At(fd=fd, name=entry.name, path=f"{at.path}/{entry.name}")
                if not (self._all(each, wanted) if entry.is_dir(follow_symlinks=False) else wanted(each)):
                    return False
        finally:
            disk.close(fd)
        return True

    def _is_ours(self, step: Step, at: _At, status: os.stat_result) -> bool:
        known = self._journal.identities.get(step.n)
        if known == (status.st_ino, status.st_size, status.st_mtime_ns):
            return True
        return self._evidence.is_placed(at.path, at.name, at.fd) or is_bytecode_at(at)

    def _is_placed(self, step: Step, at: _At) -> bool:
        placed = self._evidence.is_placed(at.path, at.name, at.fd) or is_bytecode_at(at)
        return placed and self._may_take(step, at.path)

    def _may_take(self, step: Step, path: str) -> bool:
        """A file that we placed for a project that is somebody else's by now stays if a RECORD there lists it."""
        if self._evidence.ours.issuperset(step.owners):
            return True
        return not self._evidence.is_listed_elsewhere(path)

    def _may_restore(self, step: Step, path: str) -> bool:
        if self._evidence.ours.issuperset(step.owners):
            return True
        return path in self._evidence.kept


def _drop(at: _At, n: str, new: int) -> None:
    """Take a second name of what is in ``new/`` from the target: by a rename, which a fence would refuse."""
    disk.rename(at.name, f"{n}.dropped", src_dir_fd=at.fd, dst_dir_fd=new)


def _is_alike(at: _At, old: int, n: str) -> bool:
    digest = digest_at(at.name, at.fd)
    return digest != "" and digest == digest_at(n, old)


def is_bytecode_at(at: _At) -> bool:
    """Whether it is cached bytecode: nobody's work, it goes with whoever is near."""
    return is_bytecode(at.path.rpartition("/")[0], at.name)


def _look(fd: int, name: str) -> os.stat_result | None:
    try:
        return disk.lstat(name, dir_fd=fd)
    except FileNotFoundError:
        return None


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
