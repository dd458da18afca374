"""Two changes that no order would have allowed together."""

from __future__ import annotations

import pytest

from holdfast.model.installed import InstalledDistribution, InstalledState
from holdfast.model.plan import InstallPlan
from holdfast.model.request import ResolvePolicy
from holdfast.plan.diff import diff
from holdfast.plan.meanwhile import misfit
from holdfast.plan.removal import plan_removal
from tests.unit.plan.test_plan_diff import MARKERS, dist, pin, resolution, state

BETA, NEWER = dist("beta", "1.0"), dist("beta", "2.0")
PICKY = dist("picky", "1.0", "beta<2")


def upgrade(before: InstalledState) -> InstallPlan:
    return diff(before, resolution(pin("beta", "2.0")), ResolvePolicy(upgrade=True))


def test_nothing_moved_is_nothing_to_look_at() -> None:
    before = state(BETA, PICKY)
    assert misfit(before, before, upgrade(before), MARKERS) is None


def test_who_requires_the_old_one_came() -> None:
    before = state(BETA)
    problem = misfit(before, state(BETA, PICKY), upgrade(before), MARKERS)
    assert str(problem) == "picky 1.0 requires beta<2, but beta 2.0 is installed"
    assert misfit(before, state(BETA, PICKY), upgrade(before), MARKERS, {PICKY.name}) is None


def test_who_is_removed_is_required_now() -> None:
    before = state(BETA)
    plan = plan_removal(before, (BETA.name,)).plan
    assert str(misfit(before, state(BETA, PICKY), plan, MARKERS)).endswith("which is not installed")


@pytest.mark.parametrize("now", [state(), state(NEWER)])
def test_what_the_plan_counts_on_went(now: InstalledState) -> None:
    before = state(BETA)
    plan = diff(before, resolution(pin("app", "1.0", "beta<2")), ResolvePolicy())
    assert misfit(before, now, plan, MARKERS) is not None


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ((BETA,), (BETA, dist("other", "1.0", "gamma"))),  # broken by the other alone
        ((PICKY,), (PICKY, dist("other", "1.0"))),  # broken before
        ((BETA, PICKY), (BETA, PICKY, dist("other", "1.0"))),  # broken by the plan, with leave
    ],
)
def test_what_one_of_the_two_breaks_alone_is_not_new(
    before: tuple[InstalledDistribution, ...], now: tuple[InstalledDistribution, ...]
) -> None:
    planned = state(*before)
    assert misfit(planned, state(*now), upgrade(planned), MARKERS) is None
