"""What is searched: processes that take a lock, or run a command, from a moment on, and the rules for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.model.owner import LockMode
from holdfast.model.target import Target
from tests.crash.world import Dist, target_at
from tests.support.areas import bare_target
from tests.support.explorer import Bounds, Check, Found, Setting, explore, tell, wander
from tests.support.memory_tree import Tree
from tests.support.model_programs import Begins, Command, changing, command_tree, lock_tree, taking
from tests.support.model_rules import Settled, half_is_journalled, lost_nothing, one_holder, only_the_unfenced
from tests.support.reduction import exhaust
from tests.support.simulated import CLOCKS, DEATHS, Chooser, Kind, World

ONE = bare_target("/env", made=False)
TWO = bare_target("/env", platlib="/env/lib64", made=False)
TARGET = target_at("/env")
MODES = (LockMode.FLOCK, LockMode.MARKER)
LEASES = frozenset({Kind.EXPIRE})
DEATH = Bounds(faults=1, kinds=DEATHS)
LEASE = Bounds(faults=1, kinds=LEASES)
CLOCK = Bounds(faults=1, kinds=CLOCKS - LEASES)
ERROR = Bounds(faults=1, kinds=frozenset({Kind.ERROR}))
NOTHING = Bounds()


def alpha(version: str) -> Dist:
    """A module, so that it has few steps: out with the old dist-info, the module replaced, in with the new one."""
    return Dist(name="alpha", version=version, files={"alpha.py": version})


def rich(version: str) -> Dist:
    """A package, a module and a script."""
    return Dist(
        name="alpha", version=version, files={"alpha/__init__.py": version, "alpha.py": version, "bin:alpha": version}
    )


BETA = Dist(name="beta", files={"beta.py": "beta"})
OLD = (alpha("1"),)
UPGRADE = Command(old=OLD, new=(alpha("2"),))
OTHER_UPGRADE = Command(old=OLD, new=(alpha("3"),))
REMOVAL = Command(old=OLD, new=())
ADDITION = Command(old=OLD, new=(*OLD, BETA))
STEPS = 3
"""Of an upgrade."""
PAIRS = {
    "two upgrades": (UPGRADE, OTHER_UPGRADE),
    "an upgrade and a removal": (UPGRADE, REMOVAL),
    "an addition and an upgrade": (ADDITION, UPGRADE),
}
RICH_OLD = (rich("1"),)
RICH_PAIR = (
    Command(old=RICH_OLD, new=(rich("2"),)),
    Command(
        old=RICH_OLD, new=(*RICH_OLD, Dist(name="beta", files={"beta/__init__.py": "beta", "data:share/beta": "beta"}))
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A world to search, and what is asked of each of its ends."""

    name: str
    setting: Setting
    check: Check


def locks(
    target: Target,
    *modes: LockMode,
    times: Sequence[int] = (1, 1, 1),
    whole: bool = False,
    reuse: bool = False,
    uv: bool = False,
    apart: bool = False,
    hidden: bool = False,
    holding: bool = False,
) -> Model:
    """So many processes as modes, each taking the lock.

    Args:
        target: What is locked.
        modes: Of the processes.
        times: How often each takes it.
        whole: What lies around the lock is searched too.
        reuse: Inode numbers are given again, and two changes may leave one time.
        uv: uv's lock file lies there.
        apart: Each runs on a host of its own.
        hidden: Each runs in a pid namespace of its own, on one host: a free flock tells that its owner is dead.
        holding: The last one has the lock when the search begins.
    """
    tree = lock_tree(target, reuse=reuse)
    if uv:
        with_uv(tree)

    def made(chooser: Chooser) -> World:
        world = World(tree.clone(lambda: 0), chooser, libraries=target.library_directories)
        for n, (mode, often) in enumerate(zip(modes, times, strict=False)):
            last = holding and n == len(modes) - 1
            program = taking(world, target, mode, times=often, whole=whole, holding=last)
            host, namespace = f"host {n}" if apart else "one", n + 1 if hidden else 1
            world.add(f"P{n}", program, prepares=not whole, host=host, namespace=namespace)
        world.monitors.append(one_holder(world, target))
        return world

    where = " on hosts of their own" if apart else " in pid namespaces of their own" if hidden else ""
    return Model(name=f"{' and '.join(modes)}{where}", setting=made, check=lambda world: lost_nothing(world, target))


