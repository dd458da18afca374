"""Decide first: the whole transaction as data, computed from values alone. Pure; `execute` only obeys.

The parts: `clashes` settles who owns each path, `layout` finds what moves whole, `order` when. Here they become
numbered steps, and every assumption about the target that went into them becomes an expectation, checked under the
lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from packaging.utils import NormalizedName, canonicalize_name

from holdfast.commit.clashes import Settled, Settlement
from holdfast.commit.layout import Move, lay_out
from holdfast.commit.order import in_order
from holdfast.commit.paths import Names, is_bytecode, is_inside
from holdfast.commit.questions import leaving, order_of, questions, staying
from holdfast.model.changes import (
    ChangeSet,
    EntryKind,
    ExpectAbsent,
    Expectation,
    ExpectDirectory,
    ExpectFile,
    ExpectInfo,
    Place,
    ProjectChange,
    Step,
    StepKind,
    Survey,
)
from holdfast.model.composed import ComposedDistribution
from holdfast.model.installed import InstalledDistribution, InstalledState
from holdfast.model.places import place_of
from holdfast.model.plan import InstallPlan
from holdfast.model.request import InstallPolicy
from holdfast.model.target import Scheme, Target

__all__ = ["compute_changes", "questions"]

_INFO = ".dist-info"


def compute_changes(  # noqa: PLR0917 - six nouns that arrive in the order in which the flow makes them
    plan: InstallPlan,
    composed: tuple[ComposedDistribution, ...],
    installed: InstalledState,
    survey: Survey,
    target: Target,
    policy: InstallPolicy,
) -> ChangeSet:
    """Compute everything that the commit will do.

    Args:
        plan: The actions, in commit order.
        composed: The new state of every distribution that comes.
        installed: The target as the plan saw it.
        survey: The answer to `questions` about these three.
        target: Where it happens.
        policy: What the user allows.

    Raises:
        HarmError: It would overwrite what is not its own.
        ValueError: The plan takes away what no RECORD describes.
    """
    gone, stay = leaving(plan), staying(installed, plan)
    if any(each.record is None for each in gone):
        raise ValueError("a plan takes nothing away that has no RECORD (plan.ownership)")
    settlement = Settlement(target=target, survey=survey, policy=policy, leave=gone, stay=stay)
    settled = settlement.settle(composed)
    layout = lay_out(settled, survey, target.scheme)
    if layout.blocked and policy.replace_unowned:
        settled.going.update(_removable(layout.blocked, settlement, survey))
        layout = lay_out(settled, survey, target.scheme)
    settlement.blocked(layout.blocked)
    order = order_of(plan)
    moves = in_order(layout.moves, order, _old_infos(gone), _new_infos(composed, target.scheme))
    scheme = target.scheme
    return ChangeSet(
        projects=tuple(_projects(order, gone, composed, scheme)),
        expectations=(
            *_expected_infos({*order, *_sharing(settled)}, installed, target),
            *(each for move, _ in moves for each in _expected(move, survey, scheme)),
            *(ExpectFile(place=place_of(scheme, path)) for path in settled.kept),
            *_expected_missing(settled, [move for move, _ in moves], survey, scheme),
        ),
        steps=tuple(
            Step(
                n=n,
                kind=move.kind,
                place=place_of(scheme, move.path),
                directory=move.directory,
                owners=move.owners,
                dist_info=whole,
            )
            for n, (move, whole) in enumerate(moves)
        ),
        contents={n: move.contents for n, (move, _) in enumerate(moves) if move.contents},
        listed={n: move.listed for n, (move, _) in enumerate(moves) if move.kind is not StepKind.PLACE},
        warnings=tuple(settled.warnings),
    )


def _removable(
    blocked: dict[str, tuple[NormalizedName, ...]], settlement: Settlement, survey: Survey
) -> Iterator[tuple[str, tuple[NormalizedName, ...]]]:
    """Files without owner that may be replaced by a directory; a directory is never thrown away unread."""
    names = Names(survey)
    for path, owners in blocked.items():
        if names.kind(path) in {EntryKind.FILE, EntryKind.SYMLINK} and not settlement.is_owned(path):
            yield path, owners


def _old_infos(gone: Iterable[InstalledDistribution]) -> dict[NormalizedName, frozenset[str]]:
    found: dict[NormalizedName, frozenset[str]] = {}
    for each in gone:
        found[each.name] = found.get(each.name, frozenset()) | {f"{each.location}/{each.info_name}"}
    return found


def _new_infos(composed: Iterable[ComposedDistribution], scheme: Scheme) -> dict[NormalizedName, frozenset[str]]:
    return {each.name: frozenset({f"{scheme.directory(each.info_scheme)}/{each.info_name}"}) for each in composed}


def _projects(
    order: Iterable[NormalizedName],
    gone: Iterable[InstalledDistribution],
    composed: Iterable[ComposedDistribution],
    scheme: Scheme,
) -> Iterator[ProjectChange]:
    old: dict[NormalizedName, list[tuple[Place, str]]] = {}
    for each in gone:
        place = place_of(scheme, f"{each.location}/{each.info_name}")
        old.setdefault(each.name, []).append((place, each.record_digest))
    new = {
        each.name: (place_of(scheme, f"{scheme.directory(each.info_scheme)}/{each.info_name}"), each.record_digest)
        for each in composed
    }
    for name in order:
        first, *further = old.get(name, [None])
        if first is not None or name in new:
            yield ProjectChange(name=name, old=first, new=new.get(name))
        for info in further:
            yield ProjectChange(name=name, old=info, new=None)


def _sharing(settled: Settled) -> set[NormalizedName]:
    """The projects that stay and on whose files this change relies."""
    return {name for names in settled.kept.values() for name in names}


def _expected_infos(names: set[NormalizedName], installed: InstalledState, target: Target) -> Iterator[ExpectInfo]:
    digests = {
        (each.location, each.info_name): each.record_digest
        for each in (*installed, *installed.duplicates)
        if each.owned
    }
    found: dict[NormalizedName, list[tuple[Place, str]]] = {name: [] for name in sorted(names)}
    libraries = set(target.library_directories)
    for location, infos in installed.observed:
        for info in infos:
            name = canonicalize_name(info.removesuffix(_INFO).rpartition("-")[0])
            if location in libraries and info.endswith(_INFO) and name in found:
                place = place_of(target.scheme, f"{location}/{info}")
                found[name].append((place, digests.get((location, info), "")))
    for name, places in found.items():
        yield ExpectInfo(name=name, infos=tuple(places))


def _expected(move: Move, survey: Survey, scheme: Scheme) -> Iterator[Expectation]:
    if move.looked:
        for directory in move.looked:
            sight = survey.directories[directory]
            yield ExpectDirectory(
                place=place_of(scheme, directory),
                inode=sight.inode,
                mtime_ns=sight.mtime_ns,
                entries=sight.entries,
            )
    elif move.kind is not StepKind.PLACE:
        yield ExpectFile(place=place_of(scheme, move.path))
    elif Names(survey).kind(move.path) is None:
        yield ExpectAbsent(place=place_of(scheme, move.path))


def _expected_missing(
    settled: Settled, moves: Iterable[Move], survey: Survey, scheme: Scheme
) -> Iterator[ExpectAbsent]:
    """A file that should leave and is not there must stay away.

    Who looked while somebody else's commit was under way has seen a target that is gone once that is taken back.
    """
    names = Names(survey)
    looked = {directory for move in moves for directory in move.looked}
    missing = {}
    for path in settled.going:
        directory, _, name = path.rpartition("/")
        known = directory in looked or path in settled.coming or is_bytecode(directory, name)
        if not known and names.kind(path) is None:
            missing[_topmost_missing(path, survey)] = path
    for above, path in missing.items():
        if names.kind(above) is None:
            yield ExpectAbsent(place=place_of(scheme, above if is_inside(scheme, above) else path))


def _topmost_missing(path: str, survey: Survey) -> str:
    """The path, or the first of its parents that is not there."""
    parent = path.rpartition("/")[0]
    while parent and parent not in survey.directories:
        path, parent = parent, parent.rpartition("/")[0]
    return path
