"""What moves whole (design section 4): from single paths that come and go to as few entries as possible. Pure.

An existing directory moves as one entry only when everything in it goes with this transaction, bytecode excepted; else
it is descended, and what is foreign stays. A directory that does not exist comes as one entry. What an environment is
made of (`Scheme.anchors`), and what leads to it, never leaves; nor does what lies in a directory that this user may not
change (``share`` in somebody else's root).

Limits: bytecode that an import writes for a single module between the survey and the commit outlives that module.
Names are compared as they are written: on a file system that folds case, a clash in case alone shows at the step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from packaging.utils import NormalizedName

from holdfast.commit.clashes import Settled
from holdfast.commit.paths import is_bytecode
from holdfast.model.changes import EntryKind, StepKind, Survey
from holdfast.model.composed import PlacedFile
from holdfast.model.target import Scheme

CACHE = "__pycache__"
_SUFFIX = ".pyc"
_TAG_PARTS = 2  # cpython-312 or cpython-312.opt-1


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One entry that comes, goes, or both.

    Attributes:
        path: Real absolute path.
        directory: The new entry (or, for REMOVE, the old one) is a directory.
        contents: What comes: (path below the entry, "" for a file; file).
        listed: What goes: paths below the entry of files that RECORDs list, and bytecode.
        looked: Directories that leave with the entry: as surveyed they must still be under the lock.
    """

    path: str
    kind: StepKind
    directory: bool
    owners: tuple[NormalizedName, ...]
    contents: tuple[tuple[str, PlacedFile], ...] = ()
    listed: frozenset[str] = frozenset()
    looked: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Layout:
    """The moves in path order, and what could not be laid out.

    Attributes:
        blocked: Path of an existing entry that is in the way -> the projects that need the path.
    """

    moves: list[Move] = field(default_factory=list)
    blocked: dict[str, tuple[NormalizedName, ...]] = field(default_factory=dict)


def lay_out(settled: Settled, survey: Survey, scheme: Scheme) -> Layout:
    """Find the moves.

    Args:
        settled: All paths by their real names. Bytecode of modules that come or go need not be in it.
        survey: The target as it lies there.
        scheme: Its directories.
    """
    return _Walk(settled, survey, scheme).run()


