"""The model checker fires: it finds the holes of two protocols that look right (design section 3).

Both are written over the same `disk` calls and searched by the same explorer as the product's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from holdfast import disk
from holdfast.disk import calls
from tests.support.explorer import Bounds, Setting, explore, smallest, tell
from tests.support.model_programs import COUNTER, add_one, laid
from tests.support.reduction import exhaust
from tests.support.simulated import DEATHS, Choice, Chooser, Kind, Process, World
from tests.support.simulation import Simulation

HOME = "/shared"
LOCK, BREAK = f"{HOME}/lock", f"{HOME}/break"
LEASE = 30.0
Locked = Callable[[Process], "Iterator[None]"]


def counting(me: Process, lock: Locked, times: int) -> None:
    for _ in range(times):
        with contextmanager(lock)(me):
            add_one(f"{HOME}/{COUNTER}")
        me.notes["added"] = me.notes.get("added", 0) + 1


def setting(lock: Locked, *, processes: int, times: int = 1, leftover: str | None = None) -> Setting:
    files = {f"{HOME}/{COUNTER}": b"0"}
    if leftover is not None:
        files[LOCK] = leftover.encode()
    tree = laid(files, HOME)

    def made(chooser: Chooser) -> World:
        world = World(tree.clone(lambda: 0), chooser)
        for n in range(processes):
            world.add(f"P{n}", lambda me: counting(me, lock, times))
        return world

    return made


def counted(world: World) -> str | None:
    for each in world.processes:
        if each.error is not None:
            raise each.error
    value = int(world.tree.files()[f"{HOME}/{COUNTER}"] or b"")
    added = sum(each.notes.get("added", 0) for each in world.processes)
    dead = sum(each.dead for each in world.processes)
    return None if added <= value <= added + dead else f"{added} were added, {value} were counted"


def flock_and_unlink(_me: Process, *, look: bool) -> Iterator[None]:
    """A file that is flocked, and unlinked while it is held."""
    while True:
        fd = calls.current.create(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if disk.try_flock(fd) and (not look or is_still(fd)):
            break
        disk.close(fd)
        time.sleep(0.01)
    yield
    remove(LOCK)
    disk.close(fd)


def is_still(fd: int) -> bool:
    """The check whose lack is the hole: is the file that was locked the one that others find?"""
    try:
        return disk.lstat(LOCK).st_ino == disk.fstat(fd).st_ino
    except FileNotFoundError:
        return False


def link_and_break_lock(me: Process) -> Iterator[None]:
    """A file published by link(); who wants to remove a dead one's takes a second such lock, with a lease, for it."""
    mine = f"{HOME}/{me.name}"
    disk.write_new(mine, str(me.pid).encode())
    while not linked(mine, LOCK):
        owner = owner_of(LOCK)
        if owner is not None and not disk.sight(owner).exists:
            break_dead(mine)
        else:
            time.sleep(1)
    yield
    remove(LOCK)
    disk.unlink(mine)


def break_dead(mine: str) -> None:
    since, breaker = time.monotonic(), owner_of(BREAK)
    while not linked(mine, BREAK):
        if owner_of(BREAK) != breaker:
            since, breaker = time.monotonic(), owner_of(BREAK)
        if time.monotonic() - since > LEASE:
            remove(BREAK)
        else:
            time.sleep(1)
    owner = owner_of(LOCK)
    if owner is not None and not disk.sight(owner).exists:
        remove(LOCK)
    remove(BREAK)


def linked(mine: str, path: str) -> bool:
    try:
        disk.link(mine, path)
    except FileExistsError:
        return False
    return True


def owner_of(path: str) -> int | None:
    try:
        return int(disk.read_regular(path, limit=20))
    except FileNotFoundError:
        return None


def remove(path: str) -> None:
    with suppress(FileNotFoundError):
        disk.unlink(path)


EXPIRY = Bounds(faults=1, kinds=frozenset({Kind.EXPIRE}))


def test_flock_and_unlink_without_a_look_at_the_inode_is_found() -> None:
    broken = setting(lambda me: flock_and_unlink(me, look=False), processes=2, times=2)
    found = exhaust(broken, counted, Bounds())
    tell("flock and unlink", found)
    assert found.violation is not None
    assert "counted" in found.violation


