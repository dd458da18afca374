"""What lies at a lock's place, seen without trusting it, and what can be said of whoever put it there.

**Guarantees**: opens as design section 3 says (never follows, never waits, at most RECORD_LIMIT bytes, a regular file).
Everything that is shown of a record is escaped and cut.

**On crash**: changes nothing.

**Limits**: of an owner on another boot, or in another pid namespace where his flock does not tell, `Verdict.UNKNOWN` is
said: his lease decides (``lease``).
"""

from __future__ import annotations

import errno
import os
import stat
import time
from dataclasses import dataclass

from holdfast import disk
from holdfast.model.owner import RECORD_LIMIT, OwnerRecord, Verdict, judge, rings_here
from holdfast.model.transaction import LOCK_NAME, TRANSACTION_PREFIX, is_transaction_name

_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """Nobody has the lock. ``empty``: a directory without an owner lies there, which a rename replaces."""

    empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Somebody has it, by a record that can be read."""

    path: str
    record: OwnerRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Something lies there that is not understood or may not be read: as good as a live owner.

    Attributes:
        path: Of it.
        uid: Whose it is; None: not even that can be seen.
        why: What is the matter with it.
    """

    path: str
    uid: int | None
    why: str


LockSight = Free | Held | Unreadable


def look(parent: str) -> LockSight:
    """Look at the lock of one library directory."""
    path = os.path.join(parent, LOCK_NAME)
    try:
        fd = disk.open_dir(path)
    except FileNotFoundError:
        return Free()
    except OSError as error:
        return Unreadable(path=path, uid=_uid_of(path), why=_reason(error, "it is not a directory"))
    try:
        uid = disk.fstat(fd).st_uid
        names = disk.listdir(fd)
        if not names:
            return Free(empty=True)
        if len(names) > 1 or not is_transaction_name(TRANSACTION_PREFIX + names[0]):
            return Unreadable(path=path, uid=uid, why="it does not hold exactly one owner's record")
        return _read(path, names[0], fd, uid)
    except OSError as error:
        return Unreadable(path=path, uid=None, why=_reason(error))
    finally:
        disk.close(fd)


def _read(path: str, name: str, fd: int, uid: int) -> LockSight:
    file = os.path.join(path, name)
    try:
        data = disk.read_regular(name, limit=RECORD_LIMIT, dir_fd=fd)
    except FileNotFoundError:  # given back or broken since it was listed
        return Free(empty=True)
    except OSError as error:
        return Unreadable(path=file, uid=uid, why=_reason(error, "the owner's record is not a regular file"))
    record = OwnerRecord.from_bytes(data)
    if record is None or record.id != name:
        return Unreadable(path=file, uid=uid, why="the owner's record makes no sense")
    return Held(path=path, record=record)


def verdict(sight: Held) -> Verdict:
    """What can be said of an owner from here, now."""
    record = sight.record
    boot, namespace = disk.boot_id(), disk.pid_namespace()
    if rings_here(record, boot=boot, pid_namespace=namespace):
        return Verdict.DEAD if _is_free(os.path.join(sight.path, record.id)) else Verdict.UNKNOWN
    return judge(record, boot=boot, pid_namespace=namespace, sight=disk.sight(record.pid))


def _is_free(path: str) -> bool:
    """Whether nobody has flocked a record, on a file system where that says something. Busy never proves life."""
    if not disk.filesystem(path).locks_are_here:
        return False
    try:
        fd = disk.open_regular(path)
    except OSError:
        return False
    try:
        return disk.try_flock(fd)
    except OSError:
        return False
    finally:
        disk.close(fd)


def describe(sight: Held | Unreadable) -> str:
    """Who holds it, for people: one line, escaped."""
    if isinstance(sight, Unreadable):
        owner = "an unknown user" if sight.uid is None else f"uid {sight.uid}"
        return f"something of {owner} ({sight.why})"
    return describe_owner(sight.record)


def describe_owner(record: OwnerRecord) -> str:
    """Who that is, for people: one line, escaped."""
    parts = [f"process {record.pid}"]
    if record.user or record.uid:
        parts.append(f"of {printable(record.user) or record.uid}")
    if record.host:
        parts.append(f"on {printable(record.host)}")
    if record.command:
        parts.append(f"(holdfast {printable(record.command)})")
    age = time.time() - record.since
    if 0 <= age < 1e9:  # noqa: PLR2004 - a clock that is off by 30 years is wrong
        parts.append(f"for {age:.0f} s" if age >= 1 else "for less than a second")
    return " ".join(parts)


def printable(text: str) -> str:
    """Text of somebody else's, escaped and cut so that it can go to a terminal."""
    shown = "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text[: _SHOWN + 1]
    )
    return shown if len(text) <= _SHOWN else shown[:_SHOWN] + "..."


def _uid_of(path: str) -> int | None:
    try:
        return disk.lstat(path).st_uid
    except OSError:
        return None


def _reason(error: OSError, otherwise: str = "") -> str:
    if otherwise and (error.errno in {errno.ENOTDIR, errno.ELOOP} or isinstance(error, disk.NotRegularError)):
        return otherwise
    return error.strerror or str(error)


def is_sticky_for_others(directory: str, uid: int | None) -> bool:
    """Whether a sticky directory keeps this process from removing what belongs to ``uid``."""
    status = disk.stat(directory)
    mine = os.geteuid()
    return bool(status.st_mode & stat.S_ISVTX) and mine not in {0, status.st_uid, uid}
