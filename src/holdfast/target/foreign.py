"""Finds the files that no RECORD lists, in the directories that belong to distributions (``check --files``).

**Guarantees**: only reads. A distribution's own directories are the packages and dist-info that its RECORD lists files
in; the library directory itself belongs to nobody, and what lies beside the packages there is not looked at.

**On crash**: changes nothing.

**Limits**: bytecode in ``__pycache__`` is nobody's work and not reported. Directories that are symlinks are not
entered. What lies outside of the library (scripts, data, headers) is shared with everybody, and not looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from holdfast.model.installed import InstalledDistribution
from holdfast.target.integrity import FaultKind, FileFault, fault, listed_files

CACHE = "__pycache__"
_OF_INSTALLERS = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "RECORD.jws", "RECORD.p7s"})
"""What the standard puts into a dist-info: its own also where the RECORD forgot to list it."""


def foreign_files(distributions: Sequence[InstalledDistribution]) -> tuple[FileFault, ...]:
    """Look for them.

    Args:
        distributions: All of the target's own, with their RECORDs; a file of one is not foreign to another.

    Returns:
        Each with the distribution in whose directory it lies; of several, the first that has files nearest to it.
    """
    listed: set[str] = set()
    owners: dict[str, InstalledDistribution] = {}
    tops: dict[str, None] = {}
    for each in distributions:
        base = each.location + os.sep
        for path, _ in listed_files(each):
            listed.add(path)
            directory = os.path.dirname(path)
            while directory.startswith(base) and directory not in owners:
                owners[directory] = each
                directory = os.path.dirname(directory)
        own = os.path.join(each.location, each.info_name)
        listed.update(os.path.join(own, name) for name in _OF_INSTALLERS)
    for directory, each in owners.items():
        if os.path.dirname(directory) == each.location and os.path.basename(directory) != CACHE:
            tops[directory] = None
    return tuple(
        fault(_owner(path, owners), path, FaultKind.FOREIGN)
        for top in tops
        for path in _files(top)
        if path not in listed
    )


def _owner(path: str, owners: dict[str, InstalledDistribution]) -> InstalledDistribution:
    directory = os.path.dirname(path)
    while directory not in owners:
        directory = os.path.dirname(directory)
    return owners[directory]


def _files(directory: str) -> Iterator[str]:
    """Everything below a directory but bytecode and directories, in order."""
    try:
        with os.scandir(directory) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError:  # gone, a file by now, or not for us to see
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        elif not (entry.name.endswith(".pyc") and os.path.basename(directory) == CACHE):
            yield entry.path
