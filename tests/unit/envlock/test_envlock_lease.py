"""The lease: how long a holder who cannot be seen may be silent."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.envlock import acquire, lease
from holdfast.envlock.lease import Beat, Leases, Record
from holdfast.errors import HoldfastError, InterruptedTransactionError, LockUnavailableError
from holdfast.model.owner import LockMode, OwnerRecord
from holdfast.model.request import LockSettings
from holdfast.model.target import Target
from holdfast.model.transaction import LOCK_NAME, TRANSACTION_PREFIX
from tests.support.areas import Recorder, bare_target, begin, living_owner, plant_lock
from tests.support.faulty_disk import Fail, FaultyDisk, Kill, Point, When, stopped
from tests.support.trees import snapshot


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return bare_target(str(tmp_path / "env"))


def elsewhere() -> OwnerRecord:
    """Somebody on another host."""
    return replace(living_owner(), boot="another-boot")


def takes(target: Target, timeout: float) -> bool:
    try:
        with begin(target) as tx, acquire(tx, LockSettings(timeout=timeout), Recorder()):
            return True
    except LockUnavailableError:
        return False


def test_another_host_is_dead_when_it_was_silent_for_the_lease(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LEASE", 1.0)
    plant_lock(target.scheme.purelib, elsewhere())
    assert not takes(target, 0.4)
    began = time.monotonic()
    assert takes(target, 20)
    assert time.monotonic() - began >= 1
    assert not os.path.lexists(os.path.join(target.scheme.purelib, LOCK_NAME))


def test_the_error_says_when_it_is_taken_over(target: Target) -> None:
    plant_lock(target.scheme.purelib, elsewhere())
    with (
        begin(target) as tx,
        pytest.raises(LockUnavailableError) as caught,
        acquire(tx, LockSettings(timeout=0), Recorder()),
    ):
        pass
    assert "after 30 s without a sign of life" in (caught.value.hint or "")


def test_a_holder_that_refreshes_is_never_dead(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LEASE", 1.0)
    monkeypatch.setattr(lease, "REFRESH", 0.05)
    owner = elsewhere()
    size = len(owner.to_bytes()) + 16
    fd = os.open(plant_lock(target.scheme.purelib, owner), os.O_RDWR)
    beat, ended = Beat([Record(fd=fd, content=owner, size=size)]), threading.Event()

    def work() -> None:
        while not ended.wait(0.02):
            beat.refresh()

    working = threading.Thread(target=work)
    working.start()
    try:
        assert not takes(target, 3)
    finally:
        ended.set()
        working.join()
        os.close(fd)
    assert takes(target, 20)


def test_a_clock_that_is_set_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    leases, owner = Leases(), elsewhere()
    assert not leases.expired("here", owner)
    monkeypatch.setattr(time, "time", lambda: 1e10)
    assert not leases.expired("here", replace(owner, since=1e10))


def test_a_new_holder_has_a_new_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LEASE", 0.0)
    leases, owner = Leases(), elsewhere()
    assert not leases.expired("here", owner)
    assert leases.expired("here", owner)
    assert not leases.expired("here", replace(owner, counter=1))
    assert not leases.expired("here", elsewhere())
    leases.forget("here")
    assert not leases.expired("here", owner)


def test_a_holder_refreshes_its_record_between_steps(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    path = os.path.join(target.scheme.purelib, LOCK_NAME)
    with begin(target) as tx, acquire(tx, LockSettings(), Recorder()) as held:
        record = Path(path, tx.id)
        first = record.read_bytes()
        held.refresh()
        assert record.read_bytes() == first  # less than REFRESH has passed
        monkeypatch.setattr(lease, "REFRESH", 0.0)
        for counter in range(1, 12):
            held.refresh()
            content = record.read_bytes()
            found = OwnerRecord.from_bytes(content)
            assert found is not None
            assert replace(found, since=tx.owner.since) == replace(tx.owner, counter=counter)
            assert len(content) == len(first)


@pytest.mark.parametrize("when", When)
def test_a_refresh_that_is_cut_off_leaves_a_record(target: Target, monkeypatch: pytest.MonkeyPatch, when: When) -> None:
    monkeypatch.setattr(lease, "REFRESH", 0.0)
    with begin(target) as tx, acquire(tx, LockSettings(), Recorder()) as held:
        with FaultyDisk(Point(n=0, when=when), Kill(), names=["pwrite"]), stopped():
            held.refresh()
        content = Path(target.scheme.purelib, LOCK_NAME, tx.id).read_bytes()
        found = OwnerRecord.from_bytes(content)
        assert found is not None
        assert replace(found, counter=0, since=tx.owner.since) == tx.owner


def test_a_refresh_that_fails_is_no_failure(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "REFRESH", 0.0)
    with begin(target) as tx, acquire(tx, LockSettings(), Recorder()) as held:
        with FaultyDisk(Point(n=0), Fail(number=errno.ENOSPC, lasting=True), names=["pwrite", "fsync"]):
            held.refresh()
        held.check()


@pytest.mark.parametrize("mode", [None, LockMode.FLOCK, LockMode.MARKER])
def test_a_full_disk_while_the_record_is_written_is_an_error_that_leaves_nothing(
    target: Target, tmp_path: Path, mode: LockMode | None
) -> None:
    before = snapshot(str(tmp_path))
    with begin(target) as tx:
        full = FaultyDisk(Point(n=0, when=When.MIDWAY), Fail(number=errno.ENOSPC), names=["write"])
        with full, pytest.raises(HoldfastError) as caught, acquire(tx, LockSettings(mode=mode), Recorder()):
            pass
        assert caught.value.exit_code == 6
    assert snapshot(str(tmp_path)) == before


def test_a_zombie_is_dead(target: Target) -> None:
    child = subprocess.Popen(["sleep", "60"])
    with open(f"/proc/{child.pid}/stat", "rb") as file:
        started = int(file.read().rpartition(b")")[2].split()[19])
    plant_lock(target.scheme.purelib, replace(living_owner(), pid=child.pid, started=started, mode=LockMode.MARKER))
    try:
        assert not takes(target, 0)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert takes(target, 0)
    finally:
        child.wait()


def test_who_was_broken_while_he_waited_for_uv_ends(target: Target) -> None:
    """His transaction directory was taken: he can neither publish again nor go on."""
    with begin(target) as tx:
        for directory in tx.directories:
            os.rename(directory.path, os.path.join(directory.parent, TRANSACTION_PREFIX + "0" * 32))
        with pytest.raises(HoldfastError), acquire(tx, LockSettings(timeout=1), Recorder()):
            pass
        for directory in tx.directories:
            os.rename(os.path.join(directory.parent, TRANSACTION_PREFIX + "0" * 32), directory.path)
    with begin(target) as tx, acquire(tx, LockSettings(), Recorder()) as held:
        place = os.path.join(target.scheme.purelib, LOCK_NAME)
        os.rename(os.path.join(place, tx.id), os.path.join(tx.directories[0].path, "broken"))
        os.rmdir(place)
        with pytest.raises(InterruptedTransactionError, match="took over"):
            held.check()
