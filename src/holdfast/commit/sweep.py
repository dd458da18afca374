"""After the release: delete the old versions that the commit moved to ``old/``, and only those.

**Guarantees**: deletes what the RECORDs listed, and bytecode. What else is found (somebody wrote into a directory
between the re-check and its rename) is put back if its place is free, else set aside in ``kept/`` and named.

**On crash**: litter in a directory that names its dead owner.

**Limits**: a foreign file whose directory left for good is put back into a directory that is made for it again. One
that can neither be put back nor set aside, because the disk fails too, is lost with the transaction directory.
"""

from __future__ import annotations

import stat as modes
from contextlib import suppress

from holdfast import disk
from holdfast.commit.making import make
from holdfast.commit.paths import is_bytecode
from holdfast.commit.rooms import Doors, Room, Rooms
from holdfast.model.changes import StagedChangeSet, Step, StepKind
from holdfast.model.places import absolute
from holdfast.model.target import Target
from holdfast.model.transaction import KEPT_NAME, Transaction


def sweep(staged: StagedChangeSet, tx: Transaction, target: Target) -> tuple[str, ...]:
    """Empty ``old/``. Call it after the lock was given back, before the transaction directory goes.

    Returns:
        Paths (where they belong in the target) that could not be deleted, or may not and lie in ``kept/`` now.
    """
    left: list[str] = []
    try:
        with Rooms.of(tx.directories) as rooms, Doors(target.scheme) as doors:
            for step in staged.changes.steps:
                if step.kind is not StepKind.PLACE:
                    _Sweep(step, staged.changes.listed.get(step.n, frozenset()), target, left).run(doors, rooms)
    except FileNotFoundError:
        return ()  # somebody took us for dead after the change was in force, and sweeps for us
    except OSError as error:
        left.append(f"{error.filename}: {error.strerror}")
    except RecursionError:
        left.append(f"{tx.directories[0].path}: something in it is nested too deeply")
    return tuple(left)


class _Sweep:
    def __init__(self, step: Step, listed: frozenset[str], target: Target, left: list[str]) -> None:
        self._step = step
        self._listed = listed
        self._path = absolute(target.scheme, step.place)
        self._left = left

    def run(self, doors: Doors, rooms: Rooms) -> None:
        room, n = rooms.of_place(self._step.place).old, str(self._step.n)
        try:
            status = disk.lstat(n, dir_fd=room)
        except FileNotFoundError:
            return
        if not modes.S_ISDIR(status.st_mode):
            self._delete(n, room, self._path)
            return
        foreign = self._empty(n, room, "")
        stuck = [below for below in foreign if not self._put_back(below, n, room, doors)]
        if stuck:
            self._keep(n, rooms.of_place(self._step.place))
        elif foreign:
            with suppress(OSError):
                disk.remove_empty(n, dir_fd=room)

    def _empty(self, name: str, dir_fd: int, below: str) -> list[str]:
        """Delete what may be deleted in a directory, and it if it is empty then; returns what is foreign."""
        foreign = []
        try:
            fd = disk.open_dir(name, dir_fd=dir_fd)
        except OSError as error:
            self._left.append(f"{self._path}/{below}: {error.strerror}")
            return []
        try:
            for entry in disk.scandir(fd):
                path = f"{below}/{entry.name}" if below else entry.name
                if entry.is_dir(follow_symlinks=False):
                    foreign += self._empty(entry.name, fd, path)
                elif path in self._listed or is_bytecode(f"/{self._path}/{below}", entry.name):
                    self._delete(entry.name, fd, f"{self._path}/{path}")
                else:
                    foreign.append(path)
            empty = not disk.listdir(fd)
        finally:
            disk.close(fd)
        if empty:
            with suppress(OSError):  # who removes the transaction directory tries again, and says so
                disk.rmdir(name, dir_fd=dir_fd)
        return foreign

    def _delete(self, name: str, dir_fd: int, path: str) -> None:
        try:
            disk.unlink(name, dir_fd=dir_fd)
        except FileNotFoundError:
            return
        except OSError as error:
            self._left.append(f"{path}: {error.strerror}")

    def _put_back(self, below: str, n: str, room: int, doors: Doors) -> bool:
        """Give a foreign file its place again, in a directory made for it if need be; False: it stays where it is."""
        source: list[int] = []
        destination: list[int] = []
        try:
            parent, name = doors.parent(self._step.place)
            *directories, last = below.split("/")
            _down(source, room, [n, *directories])
            _down(destination, parent, [name, *directories], like=source)
            disk.rename_exclusive(last, last, src_dir_fd=source[-1], dst_dir_fd=destination[-1])
        except OSError as error:
            self._left.append(f"{self._path}/{below}: {error.strerror}")
            return False
        finally:
            for fd in (*source, *destination):
                disk.close(fd)
        return True

    def _keep(self, n: str, room: Room) -> None:
        """Set aside what nobody may delete; everything else in the transaction directory goes."""
        make(KEPT_NAME, room.own)
        # DISK: foreign files in old/<n>, their places taken by others
        disk.rename(n, f"{KEPT_NAME}/{n}", src_dir_fd=room.old, dst_dir_fd=room.own)


def _down(opened: list[int], start: int, names: list[str], like: list[int] | None = None) -> None:
    """Open directory after directory; with ``like``, make those that are missing with the rights of their model."""
    fd = start
    for at, name in enumerate(names):
        if like is not None:
            make(name, fd, like=disk.fstat(like[at]))
        fd = disk.open_dir(name, dir_fd=fd)
        opened.append(fd)
