"""Reads one installed distribution from its dist-info, egg-info or egg-link entry (PEP 376, 610, 627).

**Guarantees**: what cannot be read as a distribution comes back as a `BrokenDistribution` with the reason; only an
entry that vanished meanwhile raises, so that the caller lists again.

**On crash**: changes nothing.

**Limits**: Requires-Dist and Requires-Python lines that no standard allows (old packages have them) are left out, as
if they were not there. ``installed-files.txt`` of egg-info directories is not read: such a distribution has no RECORD.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Mapping

from holdfast.model.installed import BrokenDistribution, InstalledDistribution
from holdfast.model.metadata import METADATA_LIMIT, Metadata, parse_metadata
from holdfast.model.requirement import parse_requirement

SUFFIXES = (".dist-info", ".egg-info", ".egg-link")
_SMALL = 64 * 1024
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
UNREAD: tuple[()] = ()
"""``record`` of a distribution that has a RECORD which was not read yet; see `records.with_records`."""


class VanishedError(Exception):
    """The entry was there when the directory was listed and is gone: somebody changes the environment now."""


def is_info_name(name: str) -> bool:
    """Whether a directory entry is named like an installed distribution."""
    return name.endswith(SUFFIXES)


def read_info(
    location: str, name: str, *, owned: bool, stashed: bool = False
) -> InstalledDistribution | BrokenDistribution:
    """Read one entry of a library directory.

    Args:
        location: The library directory.
        name: The entry, for which `is_info_name` holds.
        owned: The directory is the target's own.
        stashed: Read also what pip has renamed to ``~...`` on its way out.

    Raises:
        VanishedError: The entry is not there any more.
    """
    path = os.path.join(location, name)
    if name.startswith("~") and not stashed:
        return BrokenDistribution(path=path, reason="left over from an interrupted pip")
    try:
        if name.endswith(".dist-info"):
            return _dist_info(location, name, owned=owned)
        if name.endswith(".egg-link"):
            return _egg_link(location, name, owned=owned)
        return _egg_info(location, name, owned=owned)
    except OSError as error:
        if _is_gone(error, path):
            raise VanishedError(path) from error
        return BrokenDistribution(path=path, reason=f"{error.filename or path}: {error.strerror}")
    except ValueError as error:
        return BrokenDistribution(path=path, reason=str(error))


def _is_gone(error: OSError, path: str) -> bool:
    """Whether the entry moved while it was read: it is not there, or was not for a moment (a name may come back)."""
    if not os.path.lexists(path):
        return True
    missing = str(error.filename) if isinstance(error, FileNotFoundError) else ""
    listed = missing == path or (path.endswith(".dist-info") and missing.startswith(path + os.sep))
    return listed and not os.path.islink(missing)


def _dist_info(location: str, name: str, *, owned: bool) -> InstalledDistribution:
    path = os.path.join(location, name)
    files = frozenset(os.listdir(path))
    if "METADATA" not in files:
        raise ValueError("it has no METADATA")
    direct_url = _direct_url(os.path.join(path, "direct_url.json")) if "direct_url.json" in files else None
    directory = direct_url.get("dir_info") if direct_url else None
    return InstalledDistribution(
        metadata=_metadata(os.path.join(path, "METADATA")),
        location=location,
        info_name=name,
        record=UNREAD if "RECORD" in files else None,
        record_digest="",
        installer=_first_line(os.path.join(path, "INSTALLER")) if "INSTALLER" in files else "",
        requested="REQUESTED" in files,
        direct_url=direct_url,
        editable=isinstance(directory, Mapping) and directory.get("editable") is True,
        owned=owned,
    )


def _egg_info(location: str, name: str, *, owned: bool) -> InstalledDistribution:
    """A directory with PKG-INFO, or (distutils) the file itself."""
    path = os.path.join(location, name)
    metadata = _metadata(os.path.join(path, "PKG-INFO") if os.path.isdir(path) else path)
    return InstalledDistribution(
        metadata=metadata, location=location, info_name=name, record=None, record_digest="", owned=owned
    )


def _egg_link(location: str, name: str, *, owned: bool) -> InstalledDistribution:
    """``setup.py develop``: the first line names the directory that has the egg-info."""
    source = os.path.join(location, _first_line(os.path.join(location, name)))
    infos = [entry for entry in sorted(os.listdir(source)) if entry.endswith(".egg-info")]
    stem = name.removesuffix(".egg-link").replace("-", "_").lower()
    own = [entry for entry in infos if entry.removesuffix(".egg-info").replace("-", "_").lower() == stem] or infos
    if not own:
        raise ValueError(f"{source}, which it names, has no egg-info")
    return InstalledDistribution(
        metadata=_metadata(os.path.join(source, own[0], "PKG-INFO")),
        location=location,
        info_name=name,
        record=None,
        record_digest="",
        editable=True,
        owned=owned,
    )


def _metadata(path: str) -> Metadata:
    data = read_limited(path, METADATA_LIMIT)
    try:
        return parse_metadata(data)
    except ValueError:
        return parse_metadata(_without_invalid(data))


def _without_invalid(data: bytes) -> bytes:
    """The headers without the requirements that cannot be parsed."""
    kept = []
    for line in data.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0].split(b"\n"):
        key, _, value = line.partition(b":")
        if key.lower() == b"requires-python":
            continue
        if key.lower() == b"requires-dist":
            try:
                parse_requirement(value.decode("utf-8").strip())
            except ValueError:
                continue
        kept.append(line)
    return b"\n".join(kept) + b"\n\n"


def _direct_url(path: str) -> Mapping[str, object] | None:
    """PEP 610; a file that is not what it should be is as good as none."""
    try:
        loaded = json.loads(read_limited(path, _SMALL))
    except (ValueError, RecursionError):
        return None
    return loaded if isinstance(loaded, dict) else None


def _first_line(path: str) -> str:
    lines = read_limited(path, _SMALL).decode("utf-8", "replace").splitlines()
    return lines[0].strip() if lines else ""


def _open_linked(path: str) -> int:
    """Follow a symlink that root or this user made, or whose maker has the file: else it leads root to secrets."""
    owner = os.lstat(path).st_uid
    fd = os.open(path, _FLAGS)
    try:
        if owner not in {0, os.geteuid()}:
            _refuse_anothers(path, owner, os.fstat(fd).st_uid)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _refuse_anothers(path: str, one: int, other: int) -> None:
    if one != other:
        raise PermissionError(errno.EACCES, f"It is a link of uid {one} to a file of uid {other}", path)


def read_limited(path: str, limit: int) -> bytes:
    """At most ``limit`` bytes of a regular file; a planted FIFO or device must not stop a reader.

    Raises:
        OSError: It cannot be read, is no regular file, or is none that whoever put it there could have read.
    """
    try:
        fd = os.open(path, _FLAGS | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        fd = _open_linked(path)
    with open(fd, "rb", buffering=0) as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", path)
        if status.st_nlink > 1 and not status.st_mode & stat.S_IROTH:
            _refuse_anothers(path, os.stat(os.path.dirname(path)).st_uid, status.st_uid)
        parts = []
        while limit > 0 and (part := file.read(limit)):
            parts.append(part)
            limit -= len(part)
        return b"".join(parts)
