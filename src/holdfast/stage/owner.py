"""Who owns a transaction directory or work area: this process, as a record; others, judged by theirs.

**Guarantees**: an id is never used twice. A record is read safely: at most RECORD_LIMIT bytes, nothing followed,
nothing waited for.

**On crash**: the record stays, and names a process that is gone.

**Limits**: only processes of the same boot and pid namespace can be judged; of others `Verdict.UNKNOWN` is said.
"""

from __future__ import annotations

import os
import time

from holdfast import disk
from holdfast.model.owner import RECORD_LIMIT, LockMode, OwnerRecord, ProcessSight, Verdict, judge

OWNER_NAME = "owner"
"""The record's file in a transaction directory and in a work area."""


def new_id() -> str:
    """32 lower-case hexadecimal digits that nobody had before."""
    return os.urandom(16).hex()


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
    seen = disk.sight(record.pid)
    return judge(
        record,
        boot=disk.boot_id(),
        pid_namespace=disk.pid_namespace(),
        sight=ProcessSight(exists=seen.exists, state=seen.state, started=seen.started),
    )


def touch_owner(directory: str) -> None:
    """Say that the owner still works: for those who cannot see the process. At most once a minute, please."""
    try:
        disk.utime(os.path.join(directory, OWNER_NAME))
    except OSError:  # a missed beat is no failure
        return


def _user_name(uid: int) -> str:
    try:
        import pwd  # noqa: PLC0415 - may ask a directory service; only who owns something needs it

        return pwd.getpwuid(uid).pw_name
    except (KeyError, ImportError):
        return str(uid)
