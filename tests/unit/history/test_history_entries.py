"""Issue 5, item 9: each transaction is recorded, in the user's state directory, nothing in the environment."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping

import pytest
from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast import disk
from holdfast.history.entries import read, record
from holdfast.history.places import history_path, why_homeless
from holdfast.model.changes import Committed, Place, ProjectChange
from holdfast.model.hashes import Hash
from holdfast.model.history import KnownChange, KnownState, KnownTransaction, KnownWheel
from holdfast.model.installed import InstalledDistribution
from holdfast.model.metadata import Metadata
from holdfast.model.plan import Action, Install, Reinstall, Remove, Replace
from holdfast.model.release import ReleaseFile
from holdfast.model.requirement import DirectUrl
from holdfast.model.resolution import DirectWheel, IndexWheel, Pin
from holdfast.model.stored import Manifest, StoredWheel
from holdfast.model.target import SchemeKey, Target, TargetRequest
from holdfast.target.locate import locate
from tests.support.environments import make_venv

NAME = NormalizedName("foo")
PLACE = Place(scheme=SchemeKey.PURELIB, path="foo.dist-info")


@pytest.fixture
def home(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> str:
    home = f"{tmp_path}/home"
    os.mkdir(home)
    monkeypatch.setenv("HOME", home)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    return home


@pytest.fixture
def target(tmp_path: object) -> Target:
    return locate(TargetRequest(virtual_env=make_venv(f"{tmp_path}/venv").root))


def metadata(version: str) -> Metadata:
    return Metadata(name=NAME, display_name="foo", version=Version(version))


def pin(version: str, *, direct: DirectUrl | None = None) -> Pin:
    file = ReleaseFile(
        filename=f"foo-{version}.whl", url=f"https://user:secret@example.com/foo-{version}.whl?key=secret"
    )
    source = DirectWheel(direct=direct, filename="foo.whl") if direct else IndexWheel(file=file)
    return Pin(name=NAME, version=Version(version), source=source, metadata=metadata(version), requested=True)


def old(version: str, direct_url: Mapping[str, object] | None = None) -> InstalledDistribution:
    return InstalledDistribution(
        metadata=metadata(version),
        location="/x",
        info_name="foo.dist-info",
        record=(),
        record_digest="",
        direct_url=direct_url,
    )


def digest(version: str) -> str:
    """The sha256 of the RECORD, or of the wheel, of a version in these tests."""
    return version[0] * 64


def note(target: Target, action: Action, *, command: str = "install foo", undoes: str = "") -> None:
    """Record a transaction of one action."""
    before = None if isinstance(action, Install) else str(action.old.version)
    after = None if isinstance(action, Remove) else str(action.pin.version)
    change = ProjectChange(
        name=NAME,
        old=(PLACE, digest(before)) if before else None,
        new=(PLACE, digest(after)) if after else None,
    )
    done = Committed(waited=0.0, held=0.01, synced=0.0, projects=(change,))
    wheels = (stored(after),) if after else ()
    record(target, (action,), done, wheels, command=command, undoes=undoes)


def stored(version: str) -> StoredWheel:
    manifest = Manifest(
        sha256=digest(version),
        filename=f"foo-{version}.whl",
        name=NAME,
        version=Version(version),
        info_name="foo.dist-info",
        purelib=True,
        files=(),
        scripts=(),
        metadata_sha256="",
    )
    return StoredWheel(tree="/x", manifest=manifest)


def state(version: str) -> KnownState:
    """What is known of a version that came from the index."""
    wheel = KnownWheel(
        filename=f"foo-{version}.whl", url=f"https://example.com/foo-{version}.whl", sha256=digest(version)
    )
    return KnownState(version=Version(version), record=digest(version), requested=True, wheel=wheel)


def files(root: str) -> list[str]:
    return [os.path.join(parent, name) for parent, _, names in os.walk(root) for name in names]


def test_who_when_where_by_which_command(home: str, target: Target) -> None:
    note(target, Install(pin=pin("1")), command="install foo", undoes="abc")
    (entry,) = read(target)
    assert entry == KnownTransaction(
        id=entry.id,
        when=entry.when,
        who=entry.who,
        host=os.uname().nodename,
        environment=target.root,
        command="install foo",
        undoes="abc",
        changes=(KnownChange(project=NAME, before=None, after=state("1")),),
    )
    assert entry.who
    assert abs(entry.when - os.stat(history_path(target) or "").st_mtime) < 60
    assert not [name for name in files(target.root) if "history" in name]
    (path,) = files(home)
    with open(path, encoding="utf-8") as file:
        assert "secret" not in file.read()


@pytest.mark.usefixtures("home")
def test_one_line_for_each_transaction_with_versions_and_hashes(target: Target) -> None:
    note(target, Install(pin=pin("1")))
    note(target, Replace(pin=pin("2"), old=old("1")))
    note(target, Reinstall(pin=pin("2"), old=old("2")))
    note(target, Remove(old=old("2")))
    found = [(each.before and each.before.version, each.after and each.after.version) for (each,) in changes(target)]
    assert [tuple(version and str(version) for version in pair) for pair in found] == [
        (None, "1"),
        ("1", "2"),
        ("2", "2"),
        ("2", None),
    ]
    assert len({entry.id for entry in read(target)}) == 4


def changes(target: Target) -> list[tuple[KnownChange, ...]]:
    return [entry.changes for entry in read(target)]


@pytest.mark.usefixtures("home")
def test_the_wheel_of_what_left_is_known_from_the_line_that_brought_it(target: Target) -> None:
    note(target, Install(pin=pin("1")))
    note(target, Replace(pin=pin("2"), old=old("1")))
    note(target, Remove(old=old("2")))
    wheels = [each.before and each.before.wheel for (each,) in changes(target)]
    assert wheels == [None, state("1").wheel, state("2").wheel]


@pytest.mark.usefixtures("home")
def test_what_another_installer_put_there_has_no_wheel(target: Target) -> None:
    note(target, Install(pin=pin("1")))
    note(target, Remove(old=old("3")))
    (removed,) = changes(target)[1]
    assert removed.before == KnownState(version=Version("3"), record=digest("3"))


@pytest.mark.usefixtures("home")
def test_a_direct_url_is_kept_without_credentials(target: Target) -> None:
    direct = DirectUrl(url="https://user:secret@example.com/foo.whl", hashes=(Hash(algorithm="sha256", digest="1"),))
    note(target, Install(pin=pin("1", direct=direct)))
    (made,) = changes(target)[0]
    assert made.after is not None
    assert made.after.direct == "https://example.com/foo.whl"
    assert made.after.wheel == KnownWheel(filename="foo.whl", url="https://example.com/foo.whl", sha256=digest("1"))


@pytest.mark.usefixtures("home")
def test_what_direct_url_json_says_is_kept(target: Target) -> None:
    archive = {"url": "file:///x/foo%2B1.whl", "archive_info": {"hash": f"sha256={digest('7')}"}}
    editable = {"url": "file:///src", "dir_info": {"editable": True}}
    note(target, Remove(old=old("1", archive)))
    note(target, Remove(old=old("2", editable)))
    ((first,), (second,)) = changes(target)
    assert first.before is not None
    assert first.before.wheel == KnownWheel(filename="foo+1.whl", url="file:///x/foo%2B1.whl", sha256=digest("7"))
    assert second.before is not None
    assert (second.before.direct, second.before.wheel) == ("file:///src", None)


def test_it_is_the_users_alone(home: str, target: Target) -> None:
    kept = os.umask(0)
    try:
        note(target, Install(pin=pin("1")))
    finally:
        os.umask(kept)
    (path,) = files(home)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700


@pytest.mark.parametrize("value", [None, "", "/no/such/home"])
def test_without_a_home_there_is_none_and_no_error(
    home: str, target: Target, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", value)
    note(target, Install(pin=pin("1")))
    assert history_path(target) is None
    assert "home directory" in why_homeless()
    assert read(target) == ()
    assert not os.path.exists("/no/such")
    assert not os.listdir(home)


def test_where_it_may_not_be_written_there_is_none_and_no_error(
    home: str, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(f"{home}/file", "w", encoding="utf-8"):
        pass
    monkeypatch.setenv("XDG_STATE_HOME", f"{home}/file")
    note(target, Install(pin=pin("1")))
    assert read(target) == ()


def test_root_leaves_nothing_in_a_users_home(home: str, target: Target) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a directory of somebody else")
    os.chown(home, 12345, -1)
    note(target, Install(pin=pin("1")))
    assert not os.listdir(home)
    assert why_homeless() == f"the home directory {home} is another user's"


def test_each_environment_has_its_own(home: str, target: Target, tmp_path: object) -> None:
    other = locate(TargetRequest(virtual_env=make_venv(f"{tmp_path}/other").root))
    note(target, Install(pin=pin("1")))
    assert len(read(target)) == 1
    assert not read(other)
    os.symlink("venv", f"{tmp_path}/link")
    assert len(read(locate(TargetRequest(virtual_env=f"{tmp_path}/link")))) == 1
    assert len(files(home)) == 1


def test_an_environment_made_anew_has_a_new_one(home: str, target: Target) -> None:
    note(target, Install(pin=pin("1")))
    inode = os.stat(target.root).st_ino
    for _ in range(20):  # ext4 gives the same inode to the next one
        if not disk.born_ns(target.root):
            os.rename(target.root, f"{target.root}-old")
        shutil.rmtree(target.root, ignore_errors=True)
        make_venv(target.root)
        assert not read(target)
        if os.stat(target.root).st_ino == inode:
            break
    assert len(files(home)) == 1


@pytest.mark.usefixtures("home")
def test_names_that_are_no_text(target: Target) -> None:
    note(target, Install(pin=pin("1")), command="install caf\udce9")
    (entry,) = read(target)
    assert entry.command == "install caf\udce9"


def test_a_relative_state_directory_is_ignored(home: str, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "somewhere")
    note(target, Install(pin=pin("1")))
    (path,) = files(home)
    assert path.startswith(f"{home}/.local/state/holdfast/")
    monkeypatch.delenv("HOME")
    assert why_homeless() == "there is no home directory (HOME is not set)"
