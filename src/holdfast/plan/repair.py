"""Plans a repair: which distributions are restored, what leaves, what is refused. Pure.

Of several dist-infos of one project one is kept: one whose files are all as its RECORD says before one with faults, one
that can be read and has a RECORD before one that has not, then the newest. It is installed again, and the others leave
with it, so that the project has one dist-info and exactly its files.

What pip had renamed on its way out when it was stopped is the only copy where nothing whole of the project is left: the
version that it was is restored then.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from packaging.utils import NormalizedName

from holdfast.errors import HarmError, UnsatisfiableError
from holdfast.model.ailments import Ailment, AilmentKind
from holdfast.model.installed import InstalledDistribution, InstalledState
from holdfast.model.urls import as_recorded

_INFO = ".dist-info"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPlan:
    """What is to be done, before it is known from which wheels.

    Attributes:
        restore: Are installed again in the very version; ``record`` is None where nobody knows the files yet.
        further: Other dist-infos of these projects, which leave.
        leftovers: What pip left; leaves.
    """

    restore: tuple[InstalledDistribution, ...] = ()
    further: tuple[InstalledDistribution, ...] = ()
    leftovers: tuple[InstalledDistribution, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.restore or self.leftovers)


@dataclass(slots=True, kw_only=True)
class _Project:
    """The dist-infos of one project.

    Attributes:
        candidates: What is there, whole or not.
        ill: Something is to be done about it.
    """

    candidates: list[InstalledDistribution] = field(default_factory=list)
    ill: bool = False


def plan_repair(
    installed: InstalledState,
    faults: Mapping[str, int],
    ailments: Iterable[Ailment],
    names: Collection[NormalizedName] = (),
) -> RepairPlan:
    """Plan a repair.

    Args:
        installed: With every RECORD.
        faults: Path of a dist-info -> how many files of that distribution are damaged or missing.
        ailments: Of the target.
        names: Only these projects; empty: everything, leftovers too.

    Raises:
        UnsatisfiableError: One of ``names`` is not there.
        HarmError: Something cannot be restored by installing a wheel; named, with what to type.
    """
    ailments = tuple(ailments)
    projects = _projects(installed, faults, ailments)
    if unknown := [name for name in names if name not in projects]:
        raise UnsatisfiableError(f"Not installed: {', '.join(unknown)}.", hint="holdfast list")
    wanted = {name: project for name, project in projects.items() if project.ill and (not names or name in names)}
    restore: list[InstalledDistribution] = []
    further: list[InstalledDistribution] = []
    for project in wanted.values():
        kept, *others = sorted(project.candidates, key=lambda each: _worth(each, faults, ailments), reverse=True)
        restore.append(kept)
        further += others
    _refuse_what_no_wheel_restores((*restore, *further), frozenset(each.name for each in restore))
    stashed = {path_of(each) for each in (*restore, *further)}
    leftovers = [
        each.distribution
        for each in ailments
        if each.kind is AilmentKind.LEFTOVER and each.distribution and each.path not in stashed and not names
    ]
    return RepairPlan(restore=tuple(restore), further=tuple(further), leftovers=tuple(leftovers))


def path_of(distribution: InstalledDistribution) -> str:
    """Absolute path of its dist-info."""
    return f"{distribution.location}/{distribution.info_name}"


def _projects(
    installed: InstalledState, faults: Mapping[str, int], ailments: Iterable[Ailment]
) -> dict[NormalizedName, _Project]:
    found: dict[NormalizedName, _Project] = {}
    for each in (*installed, *installed.duplicates):
        if each.owned:
            project = found.setdefault(each.name, _Project())
            project.candidates.append(each)
            project.ill |= path_of(each) in faults
    stashes = []
    for ailment in ailments:
        each = ailment.distribution
        match ailment.kind:
            case AilmentKind.NO_METADATA | AilmentKind.EMPTY if each is not None:
                project = found.setdefault(each.name, _Project())
                project.candidates.append(each)
                project.ill = True
            case AilmentKind.NO_RECORD | AilmentKind.UNFINISHED | AilmentKind.DUPLICATE if each is not None:
                found[each.name].ill = True
            case AilmentKind.LEFTOVER if ailment.stashed is not None:
                stashes.append(ailment.stashed)
            case _:
                pass
    for stash in stashes:
        project = found.setdefault(stash.name, _Project())
        broken = {each.path for each in ailments if each.kind in {AilmentKind.NO_METADATA, AilmentKind.EMPTY}}
        if all(each.record is None or path_of(each) in broken for each in project.candidates):
            project.candidates.append(stash)
            project.ill = True
    return found


def _worth(
    each: InstalledDistribution, faults: Mapping[str, int], ailments: Iterable[Ailment]
) -> tuple[bool, bool, bool, int, object]:
    """Greater is kept."""
    path = path_of(each)
    broken = any(
        ailment.path == path and ailment.kind in {AilmentKind.NO_METADATA, AilmentKind.EMPTY} for ailment in ailments
    )
    whole = not broken and each.record is not None
    count = faults.get(path, 0)
    return (whole and not count, whole, not broken, -count, each.version)


def _refuse_what_no_wheel_restores(
    concerned: Iterable[InstalledDistribution], restored: Collection[NormalizedName]
) -> None:
    reasons: dict[NormalizedName, tuple[str, str]] = {}
    for each in concerned:
        name, url = each.metadata.display_name, as_recorded(str((each.direct_url or {}).get("url", "")))
        if not each.info_name.endswith(_INFO):
            reasons[each.name] = (
                f"{path_of(each)}: {name} was installed by distutils, setup.py or the operating system",
                "remove it with what installed it",
            )
        elif each.editable:
            source = url.removeprefix("file://")
            typed = f"pip install --no-deps -e {shlex.quote(source)}"
            reasons[each.name] = (f"{name} is an editable install of {source}", typed)
        elif each.direct_url is not None and "archive_info" not in each.direct_url:
            vcs = each.direct_url.get("vcs_info")
            kind = f"{vcs.get('vcs', 'git')}+" if isinstance(vcs, Mapping) else ""
            typed = f"pip install --no-deps --force-reinstall {shlex.quote(kind + url)}"
            reasons[each.name] = (f"{name} was built from {url}", typed)
    if not reasons:
        return
    rest = sorted(set(restored) - set(reasons))
    first = next(iter(reasons.values()))
    raise HarmError(
        f"What no wheel can restore: {', '.join(reasons)}.",
        hint=f"{first[1]}" + (f"; and the others: holdfast repair {' '.join(rest)}" if rest else ""),
        details=tuple(f"{reason}: {command}" for reason, command in reasons.values()),
    )
