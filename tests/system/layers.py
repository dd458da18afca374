"""Environments on a real overlayfs, the old version in a lower layer; run inside a mount namespace of its own.

`main` runs one round (a function of this module, by name) in the process that it is called in, for `rounds` to call::

    python -m tests.system.layers killed HOME ABOVE LIMIT [fuse]
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

from holdfast.errors import CommitError, HoldfastError
from holdfast.model.changes import Committed, Moved
from tests.crash.test_commit_crash import FOREIGN, NEW, OLD, Bench, files, under_lock
from tests.crash.world import change, recovered, scheme_at, tree_of, write_tree
from tests.support.faulty_disk import Call, Fail, FaultyDisk, Kill, Point, When, points, recorded, share, stopped
from tests.support.mounts import Mounts

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = "lib/python3/site-packages/alpha"


def mount(at: str, *lower: str, upper: str, fuse: bool = False) -> None:
    """An overlay as container engines mount it, its upper directory made new.

    Args:
        at: Where.
        lower: The lower layers, the topmost first.
        upper: The upper one.
        fuse: By fuse-overlayfs, as rootless engines do.
    """
    for path in (at, upper, f"{upper}.work"):
        os.makedirs(path, exist_ok=True)
    options = f"lowerdir={':'.join(lower)},upperdir={upper},workdir={upper}.work"
    if fuse:
        subprocess.run(["fuse-overlayfs", "-o", options, at], check=True, capture_output=True)
    else:
        subprocess.run(["mount", "-t", "overlay", "-o", f"{options},redirect_dir=off", "overlay", at], check=True)


class Layers(Bench):
    """The bench of the crash tests: OLD in a lower layer; in the upper one only what an import wrote.

    Args:
        home: Holds the lower layer.
        above: Holds the upper ones.
        fuse: The mounts are fuse-overlayfs's.
    """

    def __init__(self, home: str, above: str, *, fuse: bool) -> None:
        self._above = above
        self._fuse = fuse
        self._lower: list[str] = []
        self._mounts = 0
        super().__init__(Path(home))

    def fresh(self) -> None:
        """OLD again, in a lower layer."""
        self._unmount()
        for name in os.listdir(self._above):
            shutil.rmtree(f"{self._above}/{name}")
        self._lower = [self._template]
        self._add_layer()
        made = f"{self.root}/{PACKAGE}/deep/__pycache__"
        os.mkdir(made)  # nothing of it in the lower layer; that of alpha itself is in both
        for path in (f"{made}/same.cpython-311.pyc", f"{self.root}/{PACKAGE}/__pycache__/gone.cpython-312.pyc"):
            with open(path, "wb") as file:
                file.write(b"imported")

    def seal(self) -> None:
        """What the upper layer holds becomes a lower one: the image was committed as it is, and built on."""
        self._unmount()
        self._add_layer()

    def _add_layer(self) -> None:
        self._mounts += 1
        upper = f"{self._above}/{self._mounts}"
        mount(self.root, *self._lower, upper=upper, fuse=self._fuse)
        self._lower.insert(0, upper)

    def _unmount(self) -> None:
        if self._lower:
            subprocess.run(["umount", "-l", self.root], check=True)  # an error may have left something open


def lone(bench: Layers) -> tuple[Call, ...]:
    """The calls of an upgrade that nothing stops, the lock's and all after it."""
    bench.fresh()
    outcomes: list[object] = []
    made = recorded(lambda: outcomes.append(bench.upgrade()), only=under_lock())
    (outcome,) = outcomes
    assert isinstance(outcome, Committed)
    assert outcome.carried > 0
    assert bench.state() == "new"
    bench.seal()
    assert bench.state() == "new"
    return made


def killed(bench: Layers, limit: int, *, sealed: bool = False) -> None:
    """Killed at every call, it is OLD or NEW after the next command, in this layer or in one above."""
    seen = set()
    for point in share(points(lone(bench)), limit):
        interrupt(bench, point)
        if sealed:
            bench.seal()
        settle(bench)
        seen.add(judged(bench, point))
    assert seen == {"old", "new"}


