"""Taking, waiting for, breaking and giving back the environment lock."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast import disk
from holdfast.disk import calls
from holdfast.envlock import HeldLock, acquire
from holdfast.errors import InterruptedTransactionError, LockUnavailableError
from holdfast.events import LockAcquired
from holdfast.model.owner import LockMode, OwnerRecord
from holdfast.model.request import LockSettings
from holdfast.model.target import Target
from holdfast.model.transaction import LOCK_NAME
from holdfast.stage.area import transaction
from tests.support.areas import (
    Recorder,
    bare_target,
    begin,
    dead_owner,
    living_owner,
    plant_lock,
    plant_transaction,
)
from tests.support.trees import snapshot

ONCE = LockSettings(mode=LockMode.FLOCK, timeout=0)
UNSET = LockSettings(timeout=0)
MARKER = LockSettings(mode=LockMode.MARKER, timeout=0)


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return bare_target(str(tmp_path / "env"))


def record_at(target: Target, identifier: str) -> OwnerRecord:
    with open(os.path.join(target.scheme.purelib, LOCK_NAME, identifier), "rb") as file:
        record = OwnerRecord.from_bytes(file.read())
    assert record is not None
    return record


def take_once(target: Target) -> None:
    with begin(target) as tx, acquire(tx, ONCE, Recorder()):
        pass


def test_the_lock_is_a_directory_with_the_owners_record(target: Target) -> None:
    with begin(target) as tx, acquire(tx, ONCE, Recorder()) as held:
        place = os.path.join(target.scheme.purelib, LOCK_NAME)
        assert os.listdir(place) == [tx.id]
        with open(os.path.join(place, tx.id), "rb") as file:
            record = OwnerRecord.from_bytes(file.read())
            with pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert record is not None
        assert replace(record, since=tx.owner.since) == tx.owner  # it says since when the lock is held
        assert record.pid == os.getpid()
        assert held.still_held()
        held.check()
        assert held.mode is LockMode.FLOCK
        assert held.transaction is tx


def test_nothing_is_left(target: Target, tmp_path: Path) -> None:
    before = snapshot(str(tmp_path))
    take_once(target)
    with pytest.raises(KeyError), begin(target) as tx, acquire(tx, ONCE, Recorder()):
        raise KeyError
    assert snapshot(str(tmp_path)) == before


def test_after_the_block_the_token_refuses(target: Target) -> None:
    with begin(target) as tx:
        with acquire(tx, ONCE, Recorder()) as held:
            pass
        assert not held.still_held()
        with pytest.raises(InterruptedTransactionError, match="took over"):
            held.check()


def test_only_acquire_makes_a_token(target: Target) -> None:
    with begin(target) as tx, pytest.raises(TypeError):
        HeldLock(maker=object(), transaction=tx, mode=LockMode.FLOCK, waited=0)


def test_one_transaction_may_take_the_lock_again(target: Target) -> None:
    with begin(target) as tx:
        for _ in range(3):
            with acquire(tx, ONCE, Recorder()) as held:
                assert held.still_held()


def test_a_held_lock_with_timeout_0_is_an_error_that_names_the_holder(target: Target) -> None:
    with begin(target, "install django") as first, acquire(first, ONCE, Recorder()), begin(target) as second:
        began = time.monotonic()
        with pytest.raises(LockUnavailableError) as caught, acquire(second, ONCE, Recorder()):
            pass
    assert time.monotonic() - began < 5
    assert caught.value.exit_code == 6
    for word in (
        os.path.join(target.scheme.purelib, LOCK_NAME),
        f"process {os.getpid()} of {first.owner.user} on {os.uname().nodename}",
        "holdfast install django",
    ):
        assert word in caught.value.cause
    assert "--lock-timeout" in (caught.value.hint or "")


def test_waiting_is_announced_within_a_second_and_ends_with_the_release(target: Target) -> None:
    reporter = Recorder()
    got = threading.Event()

    def wait() -> None:
        with begin(target) as tx, acquire(tx, LockSettings(timeout=20), reporter) as held:
            assert held.waited > 1.5
            got.set()

    with begin(target, "install slow") as tx, acquire(tx, ONCE, Recorder()):
        waiter = threading.Thread(target=wait)
        waiter.start()
        time.sleep(2.2)
        assert not got.is_set()
    waiter.join(5)
    assert got.is_set()
    assert reporter.waiting[0].waited < 1
    assert len(reporter.waiting) == 2
    assert reporter.waiting[0].path == os.path.join(target.scheme.purelib, LOCK_NAME)
    assert "install slow" in reporter.waiting[0].holder
    assert isinstance(reporter.events[-1], LockAcquired)


def test_the_deadline_holds(target: Target) -> None:
    with begin(target) as first, acquire(first, ONCE, Recorder()), begin(target) as second:
        began = time.monotonic()
        with (
            pytest.raises(LockUnavailableError, match="waited"),
            acquire(second, LockSettings(timeout=0.3), Recorder()),
        ):
            pass
        assert 0.3 <= time.monotonic() - began < 5


def test_who_interrupts_the_wait_leaves_nothing(target: Target, tmp_path: Path) -> None:
    class Stop(BaseException):
        pass

    def stop() -> None:
        raise Stop

    with begin(target) as first, acquire(first, ONCE, Recorder()):
        before = snapshot(str(tmp_path))
        with (
            pytest.raises(Stop),
            begin(target) as second,
            acquire(second, LockSettings(timeout=-1), Recorder(), interrupted=stop),
        ):
            pass
        assert snapshot(str(tmp_path)) == before


def test_a_dead_holder_is_taken_over_at_once(target: Target) -> None:
    dead = dead_owner()
    plant_lock(target.scheme.purelib, dead)
    theirs = plant_transaction(target.scheme.purelib, dead)
    with begin(target) as tx, acquire(tx, ONCE, Recorder()) as held:
        assert held.broken == (dead.id,)
        assert os.listdir(os.path.join(target.scheme.purelib, LOCK_NAME)) == [tx.id]
        assert os.path.exists(os.path.join(theirs, "broken"))


def test_a_dead_holder_without_a_transaction_directory_is_taken_over_too(target: Target, tmp_path: Path) -> None:
    before = snapshot(str(tmp_path))
    plant_lock(target.scheme.purelib, dead_owner())
    take_once(target)
    assert snapshot(str(tmp_path)) == before


def test_a_dead_holders_transaction_directory_that_is_a_symlink_is_not_followed(target: Target, tmp_path: Path) -> None:
    dead = dead_owner()
    plant_lock(target.scheme.purelib, dead)
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", os.path.join(target.scheme.purelib, f".holdfast-{dead.id}"))
    take_once(target)
    assert os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.parametrize(
    "change",
    [
        {"boot": "another-boot"},
        {"boot": ""},
        {"pid_namespace": 1, "mode": LockMode.MARKER},
        {"started": 0, "pid": os.getpid()},
    ],
    ids=["another boot", "unknown boot", "another namespace", "no start time"],
)
def test_who_cannot_be_judged_counts_as_alive(target: Target, change: dict[str, str]) -> None:
    owner = replace(dead_owner(), **change)  # type: ignore[arg-type]
    plant_lock(target.scheme.purelib, owner)
    with pytest.raises(LockUnavailableError) as caught:
        take_once(target)
    assert f"rm -r {os.path.join(target.scheme.purelib, LOCK_NAME)}" in (caught.value.hint or "")
    assert os.listdir(os.path.join(target.scheme.purelib, LOCK_NAME)) == [owner.id]


def test_a_living_holder_is_not_broken(target: Target) -> None:
    plant_lock(target.scheme.purelib, living_owner())
    with pytest.raises(LockUnavailableError):
        take_once(target)


def test_a_pid_that_was_used_again_is_dead(target: Target) -> None:
    owner = living_owner()
    plant_lock(target.scheme.purelib, replace(owner, started=owner.started - 1))
    take_once(target)


def test_an_ownerless_lock_directory_is_replaced(target: Target, tmp_path: Path) -> None:
    before = snapshot(str(tmp_path))
    os.mkdir(os.path.join(target.scheme.purelib, LOCK_NAME))
    take_once(target)
    assert snapshot(str(tmp_path)) == before


class RefusesEmptyTarget(calls.Calls):
    """A file system on which a directory cannot be renamed onto an empty one."""

    def __init__(self) -> None:
        def rename(src: str, dst: str, **where: int | None) -> None:
            if not where.get("dst_dir_fd") and os.path.isdir(dst):
                raise FileExistsError(17, "File exists", dst)
            os.rename(src, dst, **where)

        self.rename = rename  # type: ignore[assignment]  # paths of tests are str


def test_a_file_system_that_refuses_an_empty_target_is_helped(target: Target) -> None:
    os.mkdir(os.path.join(target.scheme.purelib, LOCK_NAME))
    with calls.using(RefusesEmptyTarget()):
        take_once(target)


class RenamesAndSaysNo(calls.Calls):
    """NFS: the rename was done, its answer was lost, and the second attempt says ENOENT."""

    def __init__(self) -> None:
        def rename(src: str, dst: str, **where: int | None) -> None:
            os.rename(src, dst, **where)
            raise FileNotFoundError(2, "No such file or directory", src)

        self.rename = rename  # type: ignore[assignment]  # paths of tests are str


def test_after_an_error_what_lies_there_decides(target: Target, tmp_path: Path) -> None:
    before = snapshot(str(tmp_path))
    with begin(target) as tx, calls.using(RenamesAndSaysNo()), acquire(tx, ONCE, Recorder()) as held:
        assert held.still_held()
    assert snapshot(str(tmp_path)) == before


def test_taken_over_means_not_held_and_harms_nobody(target: Target) -> None:
    place = os.path.join(target.scheme.purelib, LOCK_NAME)
    with begin(target) as tx:
        with acquire(tx, ONCE, Recorder()) as held:
            os.rename(os.path.join(place, tx.id), os.path.join(tx.directories[0].path, "broken"))
            os.rmdir(place)
            other = plant_lock(target.scheme.purelib, living_owner())
            assert not held.still_held()
        assert os.path.exists(other)


def test_both_library_directories_are_locked_and_all_or_none(tmp_path: Path) -> None:
    target = bare_target(str(tmp_path / "env"), platlib=str(tmp_path / "env" / "a-lib64"))
    with begin(target) as tx:
        with acquire(tx, ONCE, Recorder()) as held:
            for parent in target.library_directories:
                assert os.listdir(os.path.join(parent, LOCK_NAME)) == [tx.id]
            assert held.still_held()
            os.unlink(os.path.join(target.scheme.platlib, LOCK_NAME, tx.id))
            assert not held.still_held()
        plant_lock(target.scheme.purelib, living_owner())  # the second in order
        with pytest.raises(LockUnavailableError), acquire(tx, ONCE, Recorder()):
            pass
        assert not os.path.lexists(os.path.join(target.scheme.platlib, LOCK_NAME))


def test_two_spellings_of_one_directory_are_one_lock(tmp_path: Path) -> None:
    target = bare_target(str(tmp_path / "env"))
    os.symlink("lib", tmp_path / "env" / "lib64")
    other = bare_target(str(tmp_path / "env"), platlib=str(tmp_path / "env" / "lib64"))
    with begin(other) as tx:
        assert len(tx.directories) == 1
        with acquire(tx, ONCE, Recorder()), pytest.raises(LockUnavailableError):
            take_once(target)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_the_lock_has_the_rights_of_its_directory(target: Target, umask: int) -> None:
    os.chmod(target.scheme.purelib, 0o2775)
    kept = os.umask(umask)
    try:
        with begin(target) as tx, acquire(tx, ONCE, Recorder()):
            place = os.path.join(target.scheme.purelib, LOCK_NAME)
            assert stat.S_IMODE(os.stat(place).st_mode) == 0o2775
            assert stat.S_IMODE(os.stat(os.path.join(place, tx.id)).st_mode) == 0o664
    finally:
        os.umask(kept)


class WithoutLocks(calls.Calls):
    """A file system that answers flock with an error, the first few times or always."""

    def __init__(self, number: int, times: int = 1000) -> None:
        left = [times]

        def flock(fd: int, operation: int) -> None:
            left[0] -= 1
            if left[0] >= 0:
                raise OSError(number, os.strerror(number))
            fcntl.flock(fd, operation)

        self.flock = flock  # type: ignore[assignment]  # only descriptors come here


NO_LOCKS = pytest.mark.parametrize("number", [38, 37, 95, 9, 22, 524, 4])


@NO_LOCKS
def test_flock_asked_for_where_there_is_none_is_exit_6_and_names_marker(
    target: Target, tmp_path: Path, number: int
) -> None:
    before = snapshot(str(tmp_path))
    with calls.using(WithoutLocks(number)), pytest.raises(LockUnavailableError) as caught:
        take_once(target)
    assert caught.value.exit_code == 6
    assert "--lock-mode=marker" in (caught.value.hint or "")
    assert snapshot(str(tmp_path)) == before


@NO_LOCKS
def test_a_file_system_without_locks_gets_the_marker_and_says_so_in_one_line(target: Target, number: int) -> None:
    reporter = Recorder()
    with calls.using(WithoutLocks(number)):
        for _ in range(2):
            with transaction(target, mode=None, command="a") as tx, acquire(tx, UNSET, reporter) as held:
                assert (tx.owner.mode, held.mode) == (LockMode.MARKER, LockMode.MARKER)
                assert record_at(target, tx.id).mode is LockMode.MARKER
                with pytest.raises(LockUnavailableError):
                    take_once(target)
    (line,) = reporter.warned
    assert target.scheme.purelib in line
    assert line.endswith("HOLDFAST_LOCK_MODE=marker says you know")
    assert "\n" not in line


def test_a_file_system_with_locks_gets_flock_and_no_word(target: Target) -> None:
    reporter = Recorder()
    with transaction(target, mode=None, command="a") as tx, acquire(tx, UNSET, reporter) as held:
        assert (tx.owner.mode, held.mode) == (LockMode.FLOCK, LockMode.FLOCK)
        assert replace(record_at(target, tx.id), since=tx.owner.since) == tx.owner
    assert reporter.events == []


def test_the_marker_uses_no_lock_of_the_system_and_says_nothing(target: Target, tmp_path: Path) -> None:
    before, reporter = snapshot(str(tmp_path)), Recorder()
    with (
        calls.using(WithoutLocks(0)),  # an error that nobody catches
        begin(target, mode=LockMode.MARKER) as tx,
        acquire(tx, MARKER, reporter) as held,
    ):
        assert held.mode is LockMode.MARKER
        assert replace(record_at(target, tx.id), since=tx.owner.since) == tx.owner
    assert reporter.events == []
    assert snapshot(str(tmp_path)) == before


@pytest.mark.parametrize("second", [None, LockMode.FLOCK, LockMode.MARKER])
@pytest.mark.parametrize("first", [None, LockMode.FLOCK, LockMode.MARKER])
def test_all_modes_exclude_each_other(target: Target, first: LockMode | None, second: LockMode | None) -> None:
    settings = LockSettings(mode=second, timeout=0)
    with (
        transaction(target, mode=first, command="a") as tx,
        acquire(tx, LockSettings(mode=first), Recorder()),
        transaction(target, mode=second, command="b") as other,
        pytest.raises(LockUnavailableError),
        acquire(other, settings, Recorder()),
    ):
        pass
    with transaction(target, mode=second, command="b") as other, acquire(other, settings, Recorder()) as held:
        assert held.still_held()


def test_no_locks_twice_is_not_yet_meant(target: Target) -> None:
    with begin(target) as tx, calls.using(WithoutLocks(37, times=2)), acquire(tx, ONCE, Recorder()) as held:
        assert held.still_held()


def test_none_says_so_in_one_line_every_time_and_takes_nothing(target: Target) -> None:
    for _ in range(2):
        reporter = Recorder()
        with begin(target) as tx, acquire(tx, LockSettings(mode=LockMode.NONE), reporter) as held:
            assert held.mode is LockMode.NONE
            assert held.still_held()
            assert not os.path.lexists(os.path.join(target.scheme.purelib, LOCK_NAME))
        assert not held.still_held()
        (line,) = reporter.warned
        assert "--lock-mode=none" in line
        assert target.scheme.purelib in line
        assert "\n" not in line


def test_none_names_a_live_holder_and_goes_on(target: Target) -> None:
    reporter = Recorder()
    plant_lock(target.scheme.purelib, living_owner())
    with begin(target) as tx, acquire(tx, LockSettings(mode=LockMode.NONE), reporter):
        pass
    assert f"process {os.getpid()}" in reporter.warned[0]
    assert "install somebody" in reporter.warned[0]


Plant = Callable[[str], object]


def _fifo_record(place: str) -> None:
    os.mkdir(place)
    os.mkfifo(os.path.join(place, "a" * 32))


def _record(content: bytes, name: str = "a" * 32) -> Plant:
    def plant(place: str) -> None:
        os.mkdir(place)
        Path(place, name).write_bytes(content)

    return plant


def _two(place: str) -> None:
    os.mkdir(place)
    for name in "ab":
        Path(place, name * 32).write_bytes(dead_owner(name * 32).to_bytes())


def _linked_record(place: str) -> None:
    os.mkdir(place)
    Path(place).parent.joinpath("elsewhere").write_bytes(dead_owner("a" * 32).to_bytes())
    os.symlink("../elsewhere", os.path.join(place, "a" * 32))


def _linked_place(place: str) -> None:
    elsewhere = Path(place).parent / "elsewhere"
    _record(dead_owner("a" * 32).to_bytes())(str(elsewhere))
    os.symlink("elsewhere", place)


PLANTED: dict[str, Plant] = {
    "FIFO at the place": os.mkfifo,
    "file at the place": lambda place: Path(place).touch(),
    "dangling symlink at the place": lambda place: os.symlink("nowhere", place),
    "symlink to a lock at the place": _linked_place,
    "FIFO as record": _fifo_record,
    "symlink as record": _linked_record,
    "directory as record": lambda place: os.makedirs(os.path.join(place, "a" * 32)),
    "garbage": _record(b"\x00\xff{]"),
    "empty record": _record(b""),
    "not a record": _record(b'{"id": []}'),
    "deep nesting": _record(b"[" * 4000),
    "huge file": _record(b" " * 50_000_000),
    "another's id": _record(dead_owner("b" * 32).to_bytes()),
    "no id at all": _record(dead_owner("..").to_bytes(), "not-an-id"),
    "two records": _two,
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_what_is_planted_is_neither_followed_nor_waited_for_nor_broken(target: Target, plant: Plant) -> None:
    plant(os.path.join(target.scheme.purelib, LOCK_NAME))
    before = snapshot(target.scheme.purelib)
    began = time.monotonic()
    with pytest.raises(LockUnavailableError) as caught:
        take_once(target)
    assert time.monotonic() - began < 5
    assert f"uid {os.getuid()}" in caught.value.cause
    assert LOCK_NAME in caught.value.cause
    assert f"rm -r {os.path.join(target.scheme.purelib, LOCK_NAME)}" in (caught.value.hint or "")
    assert snapshot(target.scheme.purelib) == before


def test_a_record_is_shown_escaped_and_cut(target: Target) -> None:
    plant_lock(target.scheme.purelib, replace(living_owner(), command="install \x1b[31m\n" + "x" * 2000, host="h\r"))
    with pytest.raises(LockUnavailableError) as caught:
        take_once(target)
    assert "\x1b" not in caught.value.cause
    assert "\\x1b[31m\\n" in caught.value.cause
    assert len(caught.value.cause) < 600


def test_a_process_that_was_killed_is_seen_dead(target: Target, tmp_path: Path) -> None:
    script = tmp_path / "hold.py"
    script.write_text(
        "import sys, time\n"
        "from tests.support.areas import Recorder, bare_target, begin\n"
        "from holdfast.envlock import acquire\n"
        "from holdfast.model.request import LockSettings\n"
        f"target = bare_target({target.root!r})\n"
        "with begin(target) as tx, acquire(tx, LockSettings(), Recorder()):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environ)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(LockUnavailableError, match=f"process {child.pid} "):
        take_once(target)
    child.kill()
    child.communicate()
    take_once(target)
    assert disk.listdir(target.scheme.purelib) != [LOCK_NAME]
    assert not os.path.lexists(os.path.join(target.scheme.purelib, LOCK_NAME))
