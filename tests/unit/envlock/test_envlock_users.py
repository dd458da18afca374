"""Several users and one directory: who may install may take over, and who may not is told why."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pytest

from holdfast.model.transaction import LOCK_NAME

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become several users")

GROUP = 5000
PROGRAM = """
import json, os, signal, sys
from holdfast.envlock import acquire
from holdfast.errors import HoldfastError
from holdfast.model.request import LockSettings
from holdfast.stage.litter import sweep
from tests.support.areas import Recorder, bare_target, begin

target = bare_target(sys.argv[1], made=False)

def as_user(uid, gid, work):
    readable, writable = os.pipe()
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        os.umask(0o077)
        try:
            said = work() or "done"
        except HoldfastError as error:
            said = f"{type(error).__name__}: {error.cause} / {error.hint}"
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs into the answer
            said = repr(error)
        os.write(writable, said.encode())
        os._exit(0)
    os.close(writable)
    os.waitpid(child, 0)
    with os.fdopen(readable) as file:
        return file.read()

def die_holding():
    with begin(target) as tx, acquire(tx, LockSettings(), Recorder()):
        os.kill(os.getpid(), signal.SIGKILL)

def take():
    with begin(target) as tx, acquire(tx, LockSettings(timeout=0), Recorder()):
        pass
    sweep(target)

GROUP = 5000
with begin(bare_target(sys.argv[1] + "/warm")) as tx, acquire(tx, LockSettings(), Recorder()):
    pass  # import what is imported late: the others may not read this Python's library
first = as_user(5001, GROUP, die_holding)
said = [as_user(uid, gid, take) for uid, gid in ((5003, 5003), (5002, GROUP), (5002, GROUP))]
print(json.dumps([first, *said]))
"""


@pytest.fixture
def shared() -> Iterator[str]:
    """An environment that everybody can reach, unlike pytest's own directories."""
    root = tempfile.mkdtemp(prefix="holdfast-tests-", dir="/var/tmp")
    os.chmod(root, 0o755)
    os.mkdir(os.path.join(root, "lib"))
    os.chown(os.path.join(root, "lib"), 0, GROUP)
    yield root
    shutil.rmtree(root)


def said(root: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, root],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("mode", [0o775, 0o2770])
def test_one_of_the_group_takes_over_from_another_whatever_the_umask(shared: str, mode: int) -> None:
    lib = os.path.join(shared, "lib")
    os.chmod(lib, mode)
    dead, stranger, second, third = said(shared)
    assert dead == ""
    assert stranger.startswith("TargetError")
    assert (second, third) == ("done", "done")
    assert os.listdir(lib) == []


def test_in_a_sticky_directory_it_is_said_at_once_who_may(shared: str) -> None:
    lib = os.path.join(shared, "lib")
    os.chmod(lib, 0o3770)
    _, _, second, third = said(shared)
    for each in (second, third):
        assert each.startswith("LockUnavailableError")
        assert f"rm -r {os.path.join(lib, LOCK_NAME)}" in each
