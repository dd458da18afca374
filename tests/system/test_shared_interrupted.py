"""Issue 4, item 9: what A leaves when he is killed, B recovers; lock and staging have the rights of design section 5.

A is killed by strace before a chosen rename of his commit: after the journal was published, in the middle, at the last.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
from dataclasses import replace

import pytest

from holdfast.model.transaction import LOCK_NAME, is_transaction_name
from tests.support.environments import distributions
from tests.support.holding import code_for, hold
from tests.support.index import Index
from tests.support.trees import snapshot, unchanged
from tests.support.users import People, User
from tests.system.shared import Place, alpha, below, shared_directory

RENAMES = ("rename", "renameat", "renameat2")
NOWHERE = "/nonexistent"
"""A ``TMPDIR`` that is not there: work is done beside the environment."""
JOURNALLED = re.compile(r"\.holdfast-\w+/journal|\"journal\"")
DIRECTORIES = {"setgid": 0o2775, "group-writable": 0o775}


@pytest.fixture
def place(crowd: People, public: str, index: Index) -> Place:
    """``alpha`` 1.0 is installed, and A knows 2.0."""
    index.add(alpha("1.0"), alpha("2.0"))
    directory = shared_directory(public, "place", crowd, 0o2775)
    return Place(people=crowd, directory=directory, index=index, umask=0o077)


def furnish(place: Place, mode: int, umask: int) -> Place:
    os.chmod(place.directory, mode)
    here = replace(place, umask=umask)
    here.make(here.people.a)
    here.holdfast(here.people.a, "install", "alpha==1.0").ok()
    here.import_all()
    return here


Call = tuple[str, int]
"""A system call of the main thread: its name, and which of that name it is."""


def traced(place: Place, user: User, log: str, *words: str, kill: Call | None = None, tmp: str | None = None) -> int:
    """Run a command under strace; its exit code, negative for a signal."""
    inject = ["-e", f"inject={kill[0]}:signal=KILL:when={kill[1]}"] if kill else []
    trace = ",".join(f"?{name}" for name in (*RENAMES, *([kill[0]] if kill else [])))
    line = ["strace", "-f", "-o", log, "-e", f"trace={trace}", *inject, f"{user.bin}/holdfast", *words]
    done = user.run(*line, env=place.env(TMPDIR=tmp or user.tmp), umask=place.umask)
    if "ptrace" in done.stderr or "PTRACE" in done.stderr:
        pytest.skip(f"strace may not trace here: {done.stderr.splitlines()[0]}")
    return done.returncode


def commits(log: str) -> list[Call]:
    """The renames of a commit: after the journal's own, and before the lock goes."""
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = [line for line in file if line.split()[1].startswith("rename")]
    main = lines[-1].split()[0]
    mine = [line for line in lines if line.split()[0] == main]
    names = [line.split()[1].partition("(")[0] for line in mine]
    calls = [(name, names[: n + 1].count(name)) for n, name in enumerate(names)]
    first = next(n for n, line in enumerate(mine) if JOURNALLED.search(line))
    last = next(n for n, line in enumerate(mine) if n > first and LOCK_NAME in line)
    return calls[first + 1 : last]


