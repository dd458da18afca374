"""The reduced search comes to every end that the plain one comes to, and shows every process all that it could see."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from holdfast import disk
from holdfast.commit.fence import marked
from holdfast.commit.recheck import infos_by_project
from holdfast.commit.recover import find_journals
from holdfast.stage.litter import sweep
from tests.support.explorer import Bounds, Setting, explore
from tests.support.model_programs import laid
from tests.support.model_settings import TARGET
from tests.support.reduction import exhaust
from tests.support.simulated import DEATHS, Chooser, First, Kind, Process, World
from tests.support.simulation import Simulation

NAMES = ("/a", "/b", "/a/c", "/b/c", "/a/c/d")
WITHOUT_BOUND = 1000
Operation = Callable[[], object]


def operation(chance: random.Random) -> Operation:
    """A call on one or two of a few names, so that most of them meet."""
    one, other = (chance.choice(NAMES) for _ in range(2))
    pid = 101 + chance.randrange(2)
    calls: tuple[Operation, ...] = (
        lambda: disk.mkdir(one),
        lambda: disk.write_new(one, b"x"),
        lambda: disk.rename(one, other),
        lambda: disk.rename_exclusive(one, other),
        lambda: disk.link(one, other),
        lambda: disk.unlink(one),
        lambda: disk.rmdir(one),
        lambda: disk.lexists(one),
        lambda: disk.stat(one),
        lambda: disk.listdir("/"),
        lambda: disk.listdir("/a"),
        lambda: flocked(one),
        lambda: disk.sight(pid),
        lambda: waiting(one),
    )
    return chance.choice(calls)


def flocked(path: str) -> bool:
    fd = disk.open_for_writing(path)
    return disk.try_flock(fd)


def waiting(path: str) -> None:
    """Until something lies there, or for two sleeps."""
    for _ in range(2):
        if disk.lexists(path):
            return
        time.sleep(1)


def setting(seed: int, *, processes: int, length: int) -> Setting:
    chance = random.Random(seed)
    tree = laid(*chance.choice((({"/a/c": b"c"},), ({"/a/c/d": b"d"},), ({}, "/a", "/b"), ({}, "/a/c/d"))), coarse=True)
    programs = [[operation(chance) for _ in range(length)] for _ in range(processes)]

    def program(calls: list[Operation]) -> Callable[[Process], None]:
        def run(_me: Process) -> None:
            for call in calls:
                with suppress(OSError):
                    call()

        return run

    def made(chooser: Chooser) -> World:
        world = World(tree.clone(lambda: 0), chooser)
        for n, calls in enumerate(programs):
            world.add(f"P{n}", program(calls))
        return world

    return made


def ends(search: Callable[..., object], made: Setting, bounds: Bounds) -> tuple[set[object], object]:
    """What the disk is in the end, and what everybody saw."""
    found: set[object] = set()

    def noted(world: World) -> None:
        files = tuple(sorted(world.tree.files().items()))
        found.add((files, tuple((each.seen, each.dead) for each in world.processes)))

    return found, search(made, noted, bounds)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("deaths", [0, 1])
def test_both_searches_come_to_the_same_ends(seed: int, deaths: int) -> None:
    bounds = Bounds(preemptions=WITHOUT_BOUND, faults=deaths, kinds=DEATHS | {Kind.CLOCK})
    made = setting(seed, processes=2, length=3)
    plain, told = ends(explore, made, bounds)
    reduced, counted = ends(exhaust, made, bounds)
    assert reduced == plain, f"{told}; {counted}"


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(150))
def test_both_searches_come_to_the_same_ends_of_three(seed: int) -> None:
    bounds = Bounds(preemptions=WITHOUT_BOUND, faults=seed % 2, kinds=DEATHS)
    made = setting(1000 + seed, processes=3, length=3)
    plain, told = ends(explore, made, bounds)
    reduced, counted = ends(exhaust, made, bounds)
    assert reduced == plain, f"{told}; {counted}"


def test_what_is_not_shown_of_a_library_directory_makes_no_difference() -> None:
    """Each module drops the names of others' kinds itself: it finds the same whether it is shown them or not."""
    library = TARGET.scheme.purelib
    here = f"{library}/.holdfast-{'0' * 32}"
    tree = laid(
        {
            f"{here}/journal": b"x",
            f"{library}/a-1.dist-info/RECORD": b"",
            f"{library}/a.py": b"",
            f"{library}/journal/journal": b"",
            f"{library}/.holdfast.lock/x": b"",
            f"{library}/.holdfast-and-more": b"",
        },
        TARGET.scheme.scripts,
        TARGET.scheme.headers,
    )
    found: list[object] = []
    for libraries in ((), TARGET.library_directories):

        def looks(_me: Process) -> None:
            journals = [each.path for each in find_journals(TARGET)]
            found.append((journals, list(marked(library)), infos_by_project(TARGET), sweep(TARGET)))

        with Simulation() as simulation:
            simulation.world = world = World(tree.clone(lambda: 0), First(), libraries=libraries)
            world.add("P", looks)
            world.run()
            assert world.processes[0].error is None
    assert found[0] == found[1]
    assert found[0] != ([], [], {}, ())
