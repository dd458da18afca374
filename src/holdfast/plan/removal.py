"""Plans an uninstall. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from packaging.utils import NormalizedName

from holdfast.model.installed import InstalledDistribution, InstalledState
from holdfast.model.plan import InstallPlan, Remove
from holdfast.plan.ownership import owned, refuse_unrecorded


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalPlan:
    """What ``uninstall`` will do.

    Attributes:
        plan: One `Remove` for each project found in the target.
        unknown: Not installed at all: a notice, or exit 1 with ``--must-exist``.
        outside: Only visible from the target (the system's, below an environment): a notice, never touched.
    """

    plan: InstallPlan
    unknown: tuple[NormalizedName, ...] = ()
    outside: tuple[InstalledDistribution, ...] = ()


def plan_removal(installed: InstalledState, names: Collection[NormalizedName]) -> RemovalPlan:
    """Plan to remove projects.

    Args:
        installed: With the RECORDs of ``names``.
        names: What the user named, in his order; twice is once.

    Raises:
        HarmError: One of them has no RECORD.
    """
    asked = tuple(dict.fromkeys(names))
    leaving = tuple(each for name in asked if (each := owned(installed, name)) is not None)
    duplicates = tuple(each for each in installed.duplicates if each.owned and each.name in asked)
    refuse_unrecorded((*leaving, *duplicates))
    gone = {each.name for each in leaving}
    return RemovalPlan(
        plan=InstallPlan(actions=tuple(Remove(old=each) for each in leaving), duplicates=duplicates),
        unknown=tuple(name for name in asked if installed.get(name) is None),
        outside=tuple(each for name in asked if name not in gone and (each := installed.get(name)) is not None),
    )
