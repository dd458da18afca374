"""The rules that are held against every run of simulated processes (issue 4, number 14).

While it runs, after every single call:

- `one_holder`: no lock is lost or taken twice. A record enters a lock by its owner's call only; it leaves by its
  owner's, or is broken by somebody for whom he is dead, or for whom his lease has run out.
- `only_the_unfenced`: an entry or a file of the target is changed by who holds every lock, or by who was broken and is
  not yet fenced (what he does is recovered: the fence comes first); never by anybody else.
- `half_is_journalled`: where the target is no whole state, a reader finds a journal.

In the end: `lost_nothing` for locks, `settled` for commands. Everybody who was not killed ends; nothing is left; the
target is what the commands make one after the other, in some order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, permutations

from holdfast.errors import CommitError, HoldfastError, InterruptedTransactionError
from holdfast.model.changes import Committed
from holdfast.model.owner import LockMode, OwnerRecord
from holdfast.model.target import Target
from holdfast.model.transaction import LOCK_NAME, TRANSACTION_PREFIX
from holdfast.stage.litter import PATIENCE
from tests.crash.world import Dist, tree_of
from tests.support.memory_tree import Inode
from tests.support.model_programs import COUNTER, Command, State, next_command
from tests.support.simulated import Kind, Monitor, Process, World

_MARKS = ("journal", "taken")
_CHANGES = frozenset({"listing", "status"})
Files = dict[str, tuple[int, int, bytes]]
"""Path -> inode, mode and content."""


# -- while it runs


def one_holder(world: World, target: Target) -> Monitor:
    """No lock is lost, stolen or taken twice."""
    libraries = tuple(dict.fromkeys(target.library_directories))
    held = {library: _holder(world, library) for library in libraries}

    def monitor(world: World, me: Process, _name: str) -> None:
        if not world.footprint.writes:
            return
        for library in libraries:
            now = _holder(world, library)
            if now == held[library]:
                continue
            before, held[library] = held[library], now
            if before is not None and (what := _taken_out(world, me, before)):
                world.violate(f"{me.name} took {what} out of the lock of {library}")
            if now is not None and now.pid != me.pid:
                world.violate(f"{me.name} put a record of {now.pid} into the lock of {library}")

    return monitor


def _taken_out(world: World, me: Process, before: OwnerRecord) -> str:
    """What is wrong with it; empty: nothing."""
    if before.pid == me.pid:
        return ""
    world.broken.add(before.id)
    owner = next(each for each in world.processes if each.pid == before.pid)
    silent: OwnerRecord | None = me.notes.get("silent")
    if owner.gone or (silent is not None and (silent.id, silent.counter) == (before.id, before.counter)):
        return ""
    return f"the record of {owner.name}, who lives,"


class TargetWatch:
    """The files of a target, looked at again only after a step that may have changed them.

    Args:
        world: Whose tree.
        target: The environment.
    """

    def __init__(self, world: World, target: Target) -> None:
        self._root = target.root
        self.files: Files = {}
        self.changed: tuple[str, ...] = ()
        self._inodes: set[int] = set()
        self._look(world)

    def step(self, world: World) -> bool:
        """Whether the step that was made changed any; ``changed`` says which."""
        marks = world.footprint
        if not any(
            place[0] in _CHANGES and place[1] in self._inodes
            for places in (marks.writes, marks.touches)
            for place in places
        ):
            return False
        before = self.files
        self._look(world)
        both = {*before, *self.files}
        self.changed = tuple(sorted(path for path in both if before.get(path) != self.files.get(path)))
        return bool(self.changed)

    def _look(self, world: World) -> None:
        self.files, self._inodes = {}, set()
        tree, noted = world.tree, world.tree.noted
        tree.noted = None
        self._walk(tree.resolve(self._root, tree.root, follow=True), self._root)
        tree.noted = noted

    def _walk(self, directory: Inode, prefix: str) -> None:
        self._inodes.add(directory.number)
        for name, child in (directory.entries or {}).items():
            if not is_target(name):
                continue
            if child.is_dir:
                self._walk(child, f"{prefix}/{name}")
            else:
                self._inodes.add(child.number)
                self.files[f"{prefix}/{name}"] = (child.number, child.mode, child.data)


def only_the_unfenced(world: World, target: Target) -> Monitor:
    """Whoever changes the target holds every lock of it, or was broken and is not yet fenced.

    Directories count by the files in them: an empty one may come or go.
    """
    libraries = tuple(dict.fromkeys(target.library_directories))
    watch = TargetWatch(world, target)

    def monitor(world: World, me: Process, _name: str) -> None:
        if not watch.step(world) or me.notes.get("unlocked"):
            return
        for library in libraries:
            holder = _holder(world, library)
            if holder is not None and holder.pid == me.pid:
                continue
            if me.notes.get("inside") in world.broken - world.fenced:
                continue
            world.violate(f"{me.name} changed {watch.changed[0]} without the lock of {library}")

    return monitor


def half_is_journalled(world: World, target: Target, start: Iterable[Dist], commands: Iterable[Command]) -> Monitor:
    """A target that is no whole state has a journal that readers find."""
    whole = {frozenset(tree_of(state.values(), target.scheme).items()) for state in serial(start, (), tuple(commands))}
    libraries = tuple(dict.fromkeys(target.library_directories))
    watch = TargetWatch(world, target)
    half = [False]

    def monitor(world: World, me: Process, _name: str) -> None:
        if watch.step(world):
            half[0] = frozenset((path, file[2]) for path, file in watch.files.items()) not in whole
        if half[0] and not any(_is_journalled(world, library) for library in libraries):
            world.violate(f"after a step of {me.name} half a change lies there without a journal")

    return monitor


def _is_journalled(world: World, library: str) -> bool:
    tree, noted = world.tree, world.tree.noted
    tree.noted = None
    entries = tree.resolve(library, tree.root, follow=False).entries or {}
    tree.noted = noted
    return any(
        mark in (child.entries or {}) for name, child in entries.items() if not is_target(name) for mark in _MARKS
    )


def _holder(world: World, library: str) -> OwnerRecord | None:
    """The record in a library's lock."""
    tree, noted = world.tree, world.tree.noted
    tree.noted = None
    try:
        place = tree.resolve(f"{library}/{LOCK_NAME}", tree.root, follow=False)
    except OSError:
        return None
    finally:
        tree.noted = noted
    for name, inode in (place.entries or {}).items():
        record = OwnerRecord.from_bytes(inode.data)
        if record is not None and record.id == name:
            return record
    return None


