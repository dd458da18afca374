"""Transaction directories and work areas: where they are, whose rights they have, that nothing is left."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from holdfast.disk import calls
from holdfast.errors import TargetError
from holdfast.model.owner import LockMode, OwnerRecord
from holdfast.model.target import SchemeKey, Target
from holdfast.stage.workarea import is_beside, temporary_directory, work_area
from tests.support.areas import Recorder, bare_target, begin
from tests.support.faulty_disk import Fail, FaultyDisk, Point
from tests.support.trees import snapshot


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return bare_target(str(tmp_path / "env"))


def record_in(directory: str) -> OwnerRecord:
    record = OwnerRecord.from_bytes(Path(directory, "owner").read_bytes())
    assert record is not None
    return record


def is_locked(path: str) -> bool:
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_it_lies_in_purelib_with_its_owner_flocked(target: Target, tmp_path: Path) -> None:
    before = snapshot(str(tmp_path))
    with begin(target, "install a b") as tx:
        (directory,) = tx.directories
        assert directory.path == os.path.join(target.scheme.purelib, f".holdfast-{tx.id}")
        assert directory.parent == target.scheme.purelib
        assert set(directory.schemes) == set(SchemeKey)
        assert directory.locked
        assert sorted(os.listdir(directory.path)) == ["lock", "new", "old", "owner"]
        assert record_in(directory.path) == tx.owner
        assert (tx.owner.command, tx.owner.pid, tx.owner.schemes) == ("install a b", os.getpid(), ())
        assert is_locked(os.path.join(directory.path, "owner"))
        Path(directory.path, "new", "0").write_text("staged")
    assert snapshot(str(tmp_path)) == before


def test_platlib_has_its_own(tmp_path: Path) -> None:
    target = bare_target(str(tmp_path / "env"), platlib=str(tmp_path / "env" / "lib64"))
    before = snapshot(str(tmp_path))
    with begin(target) as tx:
        first, second = tx.directories
        assert (first.parent, second.parent) == target.library_directories
        assert second.locked
        assert tx.directory_of(SchemeKey.PLATLIB) is second
        assert tx.directory_of(SchemeKey.SCRIPTS) is first
        assert os.readlink(os.path.join(second.path, "follows")) == first.parent
    assert snapshot(str(tmp_path)) == before


def test_missing_library_directories_are_made_and_removed_while_empty(tmp_path: Path) -> None:
    (tmp_path / "parent").mkdir(mode=0o2775)
    (tmp_path / "parent").chmod(0o2775)
    target = bare_target(str(tmp_path / "parent" / "env"), made=False)
    with begin(target):
        assert stat.S_IMODE(os.stat(target.scheme.purelib).st_mode) == 0o2775
    assert os.listdir(tmp_path / "parent") == []
    with begin(target):
        Path(target.scheme.purelib, "module.py").touch()
    assert os.listdir(target.scheme.purelib) == ["module.py"]


class OtherMount(calls.Calls):
    """Directories that answer EXDEV to a rename from outside."""

    def __init__(self, *mounts: str) -> None:
        def mount(path: str) -> str | None:
            return next((each for each in mounts if path == each or path.startswith(each + "/")), None)

        def rename(src: str, dst: str, **where: int | None) -> None:
            if mount(src) != mount(dst):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), src, None, dst)
            os.rename(src, dst, **where)

        self.rename = rename  # type: ignore[assignment]  # paths of tests are str


def test_a_scheme_on_another_mount_gets_a_sibling(target: Target, tmp_path: Path) -> None:
    before = snapshot(str(tmp_path))
    with calls.using(OtherMount(target.scheme.scripts)), begin(target) as tx:
        first, sibling = tx.directories
        assert sibling.parent == target.scheme.scripts
        assert sibling.schemes == (SchemeKey.SCRIPTS,)
        assert not sibling.locked
        assert SchemeKey.SCRIPTS not in first.schemes
        assert {SchemeKey.HEADERS, SchemeKey.DATA} < set(first.schemes)
        assert sorted(os.listdir(sibling.path)) == ["follows", "new", "old", "owner"]
        assert tx.owner.schemes == ("scripts",)
        assert record_in(first.path) == record_in(sibling.path) == tx.owner
    assert snapshot(str(tmp_path)) == before


def test_a_missing_scheme_directory_is_judged_by_its_nearest_parent(target: Target, tmp_path: Path) -> None:
    mount = str(tmp_path / "mount")
    os.mkdir(mount)
    other = bare_target(target.root, scripts=os.path.join(mount, "a", "bin"))
    os.rmdir(os.path.join(mount, "a", "bin"))
    os.rmdir(os.path.join(mount, "a"))
    with calls.using(OtherMount(mount)), begin(other) as tx:
        assert tx.directory_of(SchemeKey.SCRIPTS).parent == os.path.join(mount, "a")
    assert os.listdir(mount) == []


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="no second file system here")
def test_what_leads_to_a_scheme_directory_beside_the_others_is_made_and_removed_while_empty(tmp_path: Path) -> None:
    apart = bare_target(
        str(tmp_path / "root"), made=False, data=str(tmp_path / "root/local"), headers=str(tmp_path / "root/include/py")
    )
    with begin(apart):
        assert os.listdir(tmp_path / "root/include") == []
    assert not os.path.exists(tmp_path / "root")
    with begin(apart):
        os.mkdir(tmp_path / "root/include/py")
    assert os.listdir(tmp_path / "root") == ["include"]


def test_a_real_other_file_system_gets_a_sibling(target: Target) -> None:
    scripts = f"/dev/shm/holdfast-test-{os.getpid()}"
    os.mkdir(scripts)
    try:
        other = bare_target(target.root, scripts=scripts)
        if os.stat(scripts).st_dev == os.stat(target.root).st_dev:
            pytest.skip("both lie in one file system")
        with begin(other) as tx:
            assert tx.directory_of(SchemeKey.SCRIPTS).parent == scripts
        assert os.listdir(scripts) == []
    finally:
        os.rmdir(scripts)


def test_a_scheme_directory_that_may_not_be_written_is_no_error(target: Target) -> None:
    with (
        FaultyDisk(Point(n=0), Fail(number=errno.EACCES), names=["rename"]),
        begin(target) as tx,
    ):
        assert len(tx.directories) == 1
        assert sorted(os.listdir(tx.directories[0].path)) == ["lock", "new", "old", "owner"]


def test_a_journal_keeps_everything(target: Target, tmp_path: Path) -> None:
    both = bare_target(target.root, platlib=str(tmp_path / "env" / "lib64"))
    with begin(both) as tx:
        Path(tx.directories[0].path, "journal").touch()
    assert all(os.path.isdir(directory.path) for directory in tx.directories)
    assert not is_locked(os.path.join(tx.directories[0].path, "owner"))


def test_what_the_sweep_set_aside_stays_and_everything_else_goes(target: Target) -> None:
    with begin(target) as tx:
        for path in ("old/0/RECORD", "old/1/module.py", "kept/2/deep/foreign"):
            os.makedirs(os.path.dirname(os.path.join(tx.directories[0].path, path)), exist_ok=True)
            Path(tx.directories[0].path, path).write_text("precious")
    assert Path(tx.directories[0].path, "kept", "2", "deep", "foreign").read_text() == "precious"
    assert sorted(os.listdir(tx.directories[0].path)) == ["kept", "owner"]


def test_old_versions_that_were_never_swept_go(target: Target) -> None:
    with begin(target) as tx:
        for path in ("0/RECORD", "1/module.py"):
            os.makedirs(os.path.dirname(os.path.join(tx.directories[0].path, "old", path)), exist_ok=True)
            Path(tx.directories[0].path, "old", path).touch()
    assert os.listdir(target.scheme.purelib) == []


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_it_has_the_rights_of_purelib(target: Target, umask: int) -> None:
    os.chmod(target.scheme.purelib, 0o2770)
    kept = os.umask(umask)
    try:
        with begin(target) as tx:
            path = tx.directories[0].path
            for name in (".", "lock", "new", "old"):
                assert stat.S_IMODE(os.stat(os.path.join(path, name)).st_mode) == 0o2770
            assert stat.S_IMODE(os.stat(os.path.join(path, "owner")).st_mode) == 0o660
    finally:
        os.umask(kept)


def test_any_error_while_it_is_made_leaves_nothing(tmp_path: Path) -> None:
    target = bare_target(str(tmp_path / "env"), platlib=str(tmp_path / "env" / "lib64"))
    before = snapshot(str(tmp_path))
    with FaultyDisk() as counted, begin(target):
        setup = len(counted.made)
    assert setup > 10
    for n in range(setup):
        with FaultyDisk(Point(n=n), Fail(number=errno.EIO)) as faulty:
            try:
                with begin(target):
                    pass
            except TargetError as error:
                assert "Input/output error" in error.cause  # noqa: PT017 - some calls may fail without harm
        assert faulty.fired
        assert snapshot(str(tmp_path)) == before, f"{n}: {faulty.fired}"


def test_the_work_area_is_in_the_environment_root(target: Target, tmp_path: Path) -> None:
    before = snapshot(str(tmp_path))
    with work_area(target, command="install a") as path:
        assert os.path.dirname(path) == target.root
        assert record_in(path).command == "install a"
        assert is_locked(os.path.join(path, "owner"))
        assert record_in(path).mode is LockMode.FLOCK  # so who does not see the process knows when he is dead
        Path(path, "download").touch()
    assert snapshot(str(tmp_path)) == before


@pytest.mark.parametrize(("mode", "beside"), [(0o2775, False), (0o777, False), (0o1777, True), (0o755, True)])
def test_where_others_may_exchange_it_the_work_area_is_in_tmpdir(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, *, beside: bool
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    os.chmod(target.root, mode)
    with work_area(target, command="install a") as path:
        assert os.path.dirname(path) == (target.root if beside else str(tmp_path / "tmp"))
    with work_area(target, command="install a", beside=True) as path:
        assert os.path.dirname(path) == target.root


def test_any_error_in_the_work_area_leaves_nothing(target: Target, tmp_path: Path) -> None:
    before = snapshot(str(tmp_path))
    with pytest.raises(KeyError), work_area(target, command="install a") as path:
        os.makedirs(os.path.join(path, "a", "b"))
        raise KeyError
    assert snapshot(str(tmp_path)) == before


def unwritable(*directories: str) -> FaultyDisk:
    return FaultyDisk(
        Point(n=0),
        Fail(number=errno.EACCES, lasting=True),
        names=["mkdir"],
        only=lambda call: os.path.dirname(call.paths[0]) in directories,
    )


def test_a_root_that_may_not_be_written_sends_it_to_tmpdir(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir(mode=0o777)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    with unwritable(target.root), work_area(target, command="install a") as path:
        assert os.path.dirname(path) == str(tmp_path / "tmp")
        assert os.path.basename(path).startswith(f"holdfast-{os.geteuid()}-")
        assert not is_beside(path)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    assert os.listdir(tmp_path / "tmp") == []


def test_an_unusable_tmpdir_sends_it_to_purelib(target: Target) -> None:
    with unwritable(target.root, temporary_directory()), work_area(target, command="install a") as path:
        assert os.path.dirname(path) == target.scheme.purelib
        assert is_beside(path)
    assert os.listdir(target.scheme.purelib) == []


def test_a_tmpdir_without_room_for_the_owners_record_sends_it_to_purelib(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp = str(tmp_path / "tmp")
    os.mkdir(tmp)
    monkeypatch.setenv("TMPDIR", tmp)
    full = FaultyDisk(
        Point(n=0),
        Fail(number=errno.ENOSPC, lasting=True),
        names=["mkdir", "create"],
        only=lambda call: (
            os.path.dirname(call.paths[0]) == target.root
            or (call.name == "create" and call.paths[0].startswith(tmp + os.sep))
        ),
    )
    with full, work_area(target, command="install a") as path:
        assert os.path.dirname(path) == target.scheme.purelib
        assert os.listdir(tmp) == []


def test_who_knows_that_tmpdir_is_full_goes_to_purelib(target: Target) -> None:
    with unwritable(target.root), work_area(target, command="install a", beside=True) as path:
        assert os.path.dirname(path) == target.scheme.purelib


def test_the_first_directory_that_is_named_is_the_only_one() -> None:
    assert temporary_directory({"TMPDIR": "", "TEMP": "/one/.", "TMP": "/two"}) == "/one"
    assert temporary_directory({}) == "/tmp"


def test_no_place_at_all_is_an_error_that_names_each(target: Target) -> None:
    places = (target.root, temporary_directory(), target.scheme.purelib)
    with unwritable(*places), pytest.raises(TargetError) as caught, work_area(target, command="install a"):
        pass
    assert caught.value.exit_code == 3
    assert len(caught.value.details) == len(places)


def test_what_cannot_be_removed_is_said(target: Target) -> None:
    reporter = Recorder()
    with (
        FaultyDisk(Point(n=0), Fail(number=errno.EIO, lasting=True), names=["unlink"]),
        work_area(target, command="install a", reporter=reporter) as path,
    ):
        pass
    assert path in reporter.warned[0]
