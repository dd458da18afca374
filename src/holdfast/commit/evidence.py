"""Whose is a project after an interrupted commit, and which files did we place? Read from dist-infos and RECORDs alone.

Design section 4: "Old's dist-info in place or in ``old/``, new's in ``new/`` or in place (by RECORD digest), no other
dist-info of that project: ours." Anything else: somebody changed it since, and nothing is restored.
An old dist-info without RECORD (what `repair` takes away) is in neither; it is ours while no other one is there.

**Guarantees**: only reads; every file is opened without following symlinks and without waiting. What is read is bounded
in all, since journal and RECORDs may be forged: what is beyond counts as not ours.

**On crash**: changes nothing.

**Limits**: a RECORD line without a hash (bytecode) counts by its path.
"""

from __future__ import annotations

import csv
import hashlib
import io
import posixpath
from collections.abc import Iterator

from holdfast import disk
from holdfast.commit.carry import PART
from holdfast.commit.journal import Journal
from holdfast.commit.recheck import RECORD_LIMIT, infos_by_project
from holdfast.commit.rooms import Rooms
from holdfast.model.changes import Place, ProjectChange, Step, StepKind
from holdfast.model.hashes import record_text
from holdfast.model.places import absolute
from holdfast.model.target import Target

_RECORD = "RECORD"
_CHUNK = 1 << 20
_BYTES, _LINES = 1 << 30, 1_000_000
"""Of RECORDs: how much is read for one journal, and how many files are known of old, new and others each."""
Listing = dict[str, str]
"""Absolute path -> sha256 as RECORD writes it; empty where it gives none."""


