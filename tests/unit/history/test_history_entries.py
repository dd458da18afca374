from __future__ import annotations

import json
import os
import stat
import threading
import time

import pytest
from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.disk import calls
from holdfast.history.entries import history_path, read, record
from holdfast.model.changes import Committed
from holdfast.model.installed import InstalledDistribution
from holdfast.model.metadata import Metadata
from holdfast.model.outcome import InstallReport
from holdfast.model.plan import Action, Install, Reinstall, Remove, Replace
from holdfast.model.release import ReleaseFile
from holdfast.model.resolution import IndexWheel, Pin
from holdfast.model.target import Target, TargetRequest
from holdfast.target.locate import locate
from tests.support.environments import make_venv

DONE = Committed(waited=0.0, held=0.01, synced=0.0)


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
    return Metadata(name=NormalizedName("foo"), display_name="foo", version=Version(version))


def pin(version: str) -> Pin:
    file = ReleaseFile(filename="foo.whl", url="https://user:secret@example.com/")
    return Pin(
        name=NormalizedName("foo"),
        version=Version(version),
        source=IndexWheel(file=file),
        metadata=metadata(version),
    )


def old(version: str) -> InstalledDistribution:
    return InstalledDistribution(
        metadata=metadata(version), location="/x", info_name="foo.dist-info", record=(), record_digest=""
    )


def report(target: Target, *actions: Action, committed: Committed | None = DONE) -> InstallReport:
    return InstallReport(target=target, actions=actions, committed=committed)


def files(root: str) -> list[str]:
    return [os.path.join(parent, name) for parent, _, names in os.walk(root) for name in names]


def test_one_line_for_each_transaction(home: str, target: Target) -> None:
    record(report(target, Install(pin=pin("1"))), command="install foo")
    record(report(target, Replace(pin=pin("2"), old=old("1"))), command="install -U foo")
    record(report(target, Reinstall(pin=pin("2"), old=old("2"))), command="install --force-reinstall foo")
    record(report(target, Remove(old=old("2"))), command="uninstall foo", exit_code=0)
    entries = list(read(target))
    assert [entry["changes"] for entry in entries] == [
        [{"project": "foo", "before": None, "after": "1"}],
        [{"project": "foo", "before": "1", "after": "2"}],
        [{"project": "foo", "before": "2", "after": "2"}],
        [{"project": "foo", "before": "2", "after": None}],
    ]
    assert entries[0]["command"] == "install foo"
    assert entries[0]["environment"] == target.root
    assert {"when", "who", "host", "exit"} <= set(entries[0])
    (path,) = files(home)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert "secret" not in text
    assert len([line for line in text.splitlines() if line]) == 4
    assert not [name for name in files(target.root) if "history" in name]


def test_it_is_the_users_alone(home: str, target: Target) -> None:
    kept = os.umask(0)
    try:
        record(report(target, Install(pin=pin("1"))), command="install foo")
    finally:
        os.umask(kept)
    (path,) = files(home)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700


def test_what_changed_nothing_is_no_history(home: str, target: Target) -> None:
    record(report(target, Install(pin=pin("1")), committed=None), command="install --dry-run foo")
    assert not os.listdir(home)


@pytest.mark.parametrize("value", [None, "", "/no/such/home"])
def test_without_a_home_there_is_none_and_no_error(
    home: str, target: Target, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", value)
    record(report(target, Install(pin=pin("1"))), command="install foo")
    assert history_path(target) is None
    assert not list(read(target))
    assert not os.path.exists("/no/such")
    assert not os.listdir(home)


def test_where_it_may_not_be_written_there_is_none_and_no_error(
    home: str, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(f"{home}/file", "w", encoding="utf-8"):
        pass
    monkeypatch.setenv("XDG_STATE_HOME", f"{home}/file")
    record(report(target, Install(pin=pin("1"))), command="install foo")
    assert not list(read(target))


def test_root_leaves_nothing_in_a_users_home(home: str, target: Target) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a directory of somebody else")
    os.chown(home, 12345, -1)
    record(report(target, Install(pin=pin("1"))), command="install foo")
    assert not os.listdir(home)


def test_each_environment_has_its_own(home: str, target: Target, tmp_path: object) -> None:
    other = locate(TargetRequest(virtual_env=make_venv(f"{tmp_path}/other").root))
    record(report(target, Install(pin=pin("1"))), command="install foo")
    assert len(list(read(target))) == 1
    assert not list(read(other))
    os.symlink("venv", f"{tmp_path}/link")
    assert len(list(read(locate(TargetRequest(virtual_env=f"{tmp_path}/link"))))) == 1
    assert len(files(home)) == 1


def test_an_environment_made_anew_has_a_new_one(home: str, target: Target) -> None:
    record(report(target, Install(pin=pin("1"))), command="install foo")
    os.rename(target.root, f"{target.root}-old")
    make_venv(target.root)
    assert not list(read(target))
    assert len(files(home)) == 1


def test_a_line_that_was_cut_off_does_not_spoil_the_next(home: str, target: Target) -> None:
    record(report(target, Install(pin=pin("1"))), command="first")
    (path,) = files(home)
    with open(path, "ab") as file:
        file.write(b'{"format": 1, "comm')
    record(report(target, Install(pin=pin("1"))), command="second")
    with open(path, "ab") as file:
        file.write(b'[]\n{"format": 99}\n\xff\n')
    assert [entry["command"] for entry in read(target)] == ["first", "second"]


@pytest.mark.usefixtures("home")
def test_several_at_once_lose_nothing(target: Target) -> None:
    class Slow(calls.Calls):
        """Lets others in between looking for the end and writing there."""

        def pwrite(self, fd: int, data: object, offset: int) -> int:
            time.sleep(0.001)
            return os.pwrite(fd, data, offset)  # type: ignore[arg-type]

    def work(number: int) -> None:
        for n in range(20):
            record(report(target, Install(pin=pin("1"))), command=f"{number}-{n}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    with calls.using(Slow()):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({entry["command"] for entry in read(target)}) == 80


@pytest.mark.usefixtures("home")
def test_names_that_are_no_text(target: Target) -> None:
    record(report(target, Install(pin=pin("1"))), command="install caf\udce9")
    (entry,) = read(target)
    assert json.dumps(entry["command"]) == '"install caf\\udce9"'
