"""Notes what was done to an environment: one JSON line per transaction, in the user's own state directory.

**Guarantees**: nothing is kept in an environment. Nothing here ever fails a command: without a home, or where the state
directory may not be written, there is no history. Files are the user's alone.

**On crash**: a line that was cut off is not a line; the next one begins on a line of its own.

**Limits**: each user has his own history. An environment is told by its real path and the inode of its directory, so
one that is made anew at the same path has a new history, unless the inode is reused.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import socket
import stat
import time
from collections.abc import Iterator, Mapping
from typing import Any, assert_never

from holdfast import disk
from holdfast.model.outcome import InstallReport
from holdfast.model.plan import Action, Install, Reinstall, Remove, Replace, project_of
from holdfast.model.target import Target

FORMAT = 1
_PATIENCE = 1.0
_LIMIT = 64 * 1024 * 1024


def record(report: InstallReport, *, command: str, exit_code: int = 0) -> None:
    """Note one transaction; does nothing for one that changed nothing.

    Args:
        report: Of the finished command.
        command: Subcommand and requirement names; no credentials.
        exit_code: Of the command.
    """
    if report.committed is None:
        return
    path = history_path(report.target)
    if path is None:
        return
    line = {
        "format": FORMAT,
        "when": time.time(),
        "who": _user(),
        "host": socket.gethostname(),
        "environment": report.target.root,
        "command": command,
        "exit": exit_code,
        "changes": [{"project": project_of(action), **_versions(action)} for action in report.actions],
    }
    try:
        _append(path, json.dumps(line).encode())
    except OSError:
        return  # a history is a service, not a condition


def read(target: Target) -> Iterator[Mapping[str, Any]]:
    """The transactions of an environment, oldest first; lines that cannot be read are left out."""
    path = history_path(target)
    try:
        data = disk.read_regular(path, limit=_LIMIT) if path else b""
    except OSError:
        return
    for line in data.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("format") == FORMAT:
            yield entry


def history_path(target: Target) -> str | None:
    """The file of an environment; None where there is no home to keep it in, or no environment yet."""
    if not _has_home():
        return None
    from platformdirs import user_state_dir  # noqa: PLC0415 - only after a change

    try:
        root = disk.realpath(target.root)
        key = f"{root}\0{disk.stat(root).st_ino}"
    except OSError:
        return None
    name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return os.path.join(user_state_dir("holdfast"), "history-v1", f"{name}.jsonl")


def _has_home() -> bool:
    """Whether there is one, and our own: root with a user's HOME (sudo) must leave nothing of root's in it."""
    try:
        return os.stat(os.environ.get("HOME", "")).st_uid == os.geteuid()
    except OSError:
        return bool(os.environ.get("XDG_STATE_HOME"))


def _append(path: str, line: bytes) -> None:
    """One write at the end."""
    disk.make_parents(os.path.dirname(path), lambda directory: disk.mkdir(directory, 0o700))
    try:
        fd = disk.open_for_writing(path)
    except FileNotFoundError:
        fd = _made(path)
    try:
        if not _is_ours(disk.fstat(fd)):
            return
        _wait_for_turn(fd)
        disk.pwrite(fd, b"\n" + line + b"\n", disk.fstat(fd).st_size)
    finally:
        disk.close(fd)


def _is_ours(status: os.stat_result) -> bool:
    """A file of our own that has one name: neither a pipe nor what somebody put there."""
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink == 1


def _made(path: str) -> int:
    try:
        return disk.open_new(path, read=True)
    except FileExistsError:  # by another one meanwhile
        return disk.open_for_writing(path)


def _wait_for_turn(fd: int) -> None:
    """Two that end at once must not write at the same place; where there is no flock, or after a while, go on."""
    deadline = time.monotonic() + _PATIENCE
    try:
        while not disk.try_flock(fd) and time.monotonic() < deadline:
            time.sleep(0.005)
    except OSError:
        return


def _versions(action: Action) -> dict[str, str | None]:
    match action:
        case Install(pin=pin):
            return {"before": None, "after": str(pin.version)}
        case Replace(pin=pin, old=old) | Reinstall(pin=pin, old=old):
            return {"before": str(old.version), "after": str(pin.version)}
        case Remove(old=old):
            return {"before": str(old.version), "after": None}
        case _:
            assert_never(action)


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
