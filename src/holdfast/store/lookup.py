"""Finds wheels in the store by name and version, for a repair: no index needs to be asked for them.

**Guarantees**: what is handed out was read whole and hashed just now, whatever its times say: what is to be restored
may share its damaged file with the store. A damaged entry is removed, or not used any more where it may not be.

**On crash**: as ``store.wheels``.

**Limits**: all manifests are opened, to read how they begin. Wheels that ``--allow-bad-record`` let in are left out.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator

from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast import disk
from holdfast.model.hashes import record_text
from holdfast.model.stored import StoredWheel
from holdfast.store import keys, sweep
from holdfast.store.wheels import WheelStore

_HEAD = 2048
_CHUNK = 1 << 20


def stored_wheels(store: WheelStore, name: NormalizedName, version: Version) -> Iterator[StoredWheel]:
    """Every wheel of a version, for whichever interpreter, that is as it was when it was added."""
    wanted = f'"name":{json.dumps(name)},"version":{json.dumps(str(version))},'.encode()
    for root in store.roots():
        for entry in _entries(os.path.join(root, keys.WHEELS)):
            if wanted in _head(entry):
                found = store.get(os.path.basename(entry))
                if found is not None and _is_sound(found, store):
                    yield found


def _entries(versioned: str) -> Iterator[str]:
    for shard in _names(versioned):
        if not shard.startswith("."):
            names = _names(os.path.join(versioned, shard))
            yield from (os.path.join(versioned, shard, name) for name in names if "-" not in name)


def _names(directory: str) -> list[str]:
    try:
        return sorted(disk.listdir(directory))
    except OSError:
        return []


def _head(entry: str) -> bytes:
    try:
        return disk.read_regular(os.path.join(entry, keys.MANIFEST), limit=_HEAD)
    except OSError:
        return b""


def _is_sound(found: StoredWheel, store: WheelStore) -> bool:
    entry = os.path.dirname(found.tree)
    judged = sweep.identity(entry)
    try:
        fd = disk.open_dir(found.tree)
        try:
            if all(_digest(file.member, fd) == file.digest for file in found.manifest.files):
                return True
        finally:
            disk.close(fd)
    except OSError:
        pass
    store.reject(entry, judged)
    return False


def _digest(member: str, tree: int) -> str:
    digest = hashlib.sha256()
    fd = disk.open_regular(member, dir_fd=tree)
    try:
        while chunk := disk.read(fd, _CHUNK):
            digest.update(chunk)
    finally:
        disk.close(fd)
    return record_text(digest.digest())
