"""Plans to take a transaction back, or finds that the environment has moved on since. Pure.

What a transaction left is told by version and RECORD: the same RECORD lists the same files with the same hashes. So
what anybody changed since shows, whichever installer he used.
"""

from __future__ import annotations

from collections.abc import Mapping

from packaging.utils import NormalizedName

from holdfast.errors import HarmError
from holdfast.model.history import KnownChange, KnownState, KnownTransaction
from holdfast.model.installed import InstalledDistribution, InstalledState
from holdfast.model.plan import Action, Install, InstallPlan, Reinstall, Remove, Replace
from holdfast.model.resolution import Pin
from holdfast.plan.breaking import after
from holdfast.plan.consistency import Problem, demands, holds
from holdfast.plan.ownership import owned


def refuse_moved(transaction: KnownTransaction, installed: InstalledState) -> None:
    """Refuse to take back what is not there any more as the transaction left it.

    Args:
        transaction: That is to be taken back.
        installed: With the RECORDs of its projects.

    Raises:
        HarmError: Says for each project what was left and what is there.
    """
    if moved := _moved(transaction, installed):
        if not any(_difference(each.project, each.before, installed) for each in transaction.changes):
            # By hand, or by an undo that was killed before it could note it.
            raise HarmError(
                f"It was taken back already: all is as it was before {transaction.command!r}.", hint="holdfast list"
            )
        raise HarmError(
            f"The environment has moved on since {transaction.command!r}.",
            hint=_by_hand(transaction),
            details=moved,
        )


def plan_undo(
    transaction: KnownTransaction, installed: InstalledState, pins: Mapping[NormalizedName, Pin]
) -> InstallPlan:
    """Plan to take a transaction back; the last change goes first.

    Args:
        transaction: Which `refuse_moved` lets pass.
        installed: As there.
        pins: Of every project that was installed before.
    """
    return InstallPlan(actions=tuple(_action(each, installed, pins) for each in reversed(transaction.changes)))


def unmet(installed: InstalledState, plan: InstallPlan, markers: Mapping[str, str]) -> tuple[Problem, ...]:
    """What comes back requires and will not have: it may have been so before, or others have taken it away since.

    Args:
        installed: Before.
        plan: Of `plan_undo`.
        markers: The target's PEP 508 environment.
    """
    world = after(installed, plan)
    coming = frozenset(action.pin.name for action in plan.actions if not isinstance(action, Remove))
    return tuple(
        Problem(demand=demand, found=found.version if (found := world.get(demand.requirement.name)) else None)
        for demand in demands(world, markers)
        if demand.requirer.name in coming and not holds(demand, world)
    )


def _action(change: KnownChange, installed: InstalledState, pins: Mapping[NormalizedName, Pin]) -> Action:
    pin, old = pins.get(change.project), owned(installed, change.project)
    match pin, old:
        case Pin(), None:
            return Install(pin=pin)
        case Pin(), InstalledDistribution():
            return Reinstall(pin=pin, old=old) if pin.version == old.version else Replace(pin=pin, old=old)
        case None, InstalledDistribution():
            return Remove(old=old)
        case _:
            raise ValueError(f"{change.project} is neither to come nor to go")


def _moved(transaction: KnownTransaction, installed: InstalledState) -> tuple[str, ...]:
    found = (_difference(each.project, each.after, installed) for each in transaction.changes)
    return tuple(filter(None, found))


def _difference(name: NormalizedName, left: KnownState | None, installed: InstalledState) -> str:
    """How a project is not as a transaction left it; empty: it is."""
    now = owned(installed, name)
    if left is None and now is None:
        return ""
    if left is None:
        return f"{name} was removed by it, and {_described(now)} is there now" if now else ""
    if now is None:
        return f"{name} {left.version} was left by it, and is not there any more"
    if now.version != left.version:
        return f"{name} {left.version} was left by it, and {_described(now)} is there now"
    if any(each.owned and each.name == name for each in installed.duplicates):
        return f"{name} {left.version} was left by it, and is there twice now"
    if now.record_digest != left.record:
        return f"{name} {left.version} was left by it, and was installed again since{_installer(now)}"
    return ""


def _described(now: InstalledDistribution) -> str:
    return f"{now.version}{_installer(now)}"


def _installer(now: InstalledDistribution) -> str:
    return f" (by {now.installer})" if now.installer else ""


def _by_hand(transaction: KnownTransaction) -> str:
    """The command that comes nearest to what was asked for."""
    back = [_requirement(each.project, each.before) for each in transaction.changes if each.before is not None]
    if back:
        return f"What was there before, by hand: holdfast install {' '.join(back)}"
    return f"holdfast uninstall {' '.join(each.project for each in transaction.changes)}"


def _requirement(name: NormalizedName, state: KnownState) -> str:
    return f"{name}=={state.version}" if not state.direct else f"'{name} @ {state.direct}'"