def is_target(name: str) -> bool:
    """Whether an entry is the target's own, not holdfast's."""
    return name != LOCK_NAME and not name.startswith(TRANSACTION_PREFIX)


def contents(world: World, root: str) -> dict[str, bytes]:
    """The files of the environment, without what is holdfast's."""
    return {
        path: content
        for path, content in world.tree.files().items()
        if content is not None and path.startswith(f"{root}/") and all(map(is_target, path.split("/")))
    }


# -- in the end


def clean(world: World) -> str | None:
    """Nothing of holdfast's is left."""
    left = [path for path in world.tree.files() if ".holdfast" in path]
    return f"left: {left}" if left else None


def ended_well(each: Process, world: World, *, excuses: frozenset[Kind] = frozenset()) -> str | None:
    """Who was not killed ended, with its work done; or taken over, if a lease ran out; or failed, for an excuse."""
    if each.error is not None and not isinstance(each.error, HoldfastError):
        raise each.error
    if each.dead or (each.ended and each.error is None):
        return None
    kinds = {kind for kind, _ in world.happened}
    if isinstance(each.error, InterruptedTransactionError) and Kind.EXPIRE in kinds:
        return None
    if excuses & kinds and isinstance(each.error, CommitError):
        return None
    return f"{each.name} did not end well: {each.error!r}"


def lost_nothing(world: World, target: Target) -> str | None:
    """Every process that was not killed ended well, added what it should, and nothing is left of the lock."""
    for each in world.processes:
        if (what := ended_well(each, world)) is not None:
            return what
    counted = int(world.tree.files()[f"{target.root}/{COUNTER}"] or b"")
    added = sum(each.notes.get("added", 0) for each in world.processes)
    killed = sum(each.dead for each in world.processes)
    if not world.broken and not added <= counted <= added + killed:  # a counter has no fence
        return f"{added} were added, {counted} were counted"
    return None if killed else clean(world)


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


class Settled:
    """After the next command, some hours later, the environment is what some serial order makes, and nothing is left.

    Ends that were looked at are remembered: from the same tree and the same outcomes comes the same.

    Args:
        target: The environment.
        start: What was installed in the beginning.
        commands: Of the processes, in this order.
        mode: Of the next command's lock.
        excuses: After what a commit may fail, with everything taken back.
    """

    def __init__(
        self,
        target: Target,
        start: Iterable[Dist],
        commands: Iterable[Command],
        mode: LockMode,
        *,
        excuses: frozenset[Kind] = frozenset({Kind.ERROR}),
    ) -> None:
        self._target = target
        self._start = tuple(start)
        self._commands = tuple(commands)
        self._mode = mode
        self._excuses = excuses
        self.ends: dict[object, str | None] = {}

    def __call__(self, world: World) -> str | None:
        """What is wrong with it."""
        key = (
            tuple(sorted(world.tree.files().items())),
            tuple((each.dead, str(each.error), str(each.notes.get("outcome"))) for each in world.processes),
            tuple(kind for kind, _ in world.happened),
        )
        if key not in self.ends or world.trace is not None:
            self.ends[key] = self._checked(world)
        return self.ends[key]

    def _checked(self, world: World) -> str | None:
        ran = list(zip(world.processes, self._commands, strict=True))
        for each, _ in ran:
            if (what := ended_well(each, world, excuses=self._excuses)) is not None:
                return what
        if not any(each.dead for each, _ in ran) and (what := clean(world)):
            return what
        for name in ("next", "the one after"):  # what a host left that cannot be seen from here is litter an hour later
            world.elapsed += 2 * PATIENCE
            after = world.afterwards(name, next_command(self._target, self._mode))
            if world.violation is not None or after.error is not None:
                return world.violation or f"the next command failed: {after.error!r}"
            if not clean(world):
                break
        surely = [command for each, command in ran if isinstance(each.notes.get("outcome"), Committed)]
        perhaps = [
            command
            for each, command in ran
            if (each.dead or isinstance(each.error, InterruptedTransactionError)) and "outcome" not in each.notes
        ]
        scheme, found = self._target.scheme, contents(world, self._target.root)
        if not any(found == tree_of(state.values(), scheme) for state in serial(self._start, surely, perhaps)):
            outcomes = [str(each.error or each.notes.get("outcome")) for each, _ in ran]
            return f"of no serial order: {sorted(found)} after {outcomes}"
        return clean(world)
