"""What simulated processes do, the product's own functions, and the rules that are held against every run.

`taking` takes and gives back the environment lock around a counter; `changing` is a whole command from the survey to
the sweep; `next_command` what the next one makes of what the others left. Their first argument is the world: what comes
before the lock is asked for is preparation, unless it is to be searched as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations, permutations, repeat
from typing import Any

from holdfast import disk
from holdfast.commit.changes import compute_changes, questions
from holdfast.commit.execute import execute
from holdfast.commit.recover import recover
from holdfast.commit.sweep import sweep
from holdfast.disk import calls
from holdfast.envlock import acquire
from holdfast.errors import HoldfastError, InterruptedTransactionError
from holdfast.events import SILENT
from holdfast.flows.recovery import locked, recover_target
from holdfast.flows.session import Session
from holdfast.flows.signals import Signals
from holdfast.model.changes import Committed
from holdfast.model.owner import LockMode, OwnerRecord
from holdfast.model.request import InstallPolicy, LockSettings
from holdfast.model.target import Target
from holdfast.model.transaction import LOCK_NAME, TRANSACTION_PREFIX, Transaction
from holdfast.stage.area import transaction
from holdfast.stage.fill import fill
from holdfast.stage.litter import PATIENCE
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
    world: World, target: Target, mode: LockMode, *, times: int = 1, whole: bool = False
) -> Callable[[Process], object]:
    """Take the lock, add one to the counter, give it back.

    Args:
        target: Whose lock.
        mode: Of it.
        times: How often.
        whole: What goes before and after, the transaction directory's life, may be disturbed too.
    """

    def once(me: Process) -> None:
        settings = LockSettings(mode=mode, timeout=TIMEOUT)
        with _transaction(target, mode, me, whole=whole) as tx:
            if me.preparing:
                world.ready(me)
            with acquire(tx, settings, SILENT, sync=False):
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


def lost_nothing(world: World, target: Target) -> str | None:
    """Every process that was not killed ended well, added what it should, and nothing is left of the lock."""
    for each in world.processes:
        if each.error is not None and not isinstance(each.error, HoldfastError):
            raise each.error
        if not each.dead and (each.error is not None or not each.ended):
            return f"{each.name} did not end well: {each.error!r}"
    counted = int(world.tree.files()[f"{target.root}/{COUNTER}"] or b"")
    added = sum(each.notes.get("added", 0) for each in world.processes)
    killed = sum(each.dead for each in world.processes)
    if not added <= counted <= added + killed:
        return f"{added} were added, {counted} were counted"
    return None if killed else clean(world)


def clean(world: World) -> str | None:
    """Nothing of holdfast's is left."""
    left = [path for path in world.tree.files() if ".holdfast" in path]
    return f"left: {left}" if left else None


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


def changing(
    target: Target, command: Command, mode: LockMode, *, whole: bool = False, stops: int | None = None
) -> Callable[[World], Callable[[Process], object]]:
    """Go from one set of distributions to another, as ``flows.transact.carry_out`` does.

    Args:
        target: The environment.
        command: From what to what.
        mode: Of the lock.
        whole: What goes before the lock and after it is searched too.
        stops: After so many steps a signal asks it to stop.
    """
    before, after, scheme = command.old, command.new, target.scheme
    plan, installed = plan_between(before, after, scheme), state_of(before, scheme)
    parts = coming(plan, after, scheme)
    asked = questions(plan, parts, installed, scheme)

    def program(world: World, me: Process) -> object:
        running = session(mode)
        asked_to_stop = chain(repeat(False, 1000 if stops is None else stops), repeat(True))
        with _transaction(target, mode, me, whole=whole) as tx:
            seen = survey(scheme, asked.paths, digests=asked.digests, texts=asked.texts)
            changes = compute_changes(plan, parts, installed, seen, target, running.policy)
            staged = fill(changes, tx, fsync=False)
            if me.preparing:
                world.ready(me)
            with locked(tx, running) as held:
                found = recover(target, held)
                assert not found.alive
                outcome = execute(staged, tx, held, target, fsync=False, stop=lambda: next(asked_to_stop))
            me.notes["outcome"] = outcome
            if isinstance(outcome, Committed):
                sweep(staged, tx, target)
        return outcome

    return lambda world: partial(program, world)


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