def sealed(bench: Layers, limit: int) -> None:
    """The same, the layer committed in between."""
    killed(bench, limit, sealed=True)


def failing(bench: Layers, limit: int) -> None:
    """An error at every call is taken back at once."""
    seen = set()
    for n, point in enumerate(share(points(lone(bench)), limit)):
        number = (errno.EIO, errno.ENOSPC)[n % 2]
        bench.fresh()
        outcome: object = None
        with FaultyDisk(point, Fail(number=number), only=under_lock()):
            try:
                outcome = bench.upgrade()
            except CommitError:
                outcome = "old"
            except (HoldfastError, OSError) as error:
                outcome = error
        bench.bury()
        bench.tidy()
        state = judged(bench, point)
        if isinstance(outcome, str | Committed):
            assert state == ("new" if isinstance(outcome, Committed) else "old"), point
        seen.add(state)
    assert seen == {"old", "new"}


def killed_in_undo(bench: Layers, limit: int, *, first: bool = False, then: bool = False) -> None:
    """Undo is killed at every call, for steps that were interrupted in several places; the next undo goes on.

    Args:
        bench: The environment.
        limit: How many points.
        first: The layer is sealed before the undo.
        then: And, or only, after it.
    """

    def prepared(interrupted: Point) -> None:
        interrupt(bench, interrupted)
        if first:
            bench.seal()

    for interrupted in inside(lone(bench)):
        prepared(interrupted)
        made = points(recorded(lambda: recovered(bench.root), only=under_lock()))
        for point in share(made, limit):
            prepared(interrupted)
            with FaultyDisk(point, Kill(), only=under_lock()), stopped():
                recovered(bench.root)
            if then:
                bench.seal()
            bench.bury()
            try:
                settle(bench)
            except AssertionError as error:
                error.add_note(f"{interrupted.call} and then {point}: {point.call}")
                raise
            assert judged(bench, point) == "old", (interrupted, point)


def sealed_in_undo(bench: Layers, limit: int) -> None:
    """The same, the half of a commit in one lower layer and the half of its undo in another."""
    killed_in_undo(bench, limit, then=True)


def killed_in_taking_over(bench: Layers, limit: int) -> None:
    """Who dies while he carries a dead one's directory out of a lower layer leaves it on both sides."""
    killed_in_undo(bench, limit, first=True)


def sealed_in_taking_over(bench: Layers, limit: int) -> None:
    """And that may be sealed too: three layers."""
    killed_in_undo(bench, limit, first=True, then=True)


def inside(made: tuple[Call, ...]) -> Iterator[Point]:
    """Just before the end; between the files of a directory that is carried; when one is out; when one is to come."""
    for name, side, path in (
        ("unlink", 0, "/journal"),
        ("rename", 0, "alpha/gone.py"),
        ("rename", 0, ".part"),
        ("rename_noreplace", 1, "site-packages/alpha"),
    ):
        n = next(n for n, call in enumerate(made) if call.name == name and call.paths[side].endswith(path))
        yield Point(n=n, call=made[n])


def interrupt(bench: Layers, point: Point) -> None:
    """OLD, and an upgrade of it that is killed."""
    bench.fresh()
    with FaultyDisk(point, Kill(), only=under_lock()) as disk, stopped():
        bench.upgrade()
    assert disk.fired or point.when is When.AFTER, point
    bench.bury()


def settle(bench: Layers) -> None:
    """The next command; it has nothing to complain of."""
    left = recovered(bench.root).left
    assert not left, left
    bench.tidy()


def judged(bench: Layers, point: Point) -> str:
    """The state, or what point led to none."""
    try:
        return bench.state()
    except AssertionError as error:
        error.add_note(f"{point}: {point.call}")
        raise


def foreign(bench: Layers, _: int) -> None:
    """What somebody writes into a package while it is carried is put back."""
    bench.fresh()
    package = f"{bench.root}/{PACKAGE}"
    written = {f"{package}/mine.txt": b"mine", f"{package}/deep/mine.txt": b"mine too"}

    class Writing(FaultyDisk):
        def _stop(self, made: Call) -> None:  # alpha itself has been read
            self.fired = made
            write_tree(written)

    with Writing(Point(n=0), only=lambda call: call.paths[0].endswith("alpha/deep/same.py")) as disk:
        outcome = bench.upgrade()
    assert disk.fired
    assert isinstance(outcome, Committed)
    assert outcome.left == ()
    bench.new.update(written)
    assert bench.state() == "new"


