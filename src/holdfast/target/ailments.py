"""Finds what pip and uv leave when they are stopped: broken dist-infos, second ones, and pip's ``~`` directories.

pip renames what it uninstalls to ``~`` and the rest of the name, beside it, and removes that at the end (its
``AdjacentTempDirectory``); uv removes and writes file by file, RECORD last of all.

**Guarantees**: only reads. A ``~`` directory counts as pip's only if it is a dist-info, or is named as pip would name
the top-level directory of a distribution that is installed or was on its way out: others are told apart.

**On crash**: changes nothing.

**Limits**: only entries of the library directories themselves are looked at; ``~`` directories deeper down, in a
namespace package, are foreign files to ``check --files``. What another installer than pip, uv and holdfast installed
without RECORD (the operating system's packages) is as it should be.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from holdfast.errors import IntegrityError
from holdfast.model.ailments import Ailment, AilmentKind
from holdfast.model.installed import InstalledDistribution, InstalledState, RecordEntry
from holdfast.model.metadata import Metadata
from holdfast.model.target import Target
from holdfast.target.infos import VanishedError, read_info, read_limited
from holdfast.target.records import read_record

_INFO = ".dist-info"
_FROM_WHEELS = frozenset({"", "pip", "uv", "holdfast", "poetry", "pdm"})
"""Installers that write a RECORD; none is said before they came so far."""
_PIP_FILLS = frozenset("-~.=%0123456789")
_ENTRY_POINTS_LIMIT = 1 << 20
_NOTHING = "RECORD"
"""A name below a directory without files, so that a plan that takes the directory away looks into it."""


def find_ailments(target: Target, state: InstalledState) -> tuple[Ailment, ...]:
    """Look at every entry of the library directories.

    Args:
        target: Its directories.
        state: What is installed, with every RECORD.
    """
    own = [each for each in (*state, *state.duplicates) if each.owned]
    found = [*_duplicates(state), *(each for one in own if (each := _unrecorded(one) or _unfinished(one)))]
    libraries = target.library_directories
    for broken in state.broken:
        location, name = os.path.split(broken.path)
        if location in libraries and not name.startswith("~"):
            found.append(_broken(location, name))
    for library in libraries:
        found += _leftovers(library, {_top(entry) for each in own for entry in each.record or ()})
    return tuple(found)


def all_files(location: str, name: str) -> tuple[RecordEntry, ...]:
    """A line for every file in an entry of a library directory, as a RECORD of it would list them."""
    lines = []
    for parent, directories, files in os.walk(os.path.join(location, name)):
        base = os.path.relpath(parent, location)
        links = [each for each in directories if os.path.islink(os.path.join(parent, each))]
        lines += [RecordEntry(path=f"{base}/{each}") for each in (*files, *links, *([] if files else [_NOTHING]))]
    return tuple(lines)


def _duplicates(state: InstalledState) -> Iterator[Ailment]:
    for each in state.duplicates:
        first = state.get(each.name)
        if each.owned and first is not None and first.owned:
            path = os.path.join(each.location, each.info_name)
            yield Ailment(kind=AilmentKind.DUPLICATE, path=path, distribution=each)


def _unrecorded(each: InstalledDistribution) -> Ailment | None:
    words = each.installer.lower().split()
    if each.record is not None or not each.info_name.endswith(_INFO) or (words and words[0] not in _FROM_WHEELS):
        return None
    path = os.path.join(each.location, each.info_name)
    return Ailment(kind=AilmentKind.NO_RECORD, path=path, distribution=each)


def _unfinished(each: InstalledDistribution) -> Ailment | None:
    """RECORD comes with the wheel, and uv and pip replace it in the end: scripts are in it only then."""
    path = os.path.join(each.location, each.info_name)
    if each.installer or each.record is None or not each.info_name.endswith(_INFO):
        return None
    listed = {entry.path.rpartition("/")[2] for entry in each.record if entry.path.startswith(("/", ".."))}
    if listed.issuperset(_script_names(os.path.join(path, "entry_points.txt"))):
        return None
    return Ailment(kind=AilmentKind.UNFINISHED, path=path, distribution=each)


def _script_names(path: str) -> set[str]:
    try:
        text = read_limited(path, _ENTRY_POINTS_LIMIT).decode("utf-8", "replace")
    except OSError:
        return set()
    names, inside = set(), False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            inside = line in {"[console_scripts]", "[gui_scripts]"}
        elif inside and "=" in line and not line.startswith(("#", ";")):
            names.add(line.partition("=")[0].strip())
    return names


def _broken(location: str, name: str) -> Ailment:
    """What cannot be read as a distribution: its name has to do."""
    path = os.path.join(location, name)
    called = _named(name)
    if called is None or os.path.islink(path) or not os.path.isdir(path):
        return Ailment(kind=AilmentKind.UNKNOWN, path=path)
    empty = not any(files for _, _, files in os.walk(path))
    return Ailment(
        kind=AilmentKind.EMPTY if empty else AilmentKind.NO_METADATA,
        path=path,
        distribution=_with_record(_distribution(location, name, *called)),
    )


def _named(info_name: str) -> tuple[str, Version] | None:
    """Project and version, as the name of a dist-info has them."""
    if not info_name.endswith(_INFO):
        return None
    project, _, version = info_name.removesuffix(_INFO).rpartition("-")
    try:
        return (project, Version(version)) if project else None
    except InvalidVersion:
        return None


def _distribution(location: str, info_name: str, project: str, version: Version) -> InstalledDistribution:
    metadata = Metadata(name=canonicalize_name(project), display_name=project, version=version)
    requested = os.path.lexists(os.path.join(location, info_name, "REQUESTED"))
    return InstalledDistribution(
        metadata=metadata, location=location, info_name=info_name, record=None, record_digest="", requested=requested
    )


def _with_record(found: InstalledDistribution) -> InstalledDistribution:
    try:
        record, digest = read_record(found)
    except IntegrityError:
        return found
    return replace(found, record=record, record_digest=digest)


def _leftovers(library: str, known: set[str]) -> Iterator[Ailment]:
    try:
        names = sorted(name for name in os.listdir(library) if name.startswith("~"))
    except OSError:
        return
    stashes = {name: _stashed(library, name) for name in names if name.endswith((_INFO, ".egg-info"))}
    tops = known.union(*({_top(entry) for entry in each.record or ()} for each in stashes.values() if each))
    projects = {name.removesuffix(_INFO).rpartition("-")[0] for name in stashes}
    for name in names:
        path = os.path.join(library, name)
        pips = name in stashes or name in projects or _is_named_by_pip(name, tops)
        if not pips or os.path.islink(path) or not os.path.isdir(path):
            yield Ailment(kind=AilmentKind.UNKNOWN, path=path)
            continue
        stashed, files = stashes.get(name), all_files(library, name)
        whole = stashed is not None and stashed.record is not None
        yield Ailment(
            kind=AilmentKind.LEFTOVER,
            path=path,
            distribution=InstalledDistribution(
                metadata=Metadata(name=_project(name), display_name=name, version=Version("0")),
                location=library,
                info_name=name,
                record=files,
                record_digest=_record_digest(path),
            ),
            stashed=replace(stashed, record=(*(stashed.record or ()), *files)) if stashed and whole else None,
        )


def _project(name: str) -> NormalizedName:
    """What a commit takes for the project of a dist-info of this name."""
    stem = name.removesuffix(_INFO).rpartition("-")[0] if name.endswith(_INFO) else name
    return canonicalize_name(stem)


def _stashed(library: str, name: str) -> InstalledDistribution | None:
    """The distribution whose dist-info pip has renamed, if METADATA and RECORD are there still."""
    path = os.path.join(library, name)
    if not name.endswith(_INFO) or not os.path.isfile(os.path.join(path, "METADATA")):
        return None
    try:
        found = read_info(library, name, owned=True, stashed=True)
    except VanishedError:
        return None
    return _with_record(found) if isinstance(found, InstalledDistribution) else None


def _record_digest(path: str) -> str:
    try:
        with open(os.path.join(path, "RECORD"), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return ""


def _top(entry: RecordEntry) -> str:
    """The first component of a path in the library; empty for one outside."""
    top, slash, _ = entry.path.partition("/")
    return top if slash and top not in {"", ".", "..", "__pycache__"} else ""


def _is_named_by_pip(name: str, tops: Iterable[str]) -> bool:
    """Whether pip would rename one of these to this: ``~``, fillers, and the end of the name."""
    for top in tops:
        if not top or not (len(name) == len(top) or name.endswith(top)):
            continue
        for kept in range(1, len(top) + 1):
            fill = name[1 : len(name) - kept]
            fits = len(name) == len(top) or kept == len(top)
            if fits and name[len(name) - kept :] == top[-kept:] and _PIP_FILLS.issuperset(fill):
                return True
    return False
