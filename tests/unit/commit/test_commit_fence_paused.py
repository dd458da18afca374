"""A holder in another pid namespace is stopped past his lease, taken over and continued: nothing of his goes further.

He is stopped (SIGSTOP) before each mutating call from the publishing of his lock to the sweep.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast import disk
from holdfast.commit.recover import recover
from holdfast.envlock import acquire, lease
from holdfast.errors import LockUnavailableError
from holdfast.model.owner import LockMode
from holdfast.model.request import LockSettings
from holdfast.model.transaction import LOCK_NAME
from holdfast.stage.area import transaction
from tests.crash.world import change, scheme_at, target_at, tree_of
from tests.support.areas import Recorder
from tests.support.faulty_disk import Call, FaultyDisk, Kill, Point, stopped
from tests.support.paused import NEW, OLD, Container

BOTH = pytest.mark.parametrize("mode", [LockMode.MARKER, LockMode.FLOCK])


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    with Container() as made:
        yield made


@pytest.fixture(autouse=True)
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LEASE", 0.1)


def files(root: str) -> dict[str, bytes]:
    found = {}
    for parent, directories, names in os.walk(root):
        directories[:] = [name for name in directories if not name.startswith(".holdfast")]
        for name in names:
            found[os.path.join(parent, name)] = Path(parent, name).read_bytes()
    return found


def fresh(root: Path) -> str:
    made = os.path.realpath(root)
    os.makedirs(f"{made}/lib/python3/site-packages")
    change(made, (), OLD, fsync=False)
    return made


def left_over(root: str) -> list[str]:
    return [name for name in os.listdir(scheme_at(root).purelib) if name.startswith(".holdfast")]


def take_over(container: Container, root: str, mode: LockMode) -> str:
    """Take the lock from who stands still, recover, and let him go on while we hold it; his last word."""
    target = target_at(root)
    with transaction(target, mode=mode, command="test") as tx:
        with acquire(tx, LockSettings(mode=mode, timeout=20), Recorder()) as held:
            recover(target, held)
            before = files(root)
            assert before in (tree_of(OLD, scheme_at(root)), tree_of(NEW, scheme_at(root)))
            answer = container.ask("continue")
            assert held.still_held()
            assert os.listdir(os.path.join(scheme_at(root).purelib, LOCK_NAME)) == [tx.id]
        assert files(root) == before
    if answer.rest in {"taken-over", "moved", "recovered"}:
        assert before == tree_of(OLD, scheme_at(root))
    else:
        assert (answer.word, answer.rest) == ("ended", "committed")
        assert before == tree_of(NEW, scheme_at(root))
    assert left_over(root) == []
    return answer.rest


def go_through(container: Container, order: str, tmp_path: Path, mode: LockMode, every: int) -> set[str]:
    """Stop it at every so-manieth call; what its last words were."""
    words: set[str] = set()
    for n in range(0, 1000, every):
        root = fresh(tmp_path / str(n))
        answer = container.ask(order, root, mode, n)
        if not answer.stopped:
            assert answer.rest == "past"
            return words
        words.add(take_over(container, root, mode))
    raise AssertionError("it never ended")


@BOTH
@pytest.mark.parametrize("order", ["upgrade", "give-up"])
def test_a_paused_holder_is_fenced(container: Container, tmp_path: Path, mode: LockMode, order: str) -> None:
    words = go_through(container, order, tmp_path, mode, every=9)
    assert "taken-over" in words


@BOTH
@pytest.mark.exhaustive
@pytest.mark.parametrize("order", ["upgrade", "give-up"])
def test_a_paused_holder_is_fenced_at_every_call(
    container: Container, tmp_path: Path, mode: LockMode, order: str
) -> None:
    words = go_through(container, order, tmp_path, mode, every=1)
    assert words == {"taken-over", "committed" if order == "upgrade" else "moved"}


def interrupted(root: str) -> None:
    """A dead process's journal, just before the point of no return, and the lock that it never gave back."""

    def at_the_end(call: Call) -> bool:
        return call.name == "unlink" and call.paths[0].endswith("/journal")

    with FaultyDisk(Point(n=0), Kill(), only=at_the_end), stopped():
        change(root, OLD, NEW, fsync=False)
    place = os.path.join(scheme_at(root).purelib, LOCK_NAME)
    (identifier,) = os.listdir(place)  # it names this very process, which lives
    os.rename(
        os.path.join(place, identifier), os.path.join(os.path.dirname(place), f".holdfast-{identifier}", "broken")
    )


