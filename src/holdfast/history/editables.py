"""The few files of an editable installation that leaves, kept in the history: no index and no store has them.

**Guarantees**: only reads, and only regular files. What is kept is laid out as in a wheel (PEP 427), so that it can
come back as any other distribution does.

**On crash**: changes nothing.

**Limits**: nothing is kept of an installation with more than `LIMIT` bytes, or with files outside of the packages'
directory, scripts and data: it cannot be taken back then. What the files lead to, the project's sources, is not kept.
"""

from __future__ import annotations

import configparser
import os

from holdfast import disk
from holdfast.model.installed import InstalledDistribution
from holdfast.model.target import Scheme

LIMIT = 256 * 1024
_WRITTEN_BY_INSTALLERS = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "RECORD"})

Files = tuple[tuple[str, bytes], ...]


def keep(old: InstalledDistribution, scheme: Scheme) -> Files:
    """The files of an editable installation, as members of a wheel; empty: it cannot be kept.

    Args:
        old: With its RECORD.
        scheme: Of the target.
    """
    found: dict[str, bytes] = {}
    left = LIMIT
    made = _made_by_entry_points(old)
    for entry in old.record or ():
        path = os.path.normpath(os.path.join(old.location, entry.path))
        if entry.path.endswith(".pyc") or (os.path.dirname(path) == scheme.scripts and os.path.basename(path) in made):
            continue
        if os.path.dirname(path) == _info(old) and os.path.basename(path) in _WRITTEN_BY_INSTALLERS:
            continue
        member = _member(path, old, scheme)
        try:
            content = disk.read_regular(path, limit=left + 1)
        except OSError:
            return ()
        left -= len(content)
        if member is None or left < 0:
            return ()
        found[member] = content
    return tuple(sorted(found.items()))


def _info(old: InstalledDistribution) -> str:
    return os.path.join(old.location, old.info_name)


def _member(path: str, old: InstalledDistribution, scheme: Scheme) -> str | None:
    """Where a file stands in a wheel; None: nowhere."""
    data = f"{old.info_name.removesuffix('.dist-info')}.data"
    for directory, prefix in ((old.location, ""), (scheme.scripts, f"{data}/scripts/"), (scheme.data, f"{data}/data/")):
        below = path.removeprefix(f"{directory}/")
        if below != path:
            return f"{prefix}{below}"
    return None


def _made_by_entry_points(old: InstalledDistribution) -> frozenset[str]:
    """The scripts that come from entry points, and come back with them."""
    parser = configparser.ConfigParser(delimiters=("=",), strict=False, interpolation=None, default_section="")
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as the module's documentation has it
    try:
        parser.read_string(disk.read_regular(os.path.join(_info(old), "entry_points.txt"), limit=LIMIT).decode())
        groups = [group for group in ("console_scripts", "gui_scripts") if parser.has_section(group)]
        return frozenset(name for group in groups for name in parser.options(group))
    except (OSError, ValueError, configparser.Error):
        return frozenset()
