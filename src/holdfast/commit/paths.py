"""Where the files of distributions lie: from the paths in RECORDs and schemes to one absolute name for each place.

Pure. A RECORD is written by strangers: its paths may be absolute, climb with ``..`` or pass through symlinks. Here they
get their real name; what lies outside of the target's scheme stays visible as such and is never touched.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from holdfast.model.changes import EntryKind, Survey
from holdfast.model.composed import PlacedFile
from holdfast.model.installed import InstalledDistribution, RecordEntry
from holdfast.model.interpreters import names_an_interpreter
from holdfast.model.places import place_of
from holdfast.model.target import Scheme, Target

_INFO_FILES = ("RECORD", "INSTALLER", "REQUESTED", "METADATA", "WHEEL", "direct_url.json", "RECORD.jws", "RECORD.p7s")
"""What the standard puts into a dist-info: of the distribution even where its RECORD forgot to list it."""


_BYTECODE = re.compile(r".*\.pyc(\.\d+)?")
"""Cached bytecode, and the name under which the import system writes it before its rename."""


def source_of(bytecode: str) -> str:
    """The source whose cached bytecode a path is, or would be."""
    cached, _, name = bytecode.rpartition("/")
    return f"{cached.rpartition('/')[0]}/{name.partition('.')[0]}.py"


def is_bytecode(directory: str, name: str) -> bool:
    """Whether a file in a directory is cached bytecode."""
    return directory.rpartition("/")[2] == "__pycache__" and _BYTECODE.fullmatch(name) is not None


def recorded(distribution: InstalledDistribution) -> Iterator[tuple[str, RecordEntry]]:
    """Absolute path and RECORD line of every file of an installed distribution, symlinks not resolved."""
    base = distribution.location
    for entry in distribution.record or ():
        path = entry.path
        plain = not path.startswith(("/", "./")) and "//" not in path and "/." not in path and not path.startswith("..")
        yield (f"{base}/{path}" if plain else posixpath.normpath(posixpath.join(base, path))), entry
    if distribution.record is not None:
        for name in _INFO_FILES:
            path = f"{distribution.info_name}/{name}"
            yield f"{base}/{path}", RecordEntry(path=path)


def placed(scheme: Scheme, file: PlacedFile) -> str:
    """Absolute path of a file of the new state, symlinks not resolved."""
    return f"{scheme.directory(file.scheme)}/{file.path}"


def is_inside(scheme: Scheme, path: str) -> bool:
    """Whether a real path lies in one of the scheme's directories."""
    try:
        return bool(place_of(scheme, path).path)
    except ValueError:
        return False


def is_of_interpreter(target: Target, path: str) -> bool:
    """Whether a real path is the interpreter's, which belongs to no distribution, whatever a RECORD says.

    That is the program, what makes the environment one, and the standard library.
    """
    parent, _, name = path.rpartition("/")
    if path in {target.interpreter.executable, f"{target.scheme.data}/pyvenv.cfg"}:
        return True
    if path.startswith(f"{target.interpreter.stdlib}/"):
        libraries = (target.scheme.purelib, target.scheme.platlib, *target.interpreter.site_packages)
        return not any(path.startswith(f"{each}/") for each in libraries)
    return parent == target.scheme.scripts and names_an_interpreter(name)


class Names:
    """Real names of places, as far as the survey saw them.

    Args:
        survey: Knows the symlinked directories.
    """

    def __init__(self, survey: Survey) -> None:
        self._directories = survey.directories
        self._links = survey.links

    def real(self, path: str) -> str:
        """The one name of a path: symlinks in its parents resolved, itself not."""
        if not self._links:
            return path
        parent, _, name = path.rpartition("/")
        return f"{self._links.get(parent, parent)}/{name}"

    def kind(self, path: str) -> EntryKind | None:
        """What lies at a real path; None: nothing."""
        parent, _, name = path.rpartition("/")
        sight = self._directories.get(parent)
        return sight.entries.get(name) if sight else None
