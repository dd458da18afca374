"""What a directory tree holds, and what changed in it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

Ignored = tuple[str, ...]


class Entry(NamedTuple):
    """One path of a tree: what it is, its permission bits, its content.

    ``kind`` is ``dir``, ``file``, ``link`` or ``other``; ``content`` is a file's sha256, a link's target, else
    empty. The mode of a link is always 0: systems differ.
    """

    kind: str
    mode: int
    content: str


Snapshot = Mapping[str, Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Sorted relative paths."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def without(self, *patterns: str) -> Difference:
        """The same, less what matches one of the `fnmatch` patterns (``*`` crosses slashes)."""
        return Difference(
            added=_without(self.added, patterns),
            removed=_without(self.removed, patterns),
            changed=_without(self.changed, patterns),
        )


def snapshot(root: str) -> Snapshot:
    """Everything below `root`, links not followed, keyed by relative path; empty if there is no `root`."""
    found: dict[str, Entry] = {}
    for parent, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(parent, name)
            found[os.path.relpath(path, root)] = entry(path)
    return found


def entry(path: str) -> Entry:
    """One path."""
    status = os.lstat(path)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return Entry("link", 0, os.readlink(path))
    if stat.S_ISDIR(status.st_mode):
        return Entry("dir", mode, "")
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            return Entry("file", mode, hashlib.file_digest(file, "sha256").hexdigest())
    return Entry("other", mode, "")


def diff(before: Snapshot, after: Snapshot) -> Difference:
    """What happened between two snapshots of one tree."""
    return Difference(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(path for path in before.keys() & after.keys() if before[path] != after[path])),
    )


@dataclass(slots=True, kw_only=True)
class Footprint:
    """What a block left behind, by the names of the trees that were watched.

    `found` is filled when the block ends. A path is written ``{tree}/{relative path}``.
    """

    trees: Mapping[str, str]
    ignored: Ignored = ()
    found: Difference = field(default_factory=Difference)

    def assert_nothing(self) -> None:
        """Fail unless every watched tree is as it was."""
        assert not self.found, f"left behind: {self.found}"


@contextmanager
def footprint(ignored: Ignored = (), **trees: str) -> Iterator[Footprint]:
    """Watch trees over a block::

        with footprint(env=venv, tmp=tmp, home=home, cwd=cwd) as left:
            ...
        left.assert_nothing()

    Args:
        ignored: `fnmatch` patterns of ``{tree}/{path}`` that may change (``env/lib/*``).
        trees: name to root; one tree must not lie inside another.
    """
    watch = Footprint(trees=trees, ignored=ignored)
    before = _all(trees)
    yield watch
    watch.found = diff(before, _all(trees)).without(*ignored)


def unchanged(before: Snapshot, root: str) -> None:
    """Fail unless `root` is exactly as `before`."""
    found = diff(before, snapshot(root))
    assert not found, f"{root} changed: {found}"


def _all(trees: Mapping[str, str]) -> dict[str, Entry]:
    return {f"{name}/{path}": found for name, root in trees.items() for path, found in snapshot(root).items()}


def _without(paths: tuple[str, ...], patterns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(path for path in paths if not any(fnmatchcase(path, each) for each in patterns))
