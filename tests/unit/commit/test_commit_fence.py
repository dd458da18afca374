"""The fence: what a taker takes from the dead, and from takers that died on the way."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from holdfast import disk
from holdfast.commit.fence import fence, put_away
from holdfast.commit.recover import find_journals, recover
from holdfast.envlock import HeldLock, acquire
from holdfast.errors import InterruptedTransactionError
from holdfast.events import SILENT
from holdfast.model.owner import LockMode
from holdfast.model.request import LockSettings
from holdfast.model.transaction import LOCK_NAME
from holdfast.stage import litter
from holdfast.stage.area import transaction
from holdfast.target.installed import has_journal
from tests.crash.world import change, recovered, scheme_at, target_at, tree_of
from tests.support.areas import bare_target
from tests.support.faulty_disk import Call, Fail, FaultyDisk, Kill, Point, points, recorded, share, stopped
from tests.support.paused import NEW, OLD
from tests.support.trees import snapshot


@pytest.fixture
def root(tmp_path: Path) -> str:
    return settled(tmp_path / "env")


def settled(path: Path) -> str:
    made = os.path.realpath(path)
    os.makedirs(f"{made}/lib/python3/site-packages")
    change(made, (), OLD, fsync=False)
    return made


def files(root: str) -> dict[str, bytes]:
    found = {}
    for parent, directories, names in os.walk(root):
        directories[:] = [name for name in directories if not name.startswith(".holdfast")]
        for name in names:
            found[os.path.join(parent, name)] = Path(parent, name).read_bytes()
    return found


def at_the_end(call: Call) -> bool:
    return call.name == "unlink" and call.paths[0].endswith("/journal")


def break_lock(root: str) -> str:
    """As a waiter does who judged the holder dead (by pid he is this very process); his id."""
    place = os.path.join(scheme_at(root).purelib, LOCK_NAME)
    (identifier,) = os.listdir(place)
    os.rename(
        os.path.join(place, identifier), os.path.join(os.path.dirname(place), f".holdfast-{identifier}", "broken")
    )
    os.rmdir(place)
    return identifier


def interrupt(root: str, only: Callable[[Call], bool] = at_the_end) -> str:
    with FaultyDisk(Point(n=0), Kill(), only=only), stopped():
        change(root, OLD, NEW, fsync=False)
    return break_lock(root)


@contextmanager
def holding(root: str) -> Iterator[HeldLock]:
    with (
        transaction(target_at(root), mode=LockMode.MARKER, command="test") as tx,
        acquire(tx, LockSettings(mode=LockMode.MARKER, timeout=0), SILENT) as held,
    ):
        yield held


def test_what_was_broken_is_taken_renamed_and_emptied(root: str) -> None:
    dead = interrupt(root)
    library = scheme_at(root).purelib
    old = disk.open_dir(f"{library}/.holdfast-{dead}/old")
    new = disk.open_dir(f"{library}/.holdfast-{dead}/new")
    with holding(root) as held:
        own = held.transaction
        (taken,) = fence(target_at(root), held, spare={own.id})
        assert taken.path == f"{library}/.holdfast-{own.id}/taken/{dead}"
        assert not os.path.lexists(f"{library}/.holdfast-{dead}")
        names = set(os.listdir(taken.path))
        assert {f"journal-{own.id}", f"old-{own.id}", f"new-{own.id}", "broken"} <= names
        assert not {"journal", "old", "new"} & names
        for fd in (old, new):  # a step of who was paused, by the descriptor that he held
            with pytest.raises(FileNotFoundError):
                os.rename(f"{library}/a", "0", dst_dir_fd=fd)
            os.close(fd)
        assert has_journal(target_at(root))  # to readers it is not settled
        assert [each.path for each in find_journals(target_at(root))] == [os.path.dirname(os.path.dirname(taken.path))]
        put_away(taken, held)
        assert not has_journal(target_at(root))
    assert [name for name in os.listdir(library) if name.startswith(".holdfast")] == []


def test_who_was_broken_before_his_journal_is_fenced_and_nothing_is_taken_back(root: str) -> None:
    before = snapshot(root)
    interrupt(root, lambda call: call.name == "create" and call.paths[0].endswith("/journal.part"))
    outcome = recovered(root)
    assert outcome.recovered == ()
    assert snapshot(root) == before


def test_who_was_broken_after_the_point_of_no_return_stays_new(root: str) -> None:
    interrupt(root, lambda call: call.name == "rename" and call.paths[1].endswith("/done"))
    assert recovered(root).recovered == ()
    assert files(root) == tree_of(NEW, scheme_at(root))
    assert [name for name in os.listdir(scheme_at(root).purelib) if name.startswith(".holdfast")] == []


def recover_and_die(root: str, point: Point | None) -> None:
    with FaultyDisk(point, Kill()), stopped(), holding(root) as held:
        recover(target_at(root), held)


def break_whatever_is_left(root: str) -> None:
    place = os.path.join(scheme_at(root).purelib, LOCK_NAME)
    if os.path.isdir(place) and os.listdir(place):
        break_lock(root)


def test_takers_that_die_one_after_the_other_leave_all_to_the_last(root: str) -> None:
    """The third takes from the second what he took from the first."""
    dead = interrupt(root)

    def at_the_undo(call: Call) -> bool:
        return call.name.startswith("rename") and call.paths[0].startswith(scheme_at(root).purelib + "/a")

    for _ in range(3):
        with FaultyDisk(Point(n=0), Kill(), only=at_the_undo), stopped(), holding(root) as held:
            recover(target_at(root), held)
        break_lock(root)
    (name,) = (name for name in os.listdir(scheme_at(root).purelib) if name.startswith(".holdfast-"))
    assert os.listdir(os.path.join(scheme_at(root).purelib, name, "taken")) == [dead]
    assert len(recovered(root).recovered) == 1
    assert files(root) == tree_of(OLD, scheme_at(root))
    assert [name for name in os.listdir(scheme_at(root).purelib) if name.startswith(".holdfast")] == []


def every_death(tmp_path: Path, limit: int) -> None:
    counted = settled(tmp_path / "counted")
    interrupt(counted)

    def work() -> None:
        with holding(counted) as held:
            recover(target_at(counted), held)

    for point in share(points(recorded(work)), limit):
        root = settled(tmp_path / str(point))
        interrupt(root)
        recover_and_die(root, point)
        break_whatever_is_left(root)
        recovered(root)
        assert files(root) == tree_of(OLD, scheme_at(root)), point
        assert not has_journal(target_at(root)), point


def test_a_taker_may_die_anywhere(tmp_path: Path) -> None:
    every_death(tmp_path, 25)


@pytest.mark.exhaustive
def test_a_taker_may_die_anywhere_at_every_call(tmp_path: Path) -> None:
    every_death(tmp_path, 100_000)


def test_a_holder_whose_rename_fails_but_who_holds_the_lock_takes_back(root: str) -> None:
    """ENOENT with the lock still there is an ordinary error."""
    before = snapshot(root)
    only = FaultyDisk(
        Point(n=0), Fail(number=errno.ENOENT), only=lambda call: call.name == "rename" and "/a-" in call.paths[0]
    )
    with only, pytest.raises(Exception, match="No such file") as caught:
        change(root, OLD, NEW, fsync=False)
    assert not isinstance(caught.value, InterruptedTransactionError)
    assert snapshot(root) == before


def test_what_lies_in_a_lower_layer_is_carried_away_and_recovered(root: str) -> None:
    """EXDEV when a directory of a lower layer of an overlay is to be moved."""
    dead = interrupt(root)
    lower = f".holdfast-{dead}"
    with FaultyDisk(
        Point(n=0),
        Fail(number=errno.EXDEV),
        only=lambda call: call.name == "rename" and call.paths[0].endswith(lower),
    ) as overlay:
        assert len(recovered(root).recovered) == 1
    assert overlay.fired
    assert files(root) == tree_of(OLD, scheme_at(root))
    assert [name for name in os.listdir(scheme_at(root).purelib) if name.startswith(".holdfast")] == []


def test_who_locks_a_part_only_fences_and_leaves_recovery_to_who_locks_all(tmp_path: Path) -> None:
    whole = bare_target(str(tmp_path / "env"), platlib=str(tmp_path / "env" / "lib64"))
    part = bare_target(str(tmp_path / "env" / "lib64"), purelib=whole.scheme.platlib, platlib=whole.scheme.platlib)
    with (
        FaultyDisk(Point(n=0), Kill(), names=["utime"]),
        stopped(),
        transaction(whole, mode=LockMode.MARKER, command="a") as tx,
        acquire(tx, LockSettings(mode=LockMode.MARKER), SILENT),
    ):
        first, second = tx.directories
        Path(first.path, "journal").write_bytes(b"{}")
        Path(second.path, "old", "0").write_bytes(b"old")
        disk.utime(first.path)
    for library in (whole.scheme.purelib, whole.scheme.platlib):
        place = os.path.join(library, LOCK_NAME)
        os.rename(os.path.join(place, tx.id), os.path.join(library, f".holdfast-{tx.id}", "broken"))
        os.rmdir(place)
    with (
        transaction(part, mode=LockMode.MARKER, command="b") as other,
        acquire(other, LockSettings(mode=LockMode.MARKER, timeout=0), SILENT) as held,
    ):
        assert recover(part, held).recovered == ()
    litter.sweep(part)
    assert Path(second.path, f"old-{other.id}", "0").read_bytes() == b"old"
    assert not os.path.lexists(os.path.join(second.path, "old"))
    assert os.path.lexists(os.path.join(first.path, "journal"))
