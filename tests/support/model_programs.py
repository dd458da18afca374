"""What simulated processes do: the product's own functions, as its flows call them.

`taking` takes and gives back the environment lock around a counter; `changing` is a whole command from the survey to
the sweep; `next_command` what the next one makes of what the others left. Their first argument is the world: what comes
before the lock is asked for is preparation, unless it is to be searched as well. What must hold is in ``model_rules``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import count

from holdfast import disk
from holdfast.commit.changes import compute_changes, questions
from holdfast.commit.execute import execute
from holdfast.commit.recover import recover
from holdfast.commit.sweep import sweep
from holdfast.disk import calls
from holdfast.envlock import acquire
from holdfast.events import SILENT
from holdfast.flows.recovery import locked, recover_target
from holdfast.flows.session import Session
from holdfast.flows.signals import Signals
from holdfast.model.changes import Committed
from holdfast.model.owner import LockMode
from holdfast.model.request import InstallPolicy, LockSettings
from holdfast.model.target import Target
from holdfast.model.transaction import Transaction
from holdfast.stage.area import transaction
from holdfast.stage.fill import fill
from holdfast.target.survey import survey
from tests.crash.world import Dist, coming, plan_between, state_of, tree_of
from tests.support.memory_disk import MemoryDisk
from tests.support.memory_tree import Tree
from tests.support.simulated import Process, World

COUNTER = "counter"
TIMEOUT = 300.0


def session(mode: LockMode, *, fsync: bool = False) -> Session:
    """Of a command that nobody interrupts."""
    return Session(
        policy=InstallPolicy(fsync=fsync),
        lock=LockSettings(mode=mode, timeout=TIMEOUT),
        command="model",
        signals=Signals(),
        reporter=SILENT,
    )


def laid(files: Mapping[str, bytes], *directories: str, coarse: bool = False, reuse: bool = False) -> Tree:
    """A file system with these files."""
    memory = MemoryDisk(Tree(coarse=coarse, reuse=reuse))
    with calls.using(memory):
        for directory in directories:
            disk.make_parents(directory)
        for path, content in files.items():
            disk.make_parents(os.path.dirname(path))
            disk.write_new(path, content, mode=0o644)
    memory.end(memory.process)
    return memory.tree


# -- the lock alone


def lock_tree(target: Target, *, reuse: bool = False) -> Tree:
    """An empty environment with a counter at nought."""
    directories = [target.scheme.purelib, target.scheme.platlib, target.scheme.scripts, target.scheme.headers]
    return laid({f"{target.root}/{COUNTER}": b"0"}, *dict.fromkeys(directories), reuse=reuse)


def taking(
    world: World, target: Target, mode: LockMode, *, times: int = 1, whole: bool = False, holding: bool = False
) -> Callable[[Process], object]:
    """Take the lock, add one to the counter, give it back.

    Args:
        target: Whose lock.
        mode: Of it.
        times: How often.
        whole: What goes before and after, the transaction directory's life, may be disturbed too.
        holding: The search begins when it holds the lock for the first time.
    """

    def once(me: Process) -> None:
        settings = LockSettings(mode=mode, timeout=TIMEOUT)
        with _transaction(target, mode, me, whole=whole) as tx:
            if me.preparing and not holding:
                world.ready(me)
            with acquire(tx, settings, SILENT, sync=False), inside(world, me, tx.id):
                if me.preparing:
                    world.ready(me)
                add_one(f"{target.root}/{COUNTER}")
                me.notes["added"] = me.notes.get("added", 0) + 1

    def program(me: Process) -> None:
        for _ in range(times):
            once(me)

    return program


def add_one(path: str) -> None:
    """Not atomic: two at once lose one."""
    value = int(disk.read_regular(path, limit=20))
    fd = disk.open_for_writing(path)
    try:
        disk.pwrite(fd, b"%d" % (value + 1))
    finally:
        disk.close(fd)


# -- whole commands


@dataclass(frozen=True, kw_only=True)
class Command:
    """What one process does: from these distributions to those."""

    old: tuple[Dist, ...]
    new: tuple[Dist, ...]

    def applied(self, state: State | None) -> State | None:
        """What it makes of a state; None: it cannot, somebody was there before."""
        before, after = {each.name: each for each in self.old}, {each.name: each for each in self.new}
        mine = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        if state is None or any(state.get(name) != before.get(name) for name in mine):
            return None
        kept = {name: each for name, each in state.items() if name not in mine}
        return kept | {name: each for name, each in after.items() if name in mine}


State = dict[str, Dist]
"""The installed distributions, by name."""


class Begins(Enum):
    """From where on a program is searched."""

    ASKING = "when it asks for the lock"
    HOLDING = "when it holds the lock, having taken it from somebody who was silent"


def changing(  # noqa: C901 - a whole command, one thing after the other
    target: Target,
    command: Command,
    mode: LockMode,
    *,
    whole: bool = False,
    stops: int | None = None,
    may_fail: bool = False,
    begins: Begins | int = Begins.ASKING,
) -> Callable[[World], Callable[[Process], object]]:
    """Go from one set of distributions to another, as ``flows.transact.carry_out`` does.

    Args:
        target: The environment.
        command: From what to what.
        mode: Of the lock.
        whole: What goes before the lock and after it is searched too.
        stops: After so many steps a signal asks it to stop.
        may_fail: Calls of the commit may fail (`Kind.ERROR`).
        begins: From where on it is searched; a number: when it has made so many steps of its commit.
    """
    scheme = target.scheme
    plan, installed = plan_between(command.old, command.new, scheme), state_of(command.old, scheme)
    parts = coming(plan, command.new, scheme)
    wanted = questions(plan, parts, installed, scheme)

    def program(world: World, me: Process) -> object:
        running = session(mode)
        asked = count()

        def stop() -> bool:
            made = next(asked)
            if me.preparing and made == begins:
                world.ready(me)
            return stops is not None and made >= stops

        me.notes["unlocked"] = mode is LockMode.NONE
        with _transaction(target, mode, me, whole=whole) as tx:
            seen = survey(scheme, wanted.paths, digests=wanted.digests, texts=wanted.texts)
            changes = compute_changes(plan, parts, installed, seen, target, running.policy)
            staged = fill(changes, tx, fsync=False)
            if begins is Begins.HOLDING:
                world.stand_back(me)
            if me.preparing and begins is Begins.ASKING:
                world.ready(me)
            outcome = None
            while outcome is None:
                with locked(tx, running) as held, inside(world, me, tx.id, unlocked=mode is LockMode.NONE):
                    if me.preparing and begins is Begins.HOLDING:
                        world.ready(me)
                    if not recover(target, held).alive:
                        me.notes["may fail"], me.notes["may be late"] = may_fail, True
                        outcome = execute(staged, tx, held, target, fsync=False, stop=stop)
                        me.notes["may fail"] = me.notes["may be late"] = False
                if outcome is None:  # somebody without a lock is at work: the flow plans again, and waits for him
                    time.sleep(0.5)
            me.notes["outcome"] = outcome
            if isinstance(outcome, Committed):
                sweep(staged, tx, target)
        return outcome

    return lambda world: partial(program, world)


@contextmanager
def inside(world: World, me: Process, identifier: str, *, unlocked: bool = False) -> Iterator[None]:
    """The block in which a process holds the lock: nobody else is in one, unless he was broken."""
    world.look(me, "inside")
    for other, theirs in [(each, each.notes.get("inside")) for each in world.processes if each is not me]:
        if theirs and not unlocked and not other.gone and not {theirs, identifier} & world.broken:
            world.violate(f"{me.name} and {other.name} hold the lock")
    if not unlocked:
        me.notes["inside"] = identifier
    try:
        yield
    finally:
        me.notes["inside"] = None


@contextmanager
def _transaction(target: Target, mode: LockMode, me: Process, *, whole: bool) -> Iterator[Transaction]:
    """The product's, its beginning and end disturbed only if it shall be searched whole."""
    begun = transaction(target, mode=mode, command="model")
    with ExitStack() if whole else me.undisturbed():
        tx = begun.__enter__()
    try:
        yield tx
    except BaseException as error:  # passed on, when the transaction has ended
        with ExitStack() if whole else me.undisturbed():
            begun.__exit__(type(error), error, error.__traceback__)
        raise
    with ExitStack() if whole else me.undisturbed():
        begun.__exit__(None, None, None)


def next_command(target: Target, mode: LockMode) -> Callable[[Process], object]:
    """Recover what is journalled, sweep the litter, give the lock back: what every writing command begins with."""
    return lambda _me: recover_target(target, session(mode))


def command_tree(
    target: Target, dists: Iterable[Dist], *, coarse: bool = False, reuse: bool = False, lower: bool = False
) -> Tree:
    """An environment in which distributions are installed; ``lower``: in a lower layer of an overlay."""
    scheme = target.scheme
    directories = (scheme.purelib, scheme.platlib, scheme.scripts, scheme.headers)
    tree = laid(tree_of(dists, scheme), *directories, coarse=coarse, reuse=reuse)
    for path, content in tree.files().items():
        tree.resolve(path, tree.root, follow=False).lower = lower and content is None
    return tree
