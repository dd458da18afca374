"""Whether two installers made the same environment, file by file, apart from what is documented to differ.

Documented differences (``docs/reference/differences.md``): who installed (``INSTALLER``), how RECORD is sorted and what
it says of generated files, whether bytecode was compiled, the text of generated scripts, and each tool's own files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from tests.support.environments import Venv, installed
from tests.support.trees import Entry, snapshot

CONTENT_MAY_DIFFER = frozenset({"INSTALLER", "RECORD", "direct_url.json"})
OWN_FILES = frozenset({".lock", "uv_cache.json", "uv_build.json", "CACHEDIR.TAG"})
REQUESTED = "REQUESTED"
"""Says what was named on the command line; a peer that is given the frozen list is given every name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Sorted relative paths that only one side has, or that have other contents or rights."""

    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    different: tuple[str, ...]

    def assert_same(self) -> None:
        """Fail with what differs."""
        assert self == Comparison(only_first=(), only_second=(), different=()), str(self)


def compare(first: Venv, second: Venv) -> Comparison:
    """Hold two environments of the same interpreter against each other.

    Args:
        first: Ours.
        second: The peer's.
    """
    ours, theirs = _comparable(first), _comparable(second)
    scripts = os.path.relpath(first.bin, first.root)
    return Comparison(
        only_first=tuple(sorted(ours.keys() - theirs.keys())),
        only_second=tuple(sorted(theirs.keys() - ours.keys())),
        different=tuple(
            sorted(path for path in ours.keys() & theirs.keys() if not _alike(path, ours[path], theirs[path], scripts))
        ),
    )


def _comparable(venv: Venv) -> dict[str, Entry]:
    """Files and links, without bytecode and the tools' own files."""
    return {
        path: entry
        for path, entry in snapshot(venv.root).items()
        if entry.kind != "dir"
        and not path.endswith(".pyc")
        and os.path.basename(path) not in OWN_FILES | {REQUESTED}
        and path != "pyvenv.cfg"
    }


def _alike(path: str, first: Entry, second: Entry, scripts: str) -> bool:
    if os.path.basename(path) in CONTENT_MAY_DIFFER:
        return first.kind == second.kind
    executable = bool(first.mode & 0o100) == bool(second.mode & 0o100)
    generated = os.path.dirname(path) == scripts
    return first.kind == second.kind and executable and (first.content == second.content or generated)


def same_distributions(first: Venv, second: Venv) -> bool:
    """The same projects in the same versions."""
    return {(each.name, each.version) for each in installed(first.site_packages)} == {
        (each.name, each.version) for each in installed(second.site_packages)
    }
