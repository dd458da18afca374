"""In which order the moves become steps (design section 4, "Under the lock"). Pure.

Project after project in commit order; in each the old dist-info leaves first, then its entries go out and in, then the
new dist-info comes. So a reader, and an undo, can tell from the dist-info alone whether a project was touched. An entry
with files of several projects moves with the first of them. Next to each other in a directory, bytecode goes before the
module that it belongs to, and what comes comes before what goes: a module that becomes a package is never absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from packaging.utils import NormalizedName

from holdfast.commit.layout import CACHE, Move
from holdfast.model.changes import StepKind

_OLD_INFO, _ENTRIES, _NEW_INFO = range(3)
Infos = Mapping[NormalizedName, frozenset[str]]


def in_order(
    moves: Iterable[Move], projects: Mapping[NormalizedName, int], old: Infos, new: Infos
) -> list[tuple[Move, bool]]:
    """Sort the moves; a dist-info that stays under its name is split into its leaving and its coming.

    Args:
        moves: From the layout.
        projects: The commit order.
        old: Paths of the dist-info directories that leave.
        new: Paths of those that come.

    Returns:
        Each move, and whether it is a whole dist-info directory.
    """
    infos = {path for paths in (*old.values(), *new.values()) for path in paths}
    keyed = []
    for move in moves:
        whole = move.path in infos
        within = whole or move.path.rpartition("/")[0] in infos or _deep_inside(move.path, infos)
        for part in _split(move) if whole and move.kind is StepKind.SWAP else (move,):
            first = min(projects.get(name, len(projects)) for name in part.owners)
            phase = _ENTRIES
            if within:
                phase = _OLD_INFO if part.kind is StepKind.REMOVE else _NEW_INFO
            keyed.append(((first, phase, *_key(part, phase)), part, whole))
    return [(move, whole) for _, move, whole in sorted(keyed, key=lambda each: each[0])]


def _split(move: Move) -> tuple[Move, Move]:
    return (
        replace(move, kind=StepKind.REMOVE, directory=True, contents=()),
        replace(move, kind=StepKind.PLACE, listed=frozenset(), looked=()),
    )


def _deep_inside(path: str, infos: Iterable[str]) -> bool:
    return any(path.startswith(f"{info}/") for info in infos) if "-info/" in path else False


def _key(move: Move, phase: int) -> tuple[str, str, int, str]:
    parent, _, name = move.path.rpartition("/")
    if phase != _ENTRIES:  # RECORD leaves first of all and comes last of all
        is_record = name == "RECORD"
        return (parent, "", is_record if phase == _NEW_INFO else not is_record, name)
    if name == CACHE:
        return (parent, "", 0, name)
    if parent.endswith(f"/{CACHE}"):
        return (parent.removesuffix(f"/{CACHE}"), name.partition(".")[0], 0, name)
    return (parent, name.removesuffix(".py"), 2 if move.kind is StepKind.REMOVE else 1, name)