class Evidence:
    """What one journal's projects look like now.

    Attributes:
        ours: Projects that nobody else has touched since.
        placed: Every file of the new state, by absolute path.
        kept: Every file of the old state of the projects that are ours.
    """

    def __init__(self, journal: Journal, target: Target, rooms: Rooms) -> None:
        self._journal = journal
        self._target = target
        self._rooms = rooms
        self.placed: Listing = {}
        self.kept: set[str] = set()
        self._old: dict[str, Listing] = {}
        self._others: Listing | None = None
        self._unread = _BYTES
        self._steps: dict[str, list[Step]] = {}
        for step in journal.steps:
            self._steps.setdefault(absolute(target.scheme, step.place), []).append(step)
        infos = infos_by_project(target)
        digests: dict[str, set[str]] = {}
        verdicts: dict[str, bool] = {}
        named: dict[str, set[Place]] = {}
        for project in journal.projects:
            places = {each[0] for each in (project.old, project.new) if each}
            named.setdefault(project.name, set()).update(places)
            digests.setdefault(project.name, {""}).update(each[1] for each in (project.old, project.new) if each)
            verdicts[project.name] = self._found(project) and verdicts.get(project.name, True)
        self.ours = frozenset(
            name
            for name, whole in verdicts.items()
            if whole and infos.get(name, set()) <= named[name] and not self._strangers(named[name], digests[name])
        )
        for name in self.ours:
            self.kept.update(self._old.get(name, ()))

    def _found(self, project: ProjectChange) -> bool:
        """Old in place or in ``old/``, new in ``new/`` or in place; what they list is noted."""
        found = True
        for info, kinds, listing in (
            (project.new, (StepKind.PLACE, StepKind.SWAP, StepKind.REPLACE), self.placed),
            (project.old, (StepKind.REMOVE, StepKind.SWAP, StepKind.REPLACE), self._old.setdefault(project.name, {})),
        ):
            if info is None:
                continue
            place, digest = info
            if not digest:
                continue  # it never had a RECORD: only another one in its place would tell that somebody came
            content = self._record(place, digest, kinds)
            if content is None:
                found = False
            else:
                _note(content, self._path(place), listing)
                listing[f"{self._path(place)}/{_RECORD}"] = record_text(bytes.fromhex(digest))
        return found

    def _record(self, info: Place, digest: str, kinds: tuple[StepKind, ...]) -> bytes | None:
        """The RECORD with this digest: at its place, or inside what the steps of these kinds hold."""
        path = f"{self._path(info)}/{_RECORD}"
        for candidate, fd in ((path, None), *self._held(path, kinds)):
            content = self._read(candidate, fd)
            if content and hashlib.sha256(content).hexdigest() == digest:
                return content
        return None

    def _read(self, path: str, dir_fd: int | None = None) -> bytes:
        """A RECORD; empty if it cannot be read, or when all were too long."""
        try:
            content = disk.read_regular(path, limit=min(RECORD_LIMIT, self._unread), dir_fd=dir_fd)
        except OSError:
            return b""
        self._unread -= len(content)
        return content

    def _held(self, path: str, kinds: tuple[StepKind, ...]) -> Iterator[tuple[str, int]]:
        at = path
        while at not in {"", "/"}:
            steps, tail, at = self._steps.get(at, ()), path[len(at) :], posixpath.dirname(at)
            for step in steps:
                if step.kind not in kinds:
                    continue
                room = self._rooms.of_place(step.place)
                fd = room.new if kinds[0] is StepKind.PLACE else room.old
                yield from ((f"{step.n}{part}{tail}", fd) for part in ("", PART))

    def _strangers(self, places: set[Place], known: set[str]) -> bool:
        """Whether a dist-info lies at one of our places that is neither the old nor the new one."""
        found = (self._read(f"{self._path(place)}/{_RECORD}") for place in places)
        return any(content and hashlib.sha256(content).hexdigest() not in known for content in found)

    def is_placed(self, path: str, name: str, dir_fd: int) -> bool:
        """Whether the file ``name`` in a directory is what the new state has at ``path``."""
        wanted = self.placed.get(path)
        return wanted is not None and (not wanted or wanted == digest_at(name, dir_fd))

    def is_listed_elsewhere(self, path: str) -> bool:
        """Whether a RECORD that lies in the target now lists a path: one that we neither brought nor bring back."""
        if self._others is None:
            self._others = self._listed_by_others()
        return path in self._others or len(self._others) >= _LINES or not self._unread

    def _listed_by_others(self) -> Listing:
        found: Listing = {}
        known = {each.new[1] for each in self._journal.projects if each.new}
        known |= {each.old[1] for each in self._journal.projects if each.old and each.name in self.ours}
        for library in self._target.library_directories:
            for name in disk.listdir(library):
                if name.endswith(".dist-info"):
                    content = self._read(f"{library}/{name}/{_RECORD}")
                    if hashlib.sha256(content).hexdigest() not in known:
                        _note(content, f"{library}/{name}", found)
        return found

    def _path(self, place: Place) -> str:
        return absolute(self._target.scheme, place)


def _note(content: bytes, info: str, found: Listing) -> None:
    """Parse a RECORD; lines that are none are skipped."""
    base = posixpath.dirname(info)
    lines = io.StringIO(content.decode("utf-8", "surrogateescape").replace("\0", ""), newline="")
    rows = csv.reader(lines)
    while len(found) < _LINES:
        try:
            row = next(rows, None)
        except csv.Error:
            continue
        if row is None:
            return
        if row and row[0]:
            algorithm, _, digest = (row[1] if len(row) > 1 else "").partition("=")
            found[posixpath.normpath(posixpath.join(base, row[0]))] = digest if algorithm == "sha256" else ""


def digest_at(name: str, dir_fd: int) -> str:
    """Of a file, as RECORD writes it; empty if it cannot be read."""
    digest = hashlib.sha256()
    try:
        fd = disk.open_regular(name, dir_fd=dir_fd)
    except OSError:
        return ""
    try:
        while chunk := disk.read(fd, _CHUNK):
            digest.update(chunk)
    finally:
        disk.close(fd)
    return record_text(digest.digest())