def test_flock_and_unlink_with_a_look_at_the_inode_holds() -> None:
    right = setting(lambda me: flock_and_unlink(me, look=True), processes=2)
    found = exhaust(right, counted, Bounds(faults=1, kinds=DEATHS))
    tell("flock, look and unlink", found)
    assert found.violation is None
    assert found.complete


def test_link_and_a_break_lock_is_found_once_somebody_is_stopped() -> None:
    """A breaker is stopped before his unlink, past his lease; then it hits the lock of the next holder."""
    broken = setting(link_and_break_lock, processes=2, leftover="99")
    calm = exhaust(broken, counted, Bounds())
    tell("link and break lock, nobody stopped", calm)
    assert calm.violation is None
    assert calm.complete
    found = exhaust(broken, counted, EXPIRY)
    tell("link and break lock", found)
    assert found.violation is not None
    assert any("expire" in line for line in found.schedule)


def test_the_plain_search_finds_both_with_few_interruptions() -> None:
    unlinked = setting(lambda me: flock_and_unlink(me, look=False), processes=2, times=2)
    assert smallest(unlinked, counted, Bounds(preemptions=3)).violation is not None
    linked_only = setting(link_and_break_lock, processes=2, leftover="99")
    bounds = Bounds(preemptions=2, faults=1, kinds=EXPIRY.kinds)
    assert smallest(linked_only, counted, bounds).violation is not None


def test_what_is_found_can_be_had_again() -> None:
    broken = setting(lambda me: flock_and_unlink(me, look=False), processes=2, times=2)
    one, other = (explore(broken, counted, Bounds(preemptions=3)) for _ in range(2))
    assert one.schedule == other.schedule != []


def deadlock(_me: Process) -> Iterator[None]:
    """A lock that nobody gives back."""
    while not linked(f"{HOME}/{COUNTER}", LOCK):
        time.sleep(1)
    yield


def test_waiting_for_ever_is_found() -> None:
    found = explore(setting(deadlock, processes=2), counted, Bounds(preemptions=0))
    assert found.violation == "it goes on for ever"


def test_every_interleaving_is_had() -> None:
    """Two processes of three calls each: all twenty interleavings, each order of results once."""
    orders: set[str] = set()

    def program(me: Process) -> None:
        for n in range(3):
            disk.mkdir(f"/{me.name}{n}")
            me.notes["order"].append(me.name)

    def made(chooser: Chooser) -> World:
        world = World(laid({}).clone(lambda: 0), chooser)
        order: list[str] = []
        for name in "ab":
            world.add(name, program).notes["order"] = order
        # a state that remembers the order, so that no run is cut short
        world.monitors.append(lambda _, me, *__: setattr(me, "seen", hash((me.seen, tuple(order)))))
        return world

    def noted(world: World) -> None:
        orders.add("".join(world.processes[0].notes["order"]))

    found = explore(made, noted, Bounds(preemptions=6))
    assert len(orders) == 20
    assert found.complete


def test_the_dead_leave_what_they_had_and_let_go_of_their_locks() -> None:
    def holder(_me: Process) -> None:
        fd = disk.open_new(LOCK)
        assert disk.try_flock(fd)
        disk.write(fd, b"content")
        disk.mkdir(f"{HOME}/never")

    def seeker(me: Process) -> None:
        fd = disk.open_for_writing(LOCK)
        me.notes["free"] = disk.try_flock(fd)
        me.notes["seen"] = disk.sight(101).exists

    class Killer:
        def kinds(self) -> frozenset[Kind]:
            return DEATHS

        def choose(self, world: World, choices: Sequence[Choice]) -> Choice:  # noqa: ARG002 - a Chooser
            torn = [each for each in choices if each.kind is Kind.TEAR]
            return torn[0] if torn else choices[0]

    with Simulation() as simulation:
        simulation.world = world = World(laid({}, HOME).clone(lambda: 0), Killer())
        world.add("holder", holder)
        world.add("seeker", seeker)
        world.run()
    assert world.tree.files() == {HOME: None, LOCK: b"con"}
    notes = world.processes[1].notes
    assert (notes["free"], notes["seen"]) == (True, False)