def with_uv(tree: Tree) -> None:
    """As uv leaves an environment."""
    root = tree.resolve("/env", tree.root, follow=False)
    tree.enter(root, ".lock", tree.new(0o100644, 1000, 1000))


def commands(
    *wanted: Command,
    modes: Sequence[LockMode] = (LockMode.FLOCK, LockMode.FLOCK, LockMode.FLOCK),
    begins: Sequence[Begins | int] = (Begins.ASKING, Begins.ASKING, Begins.ASKING),
    whole: bool = False,
    apart: bool = False,
    may_fail: bool = False,
    stops: int | None = None,
    lower: bool = False,
    coarse: bool = True,
    reuse: bool = False,
) -> Model:
    """One process for each command.

    Args:
        wanted: Of which each is staged at first, unless `whole`.
        modes: Of their locks.
        begins: From where on they are searched.
        whole: Staging and the end are searched too.
        apart: Each runs on a host of its own.
        may_fail: Calls of a commit may fail.
        stops: After so many steps a signal asks the last to stop.
        lower: What is installed lies in a lower layer of an overlay.
        coarse: Two changes may leave one mtime.
        reuse: Inode numbers are given again.
    """
    old = wanted[0].old
    tree = command_tree(TARGET, old, coarse=coarse, reuse=reuse, lower=lower)
    last = len(wanted) - 1
    programs = [
        changing(
            TARGET,
            command,
            mode,
            whole=whole,
            stops=stops if n == last else None,
            may_fail=may_fail,
            begins=begin,
        )
        for n, (command, mode, begin) in enumerate(zip(wanted, modes, begins, strict=False))
    ]

    def made(chooser: Chooser) -> World:
        world = World(tree.clone(lambda: 0), chooser, libraries=TARGET.library_directories)
        for n, program in enumerate(programs):
            world.add(f"P{n}", program(world), prepares=not whole, host=f"host {n}" if apart else "one")
        world.monitors += [one_holder(world, TARGET), only_the_unfenced(world, TARGET)]
        if LockMode.NONE not in modes:
            world.monitors.append(half_is_journalled(world, TARGET, old, wanted))
        return world

    # What is carried out of a lower layer file by file leaves an empty directory, which a late holder may remove.
    excuses = frozenset({Kind.ERROR, Kind.EXPIRE} if lower else {Kind.ERROR})
    check = Settled(TARGET, old, wanted, LockMode.FLOCK, excuses=excuses)
    return Model(name=f"{' and '.join(modes[: len(wanted)])}", setting=made, check=check)


def taken_over(
    *wanted: Command, step: int, mode: LockMode = LockMode.FLOCK, may_fail: bool = False, lower: bool = False
) -> Model:
    """The last has made so many steps when the lease runs out; the first has broken its lock, and looks now."""
    return commands(
        *wanted, modes=(mode, mode), begins=(Begins.HOLDING, step), apart=True, may_fail=may_fail, lower=lower
    )


# -- searching


def holds(what: str, model: Model, bounds: Bounds) -> Found:
    """Every run, but for the order of what commutes; tells the counts."""
    found = exhaust(model.setting, model.check, bounds)
    tell(f"{what}, {model.name}", found)
    assert found.violation is None, str(found)
    assert found.complete
    return found


def holds_as_far(what: str, model: Model, bounds: Bounds, runs: int = 30_000) -> Found:
    """As `holds`, but for at most so many runs, some ten minutes; what is told says whether these were all."""
    found = exhaust(model.setting, model.check, bounds, limit=runs)
    tell(f"{what}, {model.name}", found)
    assert found.violation is None, str(found)
    return found


def holds_within(what: str, model: Model, bounds: Bounds) -> Found:
    """Every run with so many preemptions; tells the counts."""
    found = explore(model.setting, model.check, bounds)
    tell(f"{what}, {model.name}, {bounds.preemptions} preemptions", found)
    assert found.violation is None, str(found)
    assert found.complete
    return found


def holds_at_random(what: str, model: Model, bounds: Bounds, runs: int) -> Found:
    """So many runs at random; tells the counts."""
    found = wander(model.setting, model.check, bounds, runs=runs)
    tell(f"{what}, {model.name}, at random", found)
    assert found.violation is None, str(found)
    return found
