"""What the dead left is removed; what is alive, journalled, foreign or merely named alike is not."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast import disk
from holdfast.envlock import acquire
from holdfast.model.owner import LockMode, OwnerRecord, Verdict
from holdfast.model.request import LockSettings
from holdfast.model.target import Target
from holdfast.model.transaction import LOCK_NAME, is_transaction_name
from holdfast.stage.litter import sweep
from holdfast.stage.owner import new_id, verdict_by_id
from tests.support.areas import Recorder, bare_target, begin, dead_owner, living_owner, plant_transaction
from tests.support.trees import snapshot

LONG_AGO = time.time() - 4000


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    return bare_target(str(tmp_path / "env"))


def age(path: str) -> None:
    for name in os.listdir(path):
        os.utime(os.path.join(path, name), (LONG_AGO, LONG_AGO))
    os.utime(path, (LONG_AGO, LONG_AGO))


def elsewhere() -> OwnerRecord:
    return replace(dead_owner(), boot="another boot")


def test_the_dead_is_removed_in_every_place(target: Target, tmp_path: Path) -> None:
    before = snapshot(str(tmp_path))
    both = bare_target(target.root, platlib=str(tmp_path / "env" / "lib64"))
    os.rmdir(tmp_path / "env" / "lib64")
    os.mkdir(tmp_path / "env" / "lib64")
    paths = {plant_transaction(place, dead_owner()) for place in (*both.library_directories, both.root)}
    owner = dead_owner()
    temporary = plant_transaction(str(tmp_path / "tmp"), owner)
    os.rename(temporary, tmp_path / "tmp" / f"holdfast-{os.geteuid()}-{owner.id}")
    paths.add(str(tmp_path / "tmp" / f"holdfast-{os.geteuid()}-{owner.id}"))
    assert set(sweep(both)) == paths
    os.rmdir(tmp_path / "env" / "lib64")
    assert snapshot(str(tmp_path)) == before


def test_the_living_is_spared(target: Target) -> None:
    with begin(target) as tx:
        age(tx.directories[0].path)
        assert sweep(target) == ()
        assert os.path.isdir(tx.directories[0].path)


@pytest.mark.parametrize("name", ["journal", "taken", "kept"])
def test_what_waits_for_recovery_or_a_person_is_spared(target: Target, name: str) -> None:
    path = plant_transaction(target.scheme.purelib, dead_owner(), name)
    age(path)
    sweep(target)
    assert os.path.exists(os.path.join(path, name))


def test_a_journal_in_the_first_directory_guards_the_second(target: Target, tmp_path: Path) -> None:
    both = bare_target(target.root, platlib=str(tmp_path / "env" / "lib64"))
    owner = dead_owner()
    first = plant_transaction(both.scheme.purelib, owner, "journal")
    second = plant_transaction(both.scheme.platlib, owner)
    os.symlink(both.scheme.purelib, os.path.join(second, "follows"))
    assert sweep(both) == ()
    only_platlib = bare_target(str(tmp_path / "other"), platlib=both.scheme.platlib, purelib=both.scheme.platlib)
    assert sweep(only_platlib) == ()
    os.unlink(os.path.join(first, "journal"))
    assert set(sweep(both)) == {first, second}


@pytest.mark.parametrize("follows", ["follows", "/nowhere/at/all", "x" * 300])
def test_a_second_directory_whose_first_cannot_be_seen_is_spared(target: Target, follows: str) -> None:
    path = plant_transaction(target.scheme.purelib, dead_owner())
    os.symlink(follows, os.path.join(path, "follows"))
    assert sweep(target) == ()
    os.unlink(os.path.join(path, "follows"))
    Path(path, "follows").write_text("no symlink")
    assert sweep(target) == ()


def test_who_cannot_be_judged_has_an_hour_since_his_last_touch(target: Target) -> None:
    path = plant_transaction(target.scheme.purelib, elsewhere())
    age(path)
    os.utime(os.path.join(path, "owner"))
    assert sweep(target) == ()
    age(path)
    assert sweep(target) == (path,)


def bare(place: str, identifier: str) -> str:
    """A directory whose maker was killed before he wrote his record."""
    path = os.path.join(place, f".holdfast-{identifier}")
    os.mkdir(path)
    return path


@pytest.mark.parametrize("mode", [LockMode.FLOCK, LockMode.MARKER])
def test_who_is_hidden_in_another_namespace_is_dead_when_nobody_has_flocked_his_record(
    target: Target, mode: LockMode
) -> None:
    if not disk.filesystem(target.root).locks_are_here:
        pytest.skip("the file system of the temporary directory is not one of those whose flock tells")
    path = plant_transaction(target.scheme.purelib, replace(dead_owner(), pid_namespace=1, mode=mode))
    with open(os.path.join(path, "owner"), "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert sweep(target) == ()
    assert sweep(target) == ((path,) if mode is LockMode.FLOCK else ())


def test_without_a_record_its_id_tells_who_made_it(target: Target) -> None:
    made = subprocess.run(
        [sys.executable, "-c", "from holdfast.stage.owner import new_id; print(new_id())"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    dead = bare(target.scheme.purelib, made.stdout.strip())
    living = bare(target.scheme.purelib, new_id())
    age(living)
    torn = bare(target.scheme.purelib, made.stdout.strip()[:-8] + "0" * 8)
    Path(torn, "owner").write_text('{"id": "')
    assert set(sweep(target)) == {dead, torn}
    assert os.path.isdir(living)


def test_a_lock_that_was_broken_while_the_rest_was_removed_goes_too(target: Target) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from holdfast.stage.owner import new_id; print(new_id())"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    place = target.scheme.purelib
    broken, foreign = (os.path.join(place, f".holdfast-{each}") for each in (ended.stdout.strip(), dead_owner().id))
    for path, name in ((broken, "broken"), (foreign, "mine")):
        os.mkdir(path)
        Path(path, name).touch()
    assert sweep(target) == (broken,)
    assert os.listdir(foreign) == ["mine"]


def test_a_lock_that_alone_survived_a_loss_of_power_goes_after_an_hour(target: Target) -> None:
    """On btrfs: its record was synced to be published; the owner's, and what lies beside it, were not."""
    ids = ("0" * 31 + "1", "0" * 31 + "2")  # nobody can say of which boot
    lone, foreign = (os.path.join(target.scheme.purelib, f".holdfast-{each}") for each in ids)
    for path, name in ((lone, ids[0]), (foreign, "mine")):
        os.makedirs(os.path.join(path, "lock"))
        Path(path, "lock", name).touch()
    assert sweep(target) == ()
    age(lone)
    age(foreign)
    assert sweep(target) == (lone,)
    assert os.listdir(os.path.join(foreign, "lock")) == ["mine"]