def go_through_recoveries(container: Container, tmp_path: Path, mode: LockMode, every: int) -> set[str]:
    words: set[str] = set()
    for n in range(0, 1000, every):
        root = fresh(tmp_path / str(n))
        interrupted(root)
        answer = container.ask("recover", root, mode, n)
        if not answer.stopped:
            assert answer.rest == "past"
            return words
        words.add(take_over(container, root, mode))
    raise AssertionError("it never ended")


@BOTH
def test_a_paused_taker_is_fenced(container: Container, tmp_path: Path, mode: LockMode) -> None:
    assert "taken-over" in go_through_recoveries(container, tmp_path, mode, every=13)


@BOTH
@pytest.mark.exhaustive
def test_a_paused_taker_is_fenced_at_every_call(container: Container, tmp_path: Path, mode: LockMode) -> None:
    assert go_through_recoveries(container, tmp_path, mode, every=1) == {"taken-over", "recovered"}


def test_who_was_killed_in_another_namespace_is_dead_at_once(
    container: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """His flock is free, on a file system whose locks this kernel knows."""
    root = fresh(tmp_path / "env")
    if disk.filesystem(root).type not in {"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "overlay"}:
        pytest.skip("the file system of the temporary directory is not one of those whose flock tells")
    monkeypatch.setattr(lease, "LEASE", 1000.0)
    assert container.ask("upgrade", root, LockMode.FLOCK, 12).stopped
    assert holds(root, LockMode.FLOCK, timeout=0.5) is False
    assert container.ask("kill").word == "killed"
    assert holds(root, LockMode.FLOCK, timeout=0)
    assert files(root) == tree_of(OLD, scheme_at(root))


def test_who_was_killed_in_another_namespace_without_flock_is_dead_after_his_lease(
    container: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fresh(tmp_path / "env")
    assert container.ask("upgrade", root, LockMode.MARKER, 12).stopped
    assert container.ask("kill").word == "killed"
    monkeypatch.setattr(lease, "LEASE", 2.0)
    assert holds(root, LockMode.MARKER, timeout=0.5) is False
    began = time.monotonic()
    assert holds(root, LockMode.MARKER, timeout=10)
    assert time.monotonic() - began >= 2
    assert files(root) == tree_of(OLD, scheme_at(root))
    assert left_over(root) == []


def test_who_was_killed_on_another_host_is_dead_after_his_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That his flock is free says nothing about other hosts."""
    root = fresh(tmp_path / "env")
    (tmp_path / "boot").write_text("00000000-1111-2222-3333-444444444444\n")
    with Container(boot=str(tmp_path / "boot")) as host:
        assert host.ask("upgrade", root, LockMode.FLOCK, 12).stopped
        assert host.ask("kill").word == "killed"
    monkeypatch.setattr(lease, "LEASE", 2.0)
    assert holds(root, LockMode.FLOCK, timeout=0.5) is False
    began = time.monotonic()
    assert holds(root, LockMode.FLOCK, timeout=10)
    assert time.monotonic() - began >= 2
    assert files(root) == tree_of(OLD, scheme_at(root))
    assert left_over(root) == []


def test_a_holder_in_the_same_namespace_is_waited_for(tmp_path: Path) -> None:
    """Past his lease too: that he can be seen counts."""
    root = fresh(tmp_path / "env")
    target = target_at(root)
    with (
        transaction(target, mode=LockMode.MARKER, command="a") as tx,
        acquire(tx, LockSettings(mode=LockMode.MARKER), Recorder()),
    ):
        assert holds(root, LockMode.MARKER, timeout=0.5) is False


def holds(root: str, mode: LockMode, *, timeout: float) -> bool:
    """Whether a command gets the lock; then it recovers."""
    target = target_at(root)
    try:
        with (
            transaction(target, mode=mode, command="test") as tx,
            acquire(tx, LockSettings(mode=mode, timeout=timeout), Recorder()) as held,
        ):
            recover(target, held)
    except LockUnavailableError:
        return False
    return True
