"""Where the history of an environment is kept: a file of the user's own, in his state directory.

**Guarantees**: nothing is written here.

**On crash**: changes nothing.

**Limits**: an environment is told by its real path, the inode of its directory and when that was made, so one that is
made anew at the same path has a new history. Where the file system does not tell when (some NFS, older tmpfs), an inode
that is used again gives it the old one.
"""

from __future__ import annotations

import hashlib
import os

from holdfast import disk
from holdfast.model.target import Target

DIRECTORY = "history-v1"


def history_path(target: Target) -> str | None:
    """The file of an environment; None where there is no home to keep it in, or no environment yet."""
    if why_homeless():
        return None
    try:
        root = disk.realpath(target.root)
        key = f"{root}\0{disk.stat(root).st_ino}\0{disk.born_ns(root)}"
    except OSError:
        return None
    name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return os.path.join(_state_directory(), DIRECTORY, f"{name}.jsonl")


def prepare() -> None:
    """Import what is needed later: once a commit has begun, holdfast may be replacing its own libraries."""
    if not why_homeless():
        disk.preload()
        _state_directory()


def _state_directory() -> str:
    from platformdirs import user_state_dir  # noqa: PLC0415 - only where something changes, or is asked for

    directory = user_state_dir("holdfast")
    # The XDG specification: a relative path in the variable is invalid and ignored.
    return directory if os.path.isabs(directory) else os.path.expanduser("~/.local/state/holdfast")


def why_homeless() -> str:
    """Why there is no place for a history; empty: there is one.

    A home must be our own: root with a user's HOME (sudo) must leave nothing of root's in it.
    """
    home = os.environ.get("HOME", "")
    try:
        owner = disk.stat(home).st_uid
    except OSError:
        if os.path.isabs(os.environ.get("XDG_STATE_HOME", "")):
            return ""
        return f"the home directory {home} is not there" if home else "there is no home directory (HOME is not set)"
    return "" if owner == os.geteuid() else f"the home directory {home} is another user's"