def contents(world: World, root: str) -> dict[str, bytes]:
    """The files of the environment, without what is holdfast's."""
    return {
        path: content
        for path, content in world.tree.files().items()
        if content is not None and path.startswith(f"{root}/") and all(map(is_target, path.split("/")))
    }


def serial(start: Iterable[Dist], surely: Iterable[Command], perhaps: Iterable[Command]) -> Iterator[State]:
    """Every state that some serial order of all the sure commands and any of the others leads to."""
    certain, others = tuple(surely), tuple(perhaps)
    for size in range(len(others) + 1):
        for extra in combinations(others, size):
            for order in permutations((*certain, *extra)):
                state: State | None = {each.name: each for each in start}
                for command in order:
                    state = command.applied(state)
                if state is not None:
                    yield state


def settled(
    world: World, target: Target, start: Iterable[Dist], commands: Iterable[Command], mode: LockMode
) -> str | None:
    """After the next command, some hours later, the environment is what some serial order makes, and nothing is left.

    Args:
        world: Whose processes ran these commands, in this order.
        target: The environment.
        start: What was installed in the beginning.
        commands: Of the processes.
        mode: Of the next command's lock.
    """
    ran = list(zip(world.processes, commands, strict=True))
    for each, _ in ran:
        if each.error is not None and not isinstance(each.error, HoldfastError):
            raise each.error
        taken_over = each.was_paused and isinstance(each.error, InterruptedTransactionError)
        if not each.dead and not taken_over and each.error is not None:
            return f"{each.name} did not end well: {each.error}"
    if not any(each.dead for each, _ in ran) and (what := clean(world)):
        return what
    for name in ("next", "the one after"):  # what a host left that cannot be seen from here is litter an hour later
        world.elapsed += 2 * PATIENCE
        after = world.afterwards(name, next_command(target, mode))
        if world.violation is not None or after.error is not None:
            return world.violation or f"the next command failed: {after.error!r}"
        if not clean(world):
            break
    surely = [command for each, command in ran if isinstance(each.notes.get("outcome"), Committed)]
    perhaps = [command for each, command in ran if (each.dead or each.error) and "outcome" not in each.notes]
    scheme, found = target.scheme, contents(world, target.root)
    if not any(found == tree_of(state.values(), scheme) for state in serial(start, surely, perhaps)):
        outcomes = [str(each.error or each.notes.get("outcome")) for each, _ in ran]
        return f"of no serial order: {sorted(found)} after {outcomes}"
    return clean(world)


# -- the rule about who may change the target


def is_target(name: str) -> bool:
    """Whether an entry is the target's own, not holdfast's."""
    return name != LOCK_NAME and not name.startswith(TRANSACTION_PREFIX)


def only_the_holder(world: World, target: Target) -> Callable[..., None]:
    """A monitor: whoever changes an entry of the target holds every lock of it at that moment."""
    root, kept = target.root, tuple(dict.fromkeys(target.library_directories))
    before = {"tree": target_entries(world.tree, root)}

    def monitor(me: Process, name: str, _args: tuple[Any, ...], _options: dict[str, Any]) -> None:
        if name not in ENTRIES:
            return
        now = target_entries(world.tree, root)
        if now == before["tree"]:
            return
        changed = sorted(set(now.items()) ^ set(before["tree"].items()))
        before["tree"] = now
        for library in kept:
            if holder_of(world, library) != me.pid:
                world.violate(f"{me.name} changed {changed[0][0]} without the lock of {library}")

    return monitor


ENTRIES = frozenset({"rename", "rename_noreplace", "link", "symlink", "unlink", "rmdir", "mkdir", "create"})


def target_entries(tree: Tree, root: str) -> dict[str, int]:
    """Every path of the target and the inode there."""
    found: dict[str, int] = {}

    def walk(entries: Mapping[str, Any], prefix: str) -> None:
        for name, child in entries.items():
            if is_target(name):
                found[f"{prefix}/{name}"] = child.number
                if child.entries:
                    walk(child.entries, f"{prefix}/{name}")

    walk(tree.resolve(root, tree.root, follow=True).entries or {}, root)
    return found


def holder_of(world: World, library: str) -> int | None:
    """The pid in the record of a library's lock."""
    try:
        place = world.tree.resolve(f"{library}/{LOCK_NAME}", world.tree.root, follow=False)
    except OSError:
        return None
    for name, inode in (place.entries or {}).items():
        record = OwnerRecord.from_bytes(inode.data)
        if record is not None and record.id == name:
            return record.pid
    return None
