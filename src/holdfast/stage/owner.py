"""Who owns a transaction directory or work area: this process, as a record; others, judged by theirs.

**Guarantees**: an id is never used twice. A record is read safely: at most RECORD_LIMIT bytes, nothing followed,
nothing waited for.

**On crash**: the record stays, and names a process that is gone.

**Limits**: of processes of another boot, or of another pid namespace where a flock does not tell, `Verdict.UNKNOWN` is
said.
"""

from __future__ import annotations

import os
import time
import zlib

from holdfast import disk
from holdfast.model.owner import RECORD_LIMIT, LockMode, OwnerRecord, Verdict, judge, rings_here

OWNER_NAME = "owner"
"""The record's file in a transaction directory and in a work area."""


def new_id() -> str:
    """32 lower-case hexadecimal digits that nobody had before.

    They name their process (boot and namespace, pid, start time: 8 digits each, then 8 random ones), so that a
    directory whose maker was killed before he could write his record is judged by its name.
    """
    pid = os.getpid()
    return f"{_here()}{pid:08x}{_short(disk.sight(pid).started or 0)}{os.urandom(4).hex()}"


def verdict_by_id(identifier: str) -> Verdict:
    """What can be said of whoever made an id of `new_id`, when he left no record."""
    here, pid, started = identifier[:8], int(identifier[8:16], 16), identifier[16:24]
    if here != _here() or here == "0" * 8:
        return Verdict.UNKNOWN
    seen = disk.sight(pid)
    if not seen.exists or seen.state in {"Z", "X", "x"}:
        return Verdict.DEAD
    if seen.started is None or started == _short(0):
        return Verdict.UNKNOWN
    return Verdict.ALIVE if started == _short(seen.started) else Verdict.DEAD


def _here() -> str:
    """This boot and pid namespace, as far as they are known, in 8 digits."""
    return _short(zlib.crc32(f"{disk.boot_id()}/{disk.pid_namespace()}".encode())) if disk.boot_id() else "0" * 8


def _short(number: int) -> str:
    return f"{number & 0xFFFFFFFF:08x}"


def this_process(identifier: str, *, mode: LockMode, command: str, schemes: tuple[str, ...] = ()) -> OwnerRecord:
    """The record of this process.

    Args:
        identifier: The transaction's id.
        mode: Its lock mode.
        command: Subcommand and requirement names; no URL credentials, no query.
        schemes: Scheme keys that have a sibling directory with this id.
    """
    pid = os.getpid()
    return OwnerRecord(
        id=identifier,
        pid=pid,
        pid_namespace=disk.pid_namespace(),
        boot=disk.boot_id(),
        started=disk.sight(pid).started or 0,
        uid=os.geteuid(),
        mode=mode,
        host=os.uname().nodename,
        user=_user_name(os.geteuid()),
        command=command,
        since=time.time(),
        schemes=schemes,
    )


def read_owner(directory_fd: int) -> OwnerRecord | None:
    """The owner's record in a directory; None: there is none, or nothing that can be trusted to be one."""
    try:
        return OwnerRecord.from_bytes(disk.read_regular(OWNER_NAME, limit=RECORD_LIMIT, dir_fd=directory_fd))
    except OSError:
        return None


def verdict(record: OwnerRecord) -> Verdict:
    """What can be said of an owner from here, now."""
    return judge(record, boot=disk.boot_id(), pid_namespace=disk.pid_namespace(), sight=disk.sight(record.pid))


def verdict_in(directory_fd: int, record: OwnerRecord) -> Verdict:
    """The same, by the flock of the record in a directory too, if its owner is hidden in another pid namespace."""
    judged = verdict(record)
    if not rings_here(record, boot=disk.boot_id(), pid_namespace=disk.pid_namespace()):
        return judged
    if not disk.filesystem(f"/proc/self/fd/{directory_fd}").locks_are_here:
        return judged
    try:
        fd = disk.open_regular(OWNER_NAME, dir_fd=directory_fd)
    except OSError:
        return judged
    try:
        return Verdict.DEAD if disk.try_flock(fd) else judged
    except OSError:
        return judged
    finally:
        disk.close(fd)


def touch_owner(directory: str) -> None:
    """Say that the owner still works: for those who cannot see the process. At most once a minute, please."""
    try:
        with disk.opened(directory) as fd:
            disk.utime(OWNER_NAME, dir_fd=fd)
    except OSError:  # a missed beat is no failure
        return


def _user_name(uid: int) -> str:
    try:
        import pwd  # noqa: PLC0415 - may ask a directory service; only who owns something needs it

        return pwd.getpwuid(uid).pw_name
    except (KeyError, ImportError):
        return str(uid)
