"""Which requirements of installed distributions hold, and which do not. Pure; pip's ``check`` and a little more.

More: an extra that an installed distribution asks of another one counts (``app`` requires ``celery[redis]``: then what
celery requires for ``redis`` is required). Extras that only a user asked for are recorded nowhere and cannot count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.model.installed import InstalledState
from holdfast.model.metadata import Metadata
from holdfast.model.requirement import Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """``requirer`` requires ``requirement`` here and now: its marker, if any, is true."""

    requirer: Metadata
    requirement: Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A demand that does not hold. ``found``: the version that is installed, None: nothing is."""

    demand: Demand
    found: Version | None

    def __str__(self) -> str:
        requirer, requirement = self.demand.requirer, self.demand.requirement
        wanted = f"{requirement.name}{requirement.specifier}"
        have = "which is not installed" if self.found is None else f"but {requirement.name} {self.found} is installed"
        return f"{requirer.display_name} {requirer.version} requires {wanted}, {have}"


def check(installed: InstalledState, markers: Mapping[str, str]) -> tuple[Problem, ...]:
    """Every requirement that does not hold, by requirer.

    Args:
        installed: Visible distributions included.
        markers: The target's PEP 508 environment.
    """
    world = {each.name: each.metadata for each in installed}
    return tuple(
        Problem(demand=demand, found=found.version if (found := world.get(demand.requirement.name)) else None)
        for demand in demands(world, markers)
        if not holds(demand, world)
    )


def demands(world: Mapping[NormalizedName, Metadata], markers: Mapping[str, str]) -> Iterator[Demand]:
    """What the distributions of a world require of one another, each demand once, by requirer.

    Args:
        world: Metadata by project.
        markers: The target's PEP 508 environment.
    """
    environment = dict(markers)
    wanted: dict[NormalizedName, set[str]] = {name: {""} for name in world}
    found: dict[NormalizedName, dict[Requirement, None]] = {name: {} for name in world}
    waiting = [(name, "") for name in world]
    while waiting:
        name, extra = waiting.pop()
        environment["extra"] = extra
        for requirement in world[name].requires:
            if requirement.marker is not None and not requirement.marker.evaluate(environment):
                continue
            found[name][requirement] = None
            if requirement.name in world:
                new = requirement.extras - wanted[requirement.name]
                wanted[requirement.name] |= new
                waiting += [(requirement.name, each) for each in sorted(new)]
    for name in sorted(found):
        yield from (Demand(requirer=world[name], requirement=requirement) for requirement in found[name])


def holds(demand: Demand, world: Mapping[NormalizedName, Metadata]) -> bool:
    """Whether a demand holds in a world; an installed pre-release counts as what it is."""
    found = world.get(demand.requirement.name)
    return found is not None and demand.requirement.specifier.contains(found.version, prereleases=True)
