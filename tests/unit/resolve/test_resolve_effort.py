"""Hard worlds end, and soon: decisions are counted, not seconds."""

from __future__ import annotations

import pytest

from holdfast.events import SILENT
from holdfast.model.installed import InstalledState
from holdfast.resolve.problem import Problem
from holdfast.resolve.pubgrub import NoSolutionError, PubGrub
from holdfast.resolve.session import open_session
from tests.support.package_world import MARKERS, TAGS, PackageWorld, root


def effort(world: PackageWorld, *asked: str) -> tuple[bool, int]:
    """Whether there is a solution, and how many decisions it took to know."""
    problem = Problem(roots=tuple(map(root, asked)), markers=MARKERS, tags=TAGS, python_version="3.12.1")
    search = PubGrub(open_session(problem, world, InstalledState(), SILENT).world())
    try:
        search.solve()
    except NoSolutionError:
        return False, search.decisions
    return True, search.decisions


def test_four_releases_that_exclude_each_other() -> None:
    world = PackageWorld()
    for number in range(4):
        world.add("a", str(number), [f"b=={number}"])
        world.add("b", str(number), [f"a=={(number + 1) % 4}"])
    solved, decisions = effort(world, "a", "b")
    assert not solved
    assert decisions <= 4


@pytest.mark.parametrize("size", [5, 10, 20])
def test_a_conflict_far_from_many_choices(size: int) -> None:
    """Blind backtracking tries size ** size selections of p before it looks at x and y."""
    world, names = PackageWorld(), [f"p{number}" for number in range(size)]
    for version in range(size):
        for name in names:
            world.add(name, str(version), [f"q{name}=={version}", "z"])
            world.add(f"q{name}", str(version))
        world.add("z", str(version), ["x", "y"])
        world.add("x", str(version), [f"c=={version}"])
        world.add("y", str(version), [f"c=={version + size}"])
    for version in range(2 * size):
        world.add("c", str(version))
    solved, decisions = effort(world, *names)
    assert not solved
    assert decisions < 3 * size**2


@pytest.mark.parametrize("size", [5, 10, 20])
def test_versions_that_go_in_lockstep(size: int) -> None:
    world, names = PackageWorld(), [f"p{number}" for number in range(size)]
    for version in range(size):
        for name in names:
            world.add(name, str(version), [f"{other}=={version}" for other in names if other != name])
    world.add("old", "1", ["p3==0"])
    solved, decisions = effort(world, *names, "old")
    assert solved
    assert decisions <= 2 * size


def test_releases_that_ask_for_the_same_fall_at_once() -> None:
    world = PackageWorld()
    for number in range(300):
        world.add("a", f"1.{number}", ["lib<2"])
        world.add("b", f"1.{number}", ["lib>=2"])
    world.add("lib", "1.0")
    world.add("lib", "2.0")
    solved, decisions = effort(world, "a", "b")
    assert not solved
    assert decisions <= 300