class _Walk:
    def __init__(self, settled: Settled, survey: Survey, scheme: Scheme) -> None:
        self._seen = survey.directories
        self._coming = settled.coming
        self._kept = settled.kept
        self._stays = settled.stays
        self._going = dict(settled.going)
        self._going.update(self._bytecode(settled))
        self._below = _tree(self._coming)
        self._touched = _tree((*self._coming, *self._going))
        bases = scheme.anchors()
        self._fixed = {above for base in bases for above in (base, *_parents(base))}
        self._roots = {root for base in bases if (root := self._root_of(base))}
        self._whole: dict[str, bool] = {}
        self._layout = Layout()

    def _bytecode(self, settled: Settled) -> dict[str, tuple[NormalizedName, ...]]:
        """Cached bytecode of every module that goes, is replaced, or comes where an old cache was left."""
        found = {}
        caches: dict[str, dict[str, list[str]]] = {}
        owners = {path: each.owners for path, each in settled.coming.items()} | settled.going
        for path, names in owners.items():
            if not path.endswith(".py"):
                continue
            parent, _, name = path.rpartition("/")
            cache = f"{parent}/{CACHE}"
            if cache not in caches:
                caches[cache] = _modules(self._seen[cache].entries) if cache in self._seen else {}
            for each in caches[cache].get(name.removesuffix(".py"), ()):
                found[f"{cache}/{each}"] = names
        return {path: names for path, names in found.items() if path not in self._kept and path not in self._stays}

    def _root_of(self, base: str) -> str | None:
        """The scheme directory, or the nearest parent that was surveyed where it is missing."""
        return next((each for each in (base, *_parents(base)) if each in self._seen), None)

    def run(self) -> Layout:
        for root in sorted(self._roots):
            self._descend(root)
        return self._layout

    def _descend(self, directory: str) -> None:
        entries = self._seen[directory].entries
        for name in sorted(self._touched.get(directory, ())):
            path = f"{directory}/{name}" if directory != "/" else f"/{name}"
            if path not in self._roots:
                self._entry(path, entries.get(name))

    def _entry(self, path: str, kind: EntryKind | None) -> None:
        file, tree = path in self._coming, path in self._below
        comes = file or tree
        if file and tree:
            self._layout.blocked[path] = self._coming[path].owners
        elif kind is None:
            if comes:
                self._move(StepKind.PLACE, path)
        elif kind is EntryKind.DIRECTORY:
            if self._goes_whole(path):
                self._move(StepKind.SWAP if comes else StepKind.REMOVE, path, old_directory=True)
            elif file:
                self._layout.blocked[path] = self._coming[path].owners
            elif path in self._seen:
                self._descend(path)
        elif path in self._going:
            over = StepKind.REPLACE if file and kind is EntryKind.FILE else StepKind.SWAP
            self._move(over if comes else StepKind.REMOVE, path)
        elif comes:
            self._layout.blocked[path] = next(self._coming[each].owners for each in self._files(path))

    def _move(self, kind: StepKind, path: str, *, old_directory: bool = False) -> None:
        files = tuple(self._files(path))
        looked = tuple(self._directories(path)) if old_directory else ()
        if old_directory:
            gone = {
                f"{each}/{name}"
                for each in looked
                for name, what in self._seen[each].entries.items()
                if what is not EntryKind.DIRECTORY
            }
        else:
            gone = {path} if kind is not StepKind.PLACE else set()
        owners: dict[NormalizedName, None] = {}
        for each in files:
            owners.update(dict.fromkeys(self._coming[each].owners))
        for each in sorted(gone):
            owners.update(dict.fromkeys(self._going.get(each, ())))
        if not owners:  # an empty directory, or stale bytecode alone: whoever lists something below it
            owners.update(
                dict.fromkeys(name for at, names in self._going.items() if at.startswith(path) for name in names)
            )
        self._layout.moves.append(
            Move(
                path=path,
                kind=kind,
                directory=path in self._below if files else old_directory,
                owners=tuple(owners),
                contents=tuple((each[len(path) + 1 :], self._coming[each].file) for each in files),
                listed=frozenset(each[len(path) + 1 :] for each in gone),
                looked=looked,
            )
        )

    def _files(self, path: str) -> Iterator[str]:
        """Everything that comes at or below a path."""
        if path in self._coming:
            yield path
        for name in sorted(self._below.get(path, ())):
            yield from self._files(f"{path}/{name}")

    def _directories(self, path: str) -> Iterator[str]:
        """An existing directory and all below it."""
        yield path
        for name, kind in sorted(self._seen[path].entries.items()):
            if kind is EntryKind.DIRECTORY:
                yield from self._directories(f"{path}/{name}")

    def _goes_whole(self, directory: str) -> bool:
        if directory not in self._whole:
            self._whole[directory] = self._judge(directory)
        return self._whole[directory]

    def _judge(self, directory: str) -> bool:
        if directory in self._fixed or directory not in self._seen:
            return False
        above = self._seen.get(directory.rpartition("/")[0])
        if above is not None and above.closed:
            return False
        return all(
            self._goes_whole(f"{directory}/{name}") if kind is EntryKind.DIRECTORY else self._goes(directory, name)
            for name, kind in self._seen[directory].entries.items()
        )

    def _goes(self, directory: str, name: str) -> bool:
        return f"{directory}/{name}" in self._going or self._orphan(directory, name)

    def _orphan(self, directory: str, name: str) -> bool:
        """Cached bytecode without a source after this transaction: Python never loads it."""
        path = f"{directory}/{name}"
        if not is_bytecode(directory, name):
            return False
        if path in self._kept or path in self._stays:
            return False
        parent = directory.removesuffix(f"/{CACHE}")
        source = f"{name.partition('.')[0]}.py"
        there = parent in self._seen and source in self._seen[parent].entries
        return f"{parent}/{source}" in self._going or not there


def _tree(paths: Iterable[str]) -> Mapping[str, set[str]]:
    """Directory -> names in it, for all directories above the paths."""
    below: dict[str, set[str]] = {}
    for each in paths:
        path = each
        while path:
            parent, _, name = path.rpartition("/")
            names = below.setdefault(parent or "/", set())
            if name in names:
                break
            names.add(name)
            path = parent
    return below


def _parents(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path
    yield "/"


def _modules(entries: Mapping[str, EntryKind]) -> dict[str, list[str]]:
    """Module name -> its bytecode files, from the listing of a ``__pycache__`` (PEP 3147, PEP 488)."""
    found: dict[str, list[str]] = {}
    for name, kind in entries.items():
        if kind is not EntryKind.DIRECTORY and name.endswith(_SUFFIX):
            module, _, tag = name.removesuffix(_SUFFIX).partition(".")
            if tag and tag.count(".") < _TAG_PARTS:
                found.setdefault(module, []).append(name)
    return found