def occupied(bench: Layers, _: int) -> None:
    """What somebody puts where a carried package was stays, is named, and keeps nothing else from coming back."""
    placed = tuple(inside(lone(bench)))[-1]
    interrupt(bench, Point(n=placed.n - 1))
    package = f"{bench.root}/{PACKAGE}"
    write_tree({package: b"mine"})
    outcome = recovered(bench.root)
    assert outcome.left == (f"{package}: came meanwhile; left",), outcome.left
    bench.tidy()
    old = {path: content for path, content in bench.old.items() if not path.startswith(f"{package}/")}
    assert files(bench.root) == old | {package: b"mine"}


def again(bench: Layers, limit: int) -> None:
    """The second change in one layer, of what hides a package of the lower one; and killed at every call."""
    bench.fresh()
    bench.upgrade()
    new = files(bench.root)
    made = points(recorded(lambda: change(bench.root, NEW, OLD), only=under_lock()))
    last = files(bench.root)
    foreign = {f"{bench.root}/{path}": content for path, content in FOREIGN.items()}
    left = {f"{bench.root}/include/": b"an empty directory"}  # a scheme directory stays when its last header goes
    assert last == tree_of(OLD, scheme_at(bench.root)) | foreign | left
    for point in share(made, limit):
        bench.fresh()
        bench.upgrade()
        with FaultyDisk(point, Kill(), only=under_lock()), stopped():
            change(bench.root, NEW, OLD)
        bench.bury()
        settle(bench)
        found = files(bench.root)
        assert found in (new, last), (f"{point}: {point.call}", set(found.items()) ^ set(new.items()))


def stopping(bench: Layers, limit: int) -> None:
    """A signal is heeded between two files, and everything is taken back."""
    asked = count()
    bench.fresh()
    change(bench.root, OLD, NEW, stop=lambda: next(asked) < 0)
    total = next(asked)
    for n in range(0, total, max(total // limit, 1)):
        bench.fresh()
        asked = count()
        outcome = change(bench.root, OLD, NEW, stop=partial(after, asked, n))
        assert isinstance(outcome, Moved)
        assert bench.state() == "old"


def after(asked: Iterator[int], n: int) -> bool:
    """Whether it was asked so often."""
    return next(asked) >= n


ROUNDS: dict[str, Callable[[Layers, int], None]] = {
    each.__name__: each
    for each in (
        killed,
        sealed,
        failing,
        killed_in_undo,
        sealed_in_undo,
        killed_in_taking_over,
        sealed_in_taking_over,
        foreign,
        occupied,
        again,
        stopping,
    )
}


def round_in(mounts: Mounts, name: str, place: str, limit: int, *, home: str = "", fuse: bool = False) -> None:
    """Run a round in a namespace.

    Args:
        mounts: The namespace.
        name: Of the round.
        place: A directory that is there; holds the upper layers.
        limit: How many points.
        home: Holds the lower layer; empty: it is in ``place`` too.
        fuse: The mounts are fuse-overlayfs's.
    """
    for path in (home := home or f"{place}/home", above := f"{place}/above"):
        mounts.run("mkdir", "-p", path)
    line = [*mounts.enter, sys.executable, "-m", "tests.system.layers", name, home, above, str(limit)]
    line += ["fuse"] if fuse else []
    environment = {**os.environ, "PYTHONPATH": CHECKOUT}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def main() -> None:
    """One round, as the command line says."""
    name, home, above, limit, *fuse = sys.argv[1:]
    bench = Layers(home, above, fuse=bool(fuse))
    try:
        ROUNDS[name](bench, int(limit))
    finally:
        with suppress(subprocess.CalledProcessError):
            subprocess.run(["umount", "-l", bench.root], check=True)


if __name__ == "__main__":
    main()
