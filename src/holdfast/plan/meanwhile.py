"""Whether a plan still fits after others changed projects that it leaves alone (promise P7). Pure.

What a commit expects of the world is about the projects and paths that it changes. Two changes of different projects
can break each other all the same: one upgrades ``beta``, the other brings who requires the old one. In no order would
both have been allowed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from packaging.utils import NormalizedName

from holdfast.model.installed import InstalledState
from holdfast.model.metadata import Metadata
from holdfast.model.plan import InstallPlan
from holdfast.plan.breaking import after
from holdfast.plan.consistency import Demand, Problem, demands, holds


def misfit(
    planned: InstalledState,
    now: InstalledState,
    plan: InstallPlan,
    markers: Mapping[str, str],
    allowed: Collection[NormalizedName] = (),
) -> Problem | None:
    """Find a requirement that the plan and what others did break together, and neither alone.

    Args:
        planned: What the plan was made from.
        now: What is installed now.
        plan: What will be done.
        markers: The target's PEP 508 environment.
        allowed: ``--allow-breaking``.
    """
    if now is planned:
        return None
    world = after(now, plan)
    known = {*_broken(after(planned, plan), markers), *_broken({each.name: each.metadata for each in now}, markers)}
    for demand in _broken(world, markers):
        if demand not in known and demand.requirer.name not in allowed:
            found = world.get(demand.requirement.name)
            return Problem(demand=demand, found=found.version if found else None)
    return None


def _broken(world: Mapping[NormalizedName, Metadata], markers: Mapping[str, str]) -> Iterator[Demand]:
    return (demand for demand in demands(world, markers) if not holds(demand, world))
