"""Refuses a plan after which something installed would no longer have what it requires (promise P7). Pure.

What is broken already is not this plan's business; ``check`` lists it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import assert_never

from packaging.utils import NormalizedName

from holdfast.errors import HarmError
from holdfast.model.installed import InstalledState
from holdfast.model.metadata import Metadata
from holdfast.model.plan import Install, InstallPlan, Reinstall, Remove, Replace, project_of
from holdfast.plan.consistency import Problem, demands, holds


def newly_broken(installed: InstalledState, plan: InstallPlan, markers: Mapping[str, str]) -> tuple[Problem, ...]:
    """Requirements of distributions that stay as they are, which hold now and will not after the plan.

    Args:
        installed: Before; visible distributions included, since they may use what lies in the target.
        plan: What will be done.
        markers: The target's PEP 508 environment.
    """
    before = {each.name: each.metadata for each in installed}
    world = after(installed, plan)
    changed = frozenset(map(project_of, plan.actions))
    if not changed:
        return ()
    return tuple(
        Problem(demand=demand, found=found.version if (found := world.get(demand.requirement.name)) else None)
        for demand in demands(before, markers)
        if demand.requirement.name in changed
        and demand.requirer.name not in changed
        and holds(demand, before)
        and not holds(demand, world)
    )


def refuse_breaking(
    installed: InstalledState,
    plan: InstallPlan,
    markers: Mapping[str, str],
    allowed: Collection[NormalizedName] = (),
) -> None:
    """Refuse a plan that newly breaks an installed distribution.

    Args:
        installed: As for `newly_broken`.
        plan: As for `newly_broken`.
        markers: As for `newly_broken`.
        allowed: ``--allow-breaking``: the distributions that may be left with a broken requirement.

    Raises:
        HarmError: Naming who requires what, and the option that allows it.
    """
    problems = [each for each in newly_broken(installed, plan, markers) if each.demand.requirer.name not in allowed]
    if not problems:
        return
    victims = tuple(dict.fromkeys(problem.demand.requirer.name for problem in problems))
    raise HarmError(
        f"This would break what is installed: {', '.join(victims)}.",
        hint="Choose other versions, or allow it: " + " ".join(f"--allow-breaking {name}" for name in victims),
        details=tuple(map(_future, problems)),
    )


def after(installed: InstalledState, plan: InstallPlan) -> Mapping[NormalizedName, Metadata]:
    """What will be visible: a removed distribution uncovers the one outside of the target that it shadowed."""
    world = {each.name: each.metadata for each in installed}
    shadowed = {each.name: each.metadata for each in reversed(installed.duplicates) if not each.owned}
    for action in plan.actions:
        match action:
            case Install(pin=pin) | Replace(pin=pin) | Reinstall(pin=pin):
                world[pin.name] = pin.metadata
            case Remove(old=old):
                world.pop(old.name, None)
                world |= {old.name: shadowed[old.name]} if old.name in shadowed else {}
            case _:
                assert_never(action)
    return world


def _future(problem: Problem) -> str:
    requirer, requirement = problem.demand.requirer, problem.demand.requirement
    then = "removed" if problem.found is None else f"{problem.found}"
    wanted = f"{requirement.name}{requirement.specifier}"
    return f"{requirer.display_name} {requirer.version} requires {wanted}, and {requirement.name} would be {then}"