def test_an_id_is_of_this_process_and_new() -> None:
    first, second = new_id(), new_id()
    assert first != second
    assert first[:24] == second[:24]
    assert is_transaction_name(f".holdfast-{first}")
    assert verdict_by_id(first) is Verdict.ALIVE
    assert verdict_by_id("0" * 32) is Verdict.UNKNOWN


def test_without_a_record_and_from_elsewhere_it_has_an_hour(target: Target) -> None:
    path = bare(target.scheme.purelib, "0" * 32)
    assert sweep(target) == ()
    age(path)
    assert sweep(target) == (path,)


def test_a_record_of_another_id_proves_nothing(target: Target) -> None:
    path = plant_transaction(target.scheme.purelib, living_owner("0" * 32))
    Path(path, "owner").write_bytes(dead_owner().to_bytes())
    assert sweep(target) == ()
    assert os.path.isdir(path)


def test_names_that_are_not_ours_and_symlinks_are_left_alone(target: Target, tmp_path: Path) -> None:
    owner = dead_owner()
    outside = plant_transaction(str(tmp_path), owner)
    os.symlink(outside, os.path.join(target.scheme.purelib, f".holdfast-{owner.id}"))
    for name in (".holdfast-backup", f".holdfast-{owner.id.upper()}A", f"holdfast-{owner.id}"):
        os.mkdir(os.path.join(target.scheme.purelib, name))
        age(os.path.join(target.scheme.purelib, name))
    Path(target.scheme.purelib, f".holdfast-{new_id()}").touch()
    before = snapshot(str(tmp_path))
    assert sweep(target) == ()
    assert snapshot(str(tmp_path)) == before


def test_symlinks_inside_litter_are_not_followed(target: Target, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    path = plant_transaction(target.scheme.purelib, dead_owner())
    os.symlink(tmp_path / "precious", os.path.join(path, "new", "0"))
    os.rmdir(os.path.join(path, "old"))
    os.symlink(tmp_path / "precious", os.path.join(path, "old"))
    assert sweep(target) == (path,)
    assert os.listdir(tmp_path / "precious") == ["file"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a directory away")
def test_another_users_work_area_in_tmpdir_is_left_alone(target: Target, tmp_path: Path) -> None:
    owner = dead_owner()
    path = plant_transaction(str(tmp_path / "tmp"), owner)
    theirs = tmp_path / "tmp" / f"holdfast-{os.geteuid()}-{owner.id}"
    os.rename(path, theirs)
    os.chown(theirs, 4242, 4242)
    assert sweep(target) == ()
    assert theirs.exists()


def test_a_sibling_is_found_by_its_scheme(target: Target) -> None:
    owner = replace(dead_owner(), schemes=("scripts", "purelib", "../../etc"))
    first = plant_transaction(target.scheme.purelib, owner)
    sibling = plant_transaction(target.scheme.scripts, owner)
    os.symlink(target.scheme.purelib, os.path.join(sibling, "follows"))
    assert sweep(target) == (sibling, first)


def test_an_ownerless_lock_is_removed_and_a_held_one_is_not(target: Target) -> None:
    place = os.path.join(target.scheme.purelib, LOCK_NAME)
    os.mkdir(place)
    sweep(target)
    assert not os.path.lexists(place)
    with begin(target) as tx, acquire(tx, LockSettings(), Recorder()) as held:
        sweep(target)
        assert held.still_held()


def test_ones_own_is_spared_by_id(target: Target) -> None:
    owner = dead_owner()
    path = plant_transaction(target.scheme.purelib, owner)
    assert sweep(target, spare=frozenset({owner.id})) == ()
    assert sweep(target) == (path,)


def test_a_second_record_beside_a_living_owner_changes_nothing(target: Target) -> None:
    path = plant_transaction(target.scheme.purelib, living_owner())
    age(path)
    assert sweep(target) == ()
