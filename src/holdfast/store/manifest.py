"""The manifest of a store entry as bytes: JSON, one row of few words for each file, a digest of all the rest first.

JSON and not marshal or pickle: a cache may be shared, and what reads it must not be able to run or crash on it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from holdfast.model.stored import Manifest, ScriptEntryPoint, WheelFile
from holdfast.model.target import SchemeKey

FORMAT = 1

_SCHEMES = tuple(SchemeKey)
_EXECUTABLE = 1
_SHEBANG = 2
_HEAD = b'{"digest":"'
_REST = len(_HEAD) + 64 + len(b'",')


def to_bytes(manifest: Manifest) -> bytes:
    """Serialise. A file's row: member, scheme's number, path (0: as member), size, digest, flags, mtime in ns."""
    data = {
        "format": FORMAT,
        "sha256": manifest.sha256,
        "filename": manifest.filename,
        "name": manifest.name,
        "version": str(manifest.version),
        "info": manifest.info_name,
        "purelib": manifest.purelib,
        "metadata": manifest.metadata_sha256,
        "scripts": [[each.name, each.module, each.attribute, each.gui] for each in manifest.scripts],
        "files": [
            [
                file.member,
                _SCHEMES.index(file.scheme),
                0 if file.path == file.member else file.path,
                file.size,
                file.digest,
                _EXECUTABLE * file.executable + _SHEBANG * file.shebang,
                file.mtime_ns,
            ]
            for file in manifest.files
        ],
    }
    return with_digest(data)


def with_digest(data: Mapping[str, object]) -> bytes:
    """As JSON, and first in it the digest of all the rest."""
    body = json.dumps(data, separators=(",", ":")).encode()
    return b'%b%b",%b' % (_HEAD, hashlib.sha256(body).hexdigest().encode(), body[1:])


def from_bytes(data: bytes) -> Manifest | None:
    """Parse; None for anything that is not an untouched manifest of this format, or leads out of its tree."""
    digest = hashlib.sha256(b"{")
    digest.update(memoryview(data)[_REST:])
    if not data.startswith(b'%b%b",' % (_HEAD, digest.hexdigest().encode())):
        return None
    try:
        loaded: dict[str, Any] = json.loads(data)
        if loaded["format"] != FORMAT:
            return None
        if any(_climbs(row[0]) or (row[2] and _climbs(row[2])) for row in loaded["files"]):
            return None
        return Manifest(
            sha256=loaded["sha256"],
            filename=loaded["filename"],
            name=canonicalize_name(loaded["name"]),
            version=Version(loaded["version"]),
            info_name=loaded["info"],
            purelib=loaded["purelib"],
            files=tuple(
                WheelFile(
                    member=member,
                    scheme=_SCHEMES[scheme],
                    path=path or member,
                    size=size,
                    digest=digest,
                    executable=flags & _EXECUTABLE != 0,
                    mtime_ns=mtime,
                    shebang=flags & _SHEBANG != 0,
                )
                for member, scheme, path, size, digest, flags, mtime in loaded["files"]
            ),
            scripts=tuple(
                ScriptEntryPoint(name=name, module=module, attribute=attribute, gui=gui)
                for name, module, attribute, gui in loaded["scripts"]
            ),
            metadata_sha256=loaded["metadata"],
        )
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, InvalidVersion, RecursionError):
        return None


def _climbs(path: str) -> bool:
    return path.startswith("/") or (".." in path and ".." in path.split("/"))