@pytest.fixture
def log(place: Place) -> str:
    """Where strace writes, as A."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not here")
    return os.path.join(place.people.a.home, f"calls-{os.path.basename(os.path.dirname(place.directory))}")


def interrupted(place: Place, log: str, choose: slice) -> None:
    """A upgrades and is killed at some of his steps; each time B recovers, and goes on in another way."""
    a, b, c = place.people.a, place.people.b, place.people.c
    upgrade = ("install", "-U", "alpha")
    old = snapshot(place.venv.root)
    assert traced(place, a, log, *upgrade) == 0
    place.holdfast(b, "install", "alpha==1.0").ok()
    place.check()
    for n in commits(log)[choose]:
        place.import_all()
        assert traced(place, a, log, *upgrade, kill=n) in {-signal.SIGKILL, 128 + signal.SIGKILL}
        held = [name for name in os.listdir(place.venv.site_packages) if name.startswith(".holdfast")]
        assert LOCK_NAME in held, n
        assert any(os.path.exists(os.path.join(place.venv.site_packages, name, "journal")) for name in held), n
        assert staging_faults(place) == []
        if place.open_to_others:
            refused = place.holdfast(c, "recover").returned(3)
            assert f"it belongs to {a.name} and the group {place.people.group}" in refused.stderr
        place.holdfast(b, "list").returned(8)
        done = place.holdfast(b, "recover").ok()
        assert "alpha" in done.stdout, done
        assert distributions(place.venv.site_packages) == {"alpha": "1.0"}
        place.check()
        place.import_all()
    unchanged(old, place.venv.root)


def staging_faults(place: Place) -> list[str]:
    """What of lock and transaction directories the group may not change, or everybody may."""
    faults = []
    site = place.venv.site_packages
    model = os.stat(site)
    ours = [name for name in os.listdir(site) if name == LOCK_NAME or is_transaction_name(name)]
    paths = [os.path.join(site, name) for name in ours]
    for path in [*paths, *(each for top in paths for each in below(top))]:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode) or ".opt-" in path:
            continue
        directory = stat.S_ISDIR(status.st_mode)
        wanted = model.st_mode & (0o2777 if directory else 0o666)
        if status.st_mode & 0o7777 & ~(0 if directory else 0o111) != wanted or status.st_gid != model.st_gid:
            faults.append(f"{path}: {status.st_mode & 0o7777:o} {status.st_gid}, not {wanted:o} {model.st_gid}")
    return faults


@pytest.mark.parametrize("directory", ["setgid", pytest.param("group-writable", marks=pytest.mark.exhaustive)])
def test_b_recovers_what_a_left(place: Place, log: str, directory: str) -> None:
    interrupted(furnish(place, DIRECTORIES[directory], 0o022), log, slice(1, None, 7))


@pytest.mark.exhaustive
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002], ids=oct)
@pytest.mark.parametrize("directory", DIRECTORIES)
def test_b_recovers_what_a_left_at_every_step(place: Place, log: str, directory: str, umask: int) -> None:
    interrupted(furnish(place, DIRECTORIES[directory], umask), log, slice(None))


@pytest.mark.parametrize("umask", [0o077, pytest.param(0o002, marks=pytest.mark.exhaustive)], ids=oct)
@pytest.mark.parametrize("directory", ["group-writable", pytest.param("setgid", marks=pytest.mark.exhaustive)])
def test_lock_and_staging_have_the_directorys_rights_while_they_are_there(
    place: Place, public: str, directory: str, umask: int
) -> None:
    here = furnish(place, DIRECTORIES[directory], 0o022)
    a = here.people.a
    code = os.path.join(public, "code")
    os.mkdir(code)
    env = a.env(**here.env(PYTHONPATH=code_for(code), TMPDIR=NOWHERE))
    kept = os.umask(umask)
    try:
        holder = hold(
            "install", "-U", "alpha", "--no-cache", python=here.people.holdfast.python, env=env, cwd=a.home,
            user=(a.uid, a.gid, a.groups),
        )  # fmt: skip
        with holder:
            names = [name for name in os.listdir(here.venv.site_packages) if name.startswith(".holdfast")]
            assert len(names) == 2, names
            assert staging_faults(here) == []
            staged = [path for path in below(here.venv.site_packages) if "/new/" in path]
            assert any(path.endswith("__pycache__") for path in staged)
            work = [name for name in os.listdir(here.venv.root) if is_transaction_name(name)]
            assert len(work) == 1
            area = os.stat(os.path.join(here.venv.root, work[0]))
            root = os.stat(here.venv.root)
            assert (area.st_mode & 0o7777, area.st_gid) == (root.st_mode & 0o7777, root.st_gid)
            waits = here.holdfast(here.people.b, "uninstall", "alpha", "--lock-timeout", "0").returned(6)
            assert a.name in waits.stderr, "B may read who holds it"
            assert "install alpha" in waits.stderr
    finally:
        os.umask(kept)
    here.holdfast(here.people.b, "install", "-U", "alpha").ok()  # the holder was killed: B takes over, and sweeps
    assert distributions(here.venv.site_packages) == {"alpha": "2.0"}
    here.check()


@pytest.mark.parametrize("umask", [0o077, pytest.param(0o022, marks=pytest.mark.exhaustive)], ids=oct)
@pytest.mark.parametrize("number", [3, pytest.param(5, marks=pytest.mark.exhaustive)])
def test_what_a_left_unpacked_b_removes(place: Place, log: str, umask: int, number: int) -> None:
    """Without a cache and a system temp dir he works beside the environment, where the group may write."""
    here = replace(furnish(place, 0o775, 0o022), umask=umask)
    a, b = here.people.a, here.people.b
    words = ("install", "-U", "alpha", "--no-cache")
    killed = traced(here, a, log, *words, kill=("utimensat", number), tmp=NOWHERE)
    assert killed in {-signal.SIGKILL, 128 + signal.SIGKILL}
    (work,) = [name for name in os.listdir(here.venv.root) if is_transaction_name(name)]
    left = list(below(os.path.join(here.venv.root, work)))
    assert any(path.endswith(".py") for path in left)
    closed = [path for path in left if os.path.isdir(path) and os.stat(path).st_mode & 0o070 != 0o070]
    assert closed == []
    replace(here, umask=0o022).holdfast(b, "uninstall", "alpha").ok()
    here.check()


def test_a_directory_that_leaves_gets_the_groups_rights_from_its_owner_first(place: Place, log: str) -> None:
    """What pip made under umask 022, A upgrades, is killed, and B recovers: he moves those directories back."""
    here = furnish(place, 0o2775, 0o022)
    a, b = here.people.a, here.people.b
    assert traced(here, a, log, "install", "-U", "alpha") == 0
    here.holdfast(a, "install", "alpha==1.0").ok()
    package = os.path.join(here.venv.site_packages, "alpha")
    for top, _, _ in os.walk(package):
        os.chown(top, a.uid, a.gid)
        os.chmod(top, 0o755)
    chosen = commits(log)
    traced(here, a, log, "install", "-U", "alpha", kill=chosen[len(chosen) // 2])
    here.holdfast(b, "recover").ok()
    assert distributions(here.venv.site_packages) == {"alpha": "1.0"}
    assert staging_faults(here) == []
    here.check()
