"""The record in a lock is half-written, or there is no room to write it (issue 4, number 2)."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from holdfast.model.owner import OwnerRecord
from tests.race.marker_scene import Scene
from tests.support.environments import make_venv, verify_record
from tests.support.hosts import another_host
from tests.support.mounts import small_tmpfs
from tests.support.sandbox import Sandbox
from tests.support.trees import diff, snapshot
from tests.support.wheels import build_wheel, pkg

PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(str(tmp_path_factory.mktemp("upgrade")))


@pytest.mark.parametrize("size", [pytest.param(0, marks=pytest.mark.exhaustive), 40], ids=["empty", "half"])
def test_a_half_written_record_is_waited_for_and_the_way_out_is_named(scene: Scene, size: int) -> None:
    """As a power failure leaves it. What is named to type is all that it takes: OLD comes back."""
    scene.fresh()
    with scene.start(place=another_host(), stop=scene.in_the_middle()) as holder:
        assert holder.is_stopped()
        holder.kill()
    lock = Path(scene.site, ".holdfast.lock")
    (record,) = lock.iterdir()
    os.truncate(record, size)
    before = scene.files()
    done = scene.run("recover", "--lock-timeout=1", lease=0.1).returned(6)
    assert f"{record} is held by something of uid {os.geteuid()} (the owner's record makes no sense)" in done.stderr
    assert scene.files() == before
    (command,) = [line.partition(": rm ")[2] for line in done.stderr.splitlines() if line.startswith("Try: ")]
    subprocess.run(["rm", *shlex.split(command)], check=True)
    scene.run("recover").ok()
    scene.assert_settled(scene.old, but_for_work_areas=True)


def test_a_record_that_is_torn_while_it_is_refreshed_is_looked_at_again(scene: Scene) -> None:
    """Its owner lives: who waits goes on to wait, and has his turn in the end."""
    scene.fresh()
    with scene.start(place=another_host(), stop=scene.in_the_middle()) as holder:
        assert holder.is_stopped()
        (record,) = Path(scene.site, ".holdfast.lock").iterdir()
        whole = record.read_bytes()
        waiting = scene.begin("recover", "--lock-timeout=60", lease=1000)
        waiting.hears("held by process")
        for cut in (0, 1, len(whole) // 2, len(whole) - 20):
            record.write_bytes(whole[:cut].ljust(len(whole) if cut else 0, b"\0"))
            waiting.looks_again()
        record.write_bytes(whole)
        parsed = OwnerRecord.from_bytes(whole)
        assert parsed is not None
        holder.go_on()
        holder.end().ok()
        waiting.end().ok()
    scene.assert_settled(scene.new)


def exhaust(path: str, *, left: int) -> None:
    """Take all the room that there is, but for some pages."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(PAGE))
        except OSError:
            pass
    size = os.stat(path).st_size
    os.truncate(path, max(0, size - size % PAGE - left * PAGE))


@pytest.mark.parametrize("mode", ["marker", pytest.param("flock", marks=pytest.mark.exhaustive)])
def test_a_disk_that_is_full_when_the_record_is_written_leaves_nothing(
    sandbox: Sandbox, tmp_path: Path, mode: str
) -> None:
    """However many pages are free: it works, or ends with a clean error and leaves nothing; with room it works."""
    build_wheel(pkg("alpha"), str(tmp_path / "wheels"))
    source = ("--no-index", "--find-links", str(tmp_path / "wheels"))
    causes: dict[int, str] = {}
    with small_tmpfs(str(tmp_path / "small")) as room:
        venv = make_venv(f"{room}/venv")
        here: Mapping[str, str] = {"VIRTUAL_ENV": venv.root, "HOLDFAST_LOCK_MODE": mode}
        for left in range(4):
            sandbox.run("install", "alpha", *source, env=here).ok()
            before = snapshot(venv.root)
            exhaust(f"{room}/filler", left=left)
            done = sandbox.run("uninstall", "-y", "alpha", env=here)
            os.unlink(f"{room}/filler")
            assert "Traceback" not in done.stderr
            if done.returncode:
                causes[done.returncode] = done.stderr
                first = done.stderr.splitlines()[0]
                assert first.endswith(("Nothing was changed.", "the environment is as before.")), done
                changed = diff(before, snapshot(venv.root))
                assert not changed, (left, changed, done)
            else:
                assert not venv.distributions
            assert verify_record(venv.site_packages) == ()
            assert [name for name in os.listdir(venv.site_packages) if "holdfast" in name] == []
            sandbox.run("uninstall", "-y", "alpha", env=here).ok()
    assert 6 in causes, causes
    assert set(causes) <= {3, 6, 7}, causes  # no room for the transaction directory, for the lock, for the journal
    assert "The environment lock of" in causes[6]
    assert all("No space left on device" in text and "df -h" in text for text in causes.values()), causes
