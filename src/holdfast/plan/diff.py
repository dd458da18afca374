"""Compares what is installed with what was resolved: what has to be done, distribution by distribution.

Pure. The rules are pip's: the same version from an index is kept, the same version from another URL is another thing,
what is installed outside of the target is shadowed and never touched.
"""

from __future__ import annotations

from typing import assert_never

from packaging.utils import NormalizedName

from holdfast.model.installed import InstalledDistribution, InstalledState
from holdfast.model.plan import Action, Install, InstallPlan, Reinstall, Replace
from holdfast.model.request import ResolvePolicy
from holdfast.model.resolution import AlreadyInstalled, DirectWheel, IndexWheel, Pin, Resolution
from holdfast.plan.origins import is_same_origin
from holdfast.plan.ownership import owned, refuse_unrecorded


def diff(installed: InstalledState, resolution: Resolution, policy: ResolvePolicy) -> InstallPlan:
    """Plan an install.

    Args:
        installed: With the RECORDs of the projects whose pins are not already installed (`changing` names them).
        resolution: What the target shall contain; its order is kept, requirements before their requirers.
        policy: ``force_reinstall`` does everything again; ``ignore_installed`` leaves alone what has no RECORD.

    Returns:
        The actions; no actions: everything is satisfied.

    Raises:
        HarmError: Something that would be replaced has no RECORD, so that nobody knows which files are its own.
    """
    actions: list[Action] = []
    kept: list[Pin] = []
    for pin in resolution.pins:
        action = _action(pin, owned(installed, pin.name), policy)
        if action is None:
            kept.append(pin)
        else:
            actions.append(action)
    names = {action.pin.name for action in actions if isinstance(action, (Replace, Reinstall))}
    duplicates = tuple(each for each in installed.duplicates if each.owned and each.name in names)
    refuse_unrecorded((*(action.old for action in actions if not isinstance(action, Install)), *duplicates))
    return InstallPlan(actions=tuple(actions), kept=tuple(kept), duplicates=duplicates)


def changing(resolution: Resolution) -> frozenset[NormalizedName]:
    """The projects whose RECORDs `diff` wants to see: all that are not certainly kept."""
    return frozenset(pin.name for pin in resolution.pins if not isinstance(pin.source, AlreadyInstalled))


def _action(pin: Pin, old: InstalledDistribution | None, policy: ResolvePolicy) -> Action | None:
    """What has to be done for one pin; None: nothing."""
    match pin.source:
        case AlreadyInstalled():
            return None
        case DirectWheel(direct=direct):
            same = old is not None and old.version == pin.version and is_same_origin(old, direct)
        case IndexWheel():
            same = old is not None and old.version == pin.version
        case _:
            assert_never(pin.source)
    if old is None or (policy.ignore_installed and old.record is None):
        return Install(pin=pin)
    if not same:
        return Replace(pin=pin, old=old)
    return Reinstall(pin=pin, old=old) if policy.force_reinstall or policy.ignore_installed else None
