"""What a change must know of the target before it can be computed. Pure; ``target.survey`` answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packaging.utils import NormalizedName

from holdfast.commit.paths import placed, recorded
from holdfast.model.changes import Questions
from holdfast.model.composed import ComposedDistribution, FromStore, PlacedFile
from holdfast.model.installed import InstalledDistribution, InstalledState
from holdfast.model.plan import Install, InstallPlan, Reinstall, Remove, Replace
from holdfast.model.target import Scheme


def leaving(plan: InstallPlan) -> tuple[InstalledDistribution, ...]:
    """The distributions of the target that this plan takes away or replaces, in commit order.

    What is only visible from the target (the system's packages in a virtual environment) is shadowed, not touched.
    """
    found = []
    for action in plan.actions:
        match action:
            case Replace(old=old) | Reinstall(old=old) | Remove(old=old):
                found.append(old)
            case Install():
                pass
    return tuple(each for each in (*found, *plan.duplicates) if each.owned)


def staying(installed: InstalledState, plan: InstallPlan) -> tuple[InstalledDistribution, ...]:
    """The target's own distributions that this plan leaves alone."""
    going = {(each.location, each.info_name) for each in leaving(plan)}
    return tuple(
        each
        for each in (*installed, *installed.duplicates)
        if each.owned and (each.location, each.info_name) not in going
    )


def questions(
    plan: InstallPlan, composed: tuple[ComposedDistribution, ...], installed: InstalledState, scheme: Scheme
) -> Questions:
    """Ask for all that `holdfast.commit.changes.compute_changes` will look at.

    Args:
        plan: What is to be done.
        composed: The new state of every distribution that comes.
        installed: The target now.
        scheme: Of the target.
    """
    going = [path for each in leaving(plan) for path, _ in recorded(each)]
    coming: dict[str, list[PlacedFile]] = {}
    for distribution in composed:
        for file in distribution.files:
            coming.setdefault(placed(scheme, file), []).append(file)
    owned = _owned(installed)
    known = set(going)
    return Questions(
        paths=tuple(dict.fromkeys((*going, *coming, *_aliases(installed, plan)))),
        digests=tuple(path for path in coming if path not in owned and path not in known),
        texts=_disputed(coming, owned),
    )


def _aliases(installed: InstalledState, plan: InstallPlan) -> Iterator[str]:
    """One path for each directory outside of the library in which others have files.

    A symlink may give such a directory a second name (``/usr/local/man`` for ``share/man``), under which their RECORDs
    list what this change names by the first.
    """
    seen = set()
    for each in staying(installed, plan):
        for path, entry in recorded(each):
            if entry.path.startswith(("..", "/")) and (directory := path.rpartition("/")[0]) not in seen:
                seen.add(directory)
                yield path


def _owned(installed: InstalledState) -> dict[str, str]:
    return {
        path: entry.digest
        for each in (*installed, *installed.duplicates)
        if each.owned
        for path, entry in recorded(each)
    }


def _disputed(coming: Mapping[str, list[PlacedFile]], owned: Mapping[str, str]) -> tuple[str, ...]:
    """Both sides of every ``__init__.py`` that two distributions bring with different content."""
    wanted: list[str] = []
    for path, files in coming.items():
        if path.endswith("/__init__.py"):
            digests = {file.digest for file in files} | ({owned[path]} if path in owned else set())
            if len(digests) > 1:
                wanted += [file.source.path for file in files if isinstance(file.source, FromStore)]
                wanted += [path] if path in owned else []
    return tuple(dict.fromkeys(wanted))


def order_of(plan: InstallPlan) -> dict[NormalizedName, int]:
    """The commit order of the projects in a plan."""
    order: dict[NormalizedName, int] = {}
    for action in plan.actions:
        match action:
            case Install(pin=pin) | Replace(pin=pin) | Reinstall(pin=pin):
                order.setdefault(pin.name, len(order))
            case Remove(old=old):
                order.setdefault(old.name, len(order))
    for old in plan.duplicates:
        order.setdefault(old.name, len(order))
    return order
