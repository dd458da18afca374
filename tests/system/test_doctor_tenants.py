"""What ``doctor`` meets in a directory: locks, transactions at work, interrupted, dead; uv (issue 4, number 15)."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.model.owner import LockMode
from holdfast.model.transaction import LOCK_NAME
from tests.support.areas import dead_owner, living_owner, plant_lock, plant_transaction
from tests.support.faulty_disk import Call, Point, When, points, share
from tests.support.faulty_main import count_calls, run_faulty
from tests.support.refusing import refusing
from tests.support.sandbox import Completed, Sandbox
from tests.support.trees import snapshot
from tests.support.wheels import build_wheel, pkg
from tests.system.lockless import Lockless


def asked(sandbox: Sandbox, *args: str, code: int = 0) -> dict[str, Any]:
    """The answer."""
    sandbox.venv  # noqa: B018 - made when it is looked at
    found: dict[str, Any] = sandbox.run("doctor", "--json", *args).returned(code).json
    return found


def said(sandbox: Sandbox, code: int = 0) -> str:
    """The answer as text."""
    return sandbox.run("doctor").returned(code).stdout


def remarks(found: dict[str, Any]) -> list[tuple[str, bool]]:
    """What is to be typed, and whether it stops an installation."""
    assert all(remark["text"] and remark["command"] for remark in found["remarks"])
    return [(remark["command"], remark["stops"]) for remark in found["remarks"]]


def test_a_lock_that_is_held_is_named_with_its_holder(sandbox: Sandbox) -> None:
    owner = living_owner()
    plant_lock(sandbox.venv.site_packages, owner)
    found = asked(sandbox)
    assert f"process {os.getpid()}" in found["directories"][0]["lock"]
    assert "holdfast install somebody" in said(sandbox)
    assert remarks(found) == [("Wait longer, with --lock-timeout=-1", False)]


def test_the_lock_of_a_dead_owner_goes_with_the_next_command(sandbox: Sandbox) -> None:
    plant_lock(sandbox.venv.site_packages, dead_owner())
    found = asked(sandbox)
    ((command, stops),) = remarks(found)
    assert (command, stops) == (f"holdfast recover --python {sandbox.venv.root}", False)
    assert "which has ended" in found["remarks"][0]["text"]
    assert os.path.lexists(os.path.join(sandbox.venv.site_packages, LOCK_NAME))  # it breaks nothing itself
    sandbox.run(*command.split()[1:]).ok()
    assert asked(sandbox)["remarks"] == []


def test_something_else_in_the_place_of_the_lock_stops_everybody(sandbox: Sandbox) -> None:
    place = os.path.join(sandbox.venv.site_packages, LOCK_NAME)
    for make in (os.mkfifo, lambda path: os.symlink("/etc/passwd", path)):
        make(place)
        found = asked(sandbox, code=3)
        ((command, stops),) = remarks(found)
        assert stops
        assert command.endswith(f"rm -r {place}")
        os.remove(place)


def test_uvs_lock_free_and_held_and_strange(sandbox: Sandbox) -> None:
    path = os.path.join(sandbox.venv.root, ".lock")
    with open(path, "w", encoding="utf-8") as file:
        found = asked(sandbox)
        assert (found["uv_lock"], found["remarks"]) == ({"path": path, "exists": True, "held": False}, [])
        fcntl.flock(file, fcntl.LOCK_EX)
        found = asked(sandbox)
        assert found["uv_lock"]["held"]
        assert remarks(found) == [("Wait for uv to end, or wait longer with --lock-timeout=-1", False)]
        text = said(sandbox)
        assert f"uv's lock       {path}: held" in text
        assert f"{path} is held by another process (uv's lock)" in text
    os.remove(path)
    os.mkfifo(path)
    found = asked(sandbox)
    assert remarks(found) == [(f"ls -l {path}", False)]


def test_a_transaction_at_work_and_what_a_dead_one_left(sandbox: Sandbox) -> None:
    site = sandbox.venv.site_packages
    working = plant_transaction(site, living_owner())
    found = asked(sandbox)
    assert [(each["path"], each["residue"]) for each in found["transactions"]] == [(working, "working")]
    assert f"(process {os.getpid()} on " in found["transactions"][0]["owner"]
    assert found["remarks"] == []
    dead = plant_transaction(sandbox.venv.root, dead_owner())
    found = asked(sandbox)
    assert {each["path"]: each["residue"] for each in found["transactions"]} == {working: "working", dead: "litter"}
    assert remarks(found) == [(f"holdfast recover --python {sandbox.venv.root}", False)]
    assert os.path.isdir(dead)


def interrupted(sandbox: Sandbox, *mode: str) -> str:
    """A real installation, killed between its journal and its end; the transaction directory."""
    wheels = os.path.join(sandbox.root, "wheels")
    if not os.path.isdir(wheels):
        build_wheel(pkg("alpha"), wheels)
    line = ("install", "--no-index", "--find-links", wheels, *mode, "alpha")
    sandbox.run(*line).ok()  # from now on the wheel is in the store
    sandbox.run("uninstall", "alpha").ok()
    made = count_calls(sandbox, *line)
    n = next(n for n, call in enumerate(made) if call.name == "rename" and call.paths[1].endswith("journal"))
    sandbox.run("uninstall", "alpha").ok()
    done = run_faulty(sandbox, *line, point=Point(n=n + 2, call=made[n + 2]))
    assert done.returncode == -signal.SIGKILL
    site = sandbox.venv.site_packages
    (name,) = [name for name in os.listdir(site) if os.path.exists(os.path.join(site, name, "journal"))]
    return os.path.join(site, name)


@pytest.mark.parametrize(
    "mode",
    [(), pytest.param(("--lock-mode=marker",), marks=pytest.mark.exhaustive), ("--lock-mode=none",)],
    ids=["flock", "marker", "none"],
)
def test_the_journal_of_a_killed_installation(sandbox: Sandbox, mode: tuple[str, ...]) -> None:
    sandbox.venv  # noqa: B018 - made when it is looked at
    path = interrupted(sandbox, *mode)
    found = asked(sandbox)
    first, area = found["transactions"]
    assert (first["path"], first["residue"]) == (path, "interrupted")
    assert (os.path.dirname(area["path"]), area["residue"]) == (sandbox.venv.root, "litter")
    assert first["owner"].startswith("`holdfast install alpha` of ")
    assert f"An interrupted transaction of {first['owner']} lies in {path}." in said(sandbox)
    commands = set(remarks(found))
    assert commands == {(f"holdfast recover --python {sandbox.venv.root}", False)}
    sandbox.run("recover").ok()
    found = asked(sandbox)
    assert (found["transactions"], found["remarks"]) == ([], [])


@pytest.mark.parametrize("rounds", [4, pytest.param(20, marks=pytest.mark.exhaustive)])
def test_who_is_at_work_is_neither_interrupted_nor_disturbed(sandbox: Sandbox, rounds: int) -> None:
    """While others install and uninstall; uv was there."""
    with open(os.path.join(sandbox.venv.root, ".lock"), "w", encoding="utf-8"):
        pass
    wheel = build_wheel(pkg("alpha"), sandbox.cwd)
    others = [
        sandbox.start(*line)
        for _ in range(rounds)
        for line in (("install", "--no-index", wheel), ("uninstall", "alpha"))
    ]
    try:
        while any(other.poll() is None for other in others):
            found = sandbox.run("doctor", "--json").ok().json
            assert {each["residue"] for each in found["transactions"]} <= {"working"}
            assert not [remark for remark in found["remarks"] if "lock" not in remark["command"] + remark["text"]]
    finally:
        ended = [other.communicate()[1] for other in others]
    assert [other.returncode for other in others] == [0] * len(others), ended
    assert asked(sandbox)["transactions"] == []


def test_a_journal_that_is_not_understood_stops_everybody(sandbox: Sandbox) -> None:
    path = plant_transaction(sandbox.venv.site_packages, dead_owner(), "journal")
    found = asked(sandbox, code=3)
    assert [stops for _, stops in remarks(found)] == [True]
    assert f"stops: An interrupted transaction left {path}/journal" in said(sandbox, 3)
    failed = sandbox.run("install", "--no-index", "--find-links", sandbox.cwd, "alpha")
    assert failed.returncode == 8  # it is true


def test_file_locks_that_are_refused_in_the_words_of_an_installation(sandbox: Sandbox) -> None:
    """The probe that picks the default mode is the one that words the remedies."""
    here = Lockless(box=sandbox, wrap=lambda line: refusing(37, line))
    done = here.run("doctor").ok()
    assert "file locks      refused (ENOLCK: No locks available); lock mode marker" in done.stdout
    assert "Try: export HOLDFAST_LOCK_MODE=marker" in done.stdout
    warning = here.run("install", "alpha==1.0").ok().stderr
    remark = next(line for line in done.stdout.splitlines() if line.startswith("remark: ")).removeprefix("remark: ")
    assert f"warning: {remark} HOLDFAST_LOCK_MODE=marker says you know\n" in warning
    known = here.run("doctor", HOLDFAST_LOCK_MODE="marker").ok()
    assert "remark" not in known.stdout
    assert "lock mode marker" in known.stdout
    told = here.run("doctor", "--json", "--lock-mode=flock").returned(3).json
    (stop,) = told["remarks"]
    failed = here.run("install", "alpha==2.0", "--lock-mode=flock", "--json").returned(6).json["error"]
    assert (stop["text"], stop["command"], stop["stops"]) == (failed["cause"], failed["hint"], True)
    unlocked = here.run("doctor", "--json", HOLDFAST_LOCK_MODE="none").ok().json
    assert (unlocked["lock_mode"], remarks(unlocked)) == (LockMode.NONE, [("unset HOLDFAST_LOCK_MODE", False)])


@pytest.fixture(params=["environment", "directory", "missing"])
def killing(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Iterator[tuple[Sandbox, str, str]]:
    """What is judged, where everything must lie, and what the next command is."""
    root = {"environment": sandbox.venv.root, "directory": str(tmp_path / "lib"), "missing": str(tmp_path / "lib/new")}
    os.mkdir(tmp_path / "lib")
    yield sandbox, root[request.param], request.param
    shutil.rmtree(tmp_path / "lib")


@pytest.mark.parametrize("limit", [2, pytest.param(100_000, marks=pytest.mark.exhaustive)])
def test_killed_at_any_call_it_leaves_nothing_for_long(killing: tuple[Sandbox, str, str], limit: int) -> None:
    sandbox, path, kind = killing
    watched = (sandbox.venv.root, os.path.join(sandbox.root, "lib"), sandbox.tmp)
    made = calls_of(sandbox, path)
    before = [snapshot(root) for root in watched]
    assert len(made) > 30
    for point in share(points(made, When.BEFORE, When.AFTER), limit):
        assert run_faulty(sandbox, "doctor", path, point=point).returncode in {-signal.SIGKILL, 0}
        tidied(sandbox, path, kind).ok()
        assert [snapshot(root) for root in watched] == before, (point, point.call)


def calls_of(sandbox: Sandbox, path: str) -> tuple[Call, ...]:
    """What a doctor does that changes something, once facts of interpreters are remembered."""
    sandbox.run("doctor", path).ok()
    return count_calls(sandbox, "doctor", path)


def tidied(sandbox: Sandbox, path: str, kind: str) -> Completed:
    """The next command that writes there; where nothing is yet, the next doctor."""
    if kind == "missing":
        return sandbox.run("doctor", path)
    return sandbox.run("recover", *(("--python", path) if kind == "environment" else ("--target", path)))


@pytest.mark.parametrize("limit", [2, pytest.param(100_000, marks=pytest.mark.exhaustive)])
def test_stopped_at_any_call_it_leaves_nothing_at_all(sandbox: Sandbox, limit: int) -> None:
    made = calls_of(sandbox, sandbox.venv.root)
    before = snapshot(sandbox.venv.root), snapshot(sandbox.tmp)
    for point in share(points(made, When.BEFORE), limit):
        done = run_faulty(sandbox, "doctor", sandbox.venv.root, point=point, fault="SIGTERM")
        assert done.returncode == -signal.SIGTERM, (point, point.call, done)
        assert "Nothing was changed." in done.stderr
        assert (snapshot(sandbox.venv.root), snapshot(sandbox.tmp)) == before, (point, point.call)


@pytest.mark.parametrize("limit", [2, pytest.param(100_000, marks=pytest.mark.exhaustive)])
def test_an_error_at_any_call_is_told_and_leaves_nothing(sandbox: Sandbox, limit: int) -> None:
    made = calls_of(sandbox, sandbox.venv.root)
    before = snapshot(sandbox.venv.root)
    for fault in ("ENOSPC", "EIO"):
        for point in share(points(made, When.BEFORE), limit):
            done = run_faulty(sandbox, "doctor", "--json", sandbox.venv.root, point=point, fault=fault)
            assert done.returncode in {0, 3}, (point, point.call, done)
            assert "Traceback" not in done.stderr
            assert done.json["outcome"] == ("usable" if done.returncode == 0 else "stopped")
            if point.call and point.call.name in {"rmdir", "unlink"}:
                sandbox.run("recover").ok()
            assert snapshot(sandbox.venv.root) == before, (point, point.call, done)
