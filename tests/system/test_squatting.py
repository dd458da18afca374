"""Issue 4, item 10: ``/tmp`` squatting. What another user placed where holdfast would open or create something is never
followed, truncated, blocked on or trusted, whatever ``fs.protected_*`` says.

``a`` (or root) installs; ``c``, who shares no group with ``a``, was there before, in directories where everybody may
make entries. ``b`` is in the group of an environment, and races with root in it.
"""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from holdfast.disk import remove_tree
from tests.support.environments import Venv, make_venv, verify_record
from tests.support.sandbox import Completed
from tests.support.users import People, User, public_directory
from tests.support.wheels import build_wheel, pkg
from tests.system.forging import ID, OTHER, Canaries, Scene, in_time, journal, record
from tests.system.test_forged_files import KINDS, PLANTED, make_scene, plant, step

LONG_AGO = 1e9
SYSCTL = "/proc/sys/fs/protected_"
PROTECTIONS = {
    "none": {"regular": 0, "fifos": 0, "symlinks": 0, "hardlinks": 0},
    "some": {"regular": 1, "fifos": 1, "symlinks": 1, "hardlinks": 1},
    "most": {"regular": 2, "fifos": 2, "symlinks": 1, "hardlinks": 1},
}

OUTER = {"none": PROTECTIONS["none"], "most": PROTECTIONS["most"]}
"""Enough where each kind is a command of its own."""


@contextmanager
def protection(values: Mapping[str, int]) -> Iterator[None]:
    """Set ``fs.protected_*`` of the machine for a block, one test at a time; skips where that may not be."""
    with open("/run/lock/holdfast-tests-sysctl", "w", encoding="utf-8") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        before: dict[str, str] = {}
        try:
            try:
                for name, value in values.items():
                    with open(SYSCTL + name, encoding="utf-8") as file:
                        before[name] = file.read()
                    if int(before[name]) != value:
                        with open(SYSCTL + name, "w", encoding="utf-8") as file:
                            file.write(str(value))
            except OSError as error:
                pytest.skip(f"this machine lets nobody set {error.filename}: {error.strerror}")
            yield
        finally:
            for name, old in before.items():
                if int(old) != values[name]:
                    with open(SYSCTL + name, "w", encoding="utf-8") as file:
                        file.write(old)


@dataclass(frozen=True, slots=True)
class Square:
    """An environment whose root is not ``a``'s, so that work goes to the system temp dir, and that directory."""

    people: People
    directory: str
    venv: Venv
    wheels: str

    @property
    def tmp(self) -> str:
        """Sticky, everybody's."""
        return os.path.join(self.directory, "tmp")

    def env(self, **more: str | None) -> dict[str, str | None]:
        return {"VIRTUAL_ENV": self.venv.root, "TMPDIR": self.tmp, **more}

    def holdfast(self, user: User, *args: str, **more: str | None) -> Completed:
        """Somebody's command; it is not blocked for ever."""
        return user.holdfast(*args, env=self.env(**more), timeout=60)

    def install(self, user: User, *args: str, **more: str | None) -> Completed:
        words = ("install", "good", *args, "--no-index", "--find-links", self.wheels, "--lock-timeout=0")
        return self.holdfast(user, *words, **more)

    def fresh(self) -> None:
        for name in os.listdir(self.venv.site_packages):
            path = os.path.join(self.venv.site_packages, name)
            remove_tree(path)
        shutil.rmtree(self.tmp)
        everybodys(self.tmp)

    def assert_installed(self) -> None:
        assert self.venv.distributions == {"good": "1.0"}
        assert verify_record(self.venv.site_packages) == ()
        assert not glob.glob(f"{self.venv.root}/.holdfast*")


def everybodys(path: str) -> str:
    """A sticky directory of root's."""
    os.makedirs(path)
    os.chmod(path, 0o1777)
    return path


@pytest.fixture(scope="module")
def made(crowd: People) -> Iterator[Square]:
    with public_directory() as directory:
        venv = make_venv(os.path.join(directory, "venv"), crowd.interpreter)
        for path in (venv.site_packages, venv.bin):
            os.chown(path, crowd.a.uid, crowd.a.gid)
        wheels = os.path.join(directory, "wheels")
        build_wheel(pkg("good"), wheels)
        square = Square(crowd, directory, venv, wheels)
        everybodys(square.tmp)
        yield square


@pytest.fixture
def square(made: Square) -> Iterator[Square]:
    yield made
    made.fresh()


@pytest.fixture
def canaries(square: Square) -> Iterator[Canaries]:
    """``a``'s own files, to which ``a`` would be led."""
    with public_directory() as directory:
        planted = Canaries(os.path.join(directory, "outside"))
        planted.plant()
        for parent, directories, files in os.walk(directory):
            for name in (".", *directories, *files):
                os.lchown(os.path.join(parent, name), square.people.a.uid, square.people.a.gid)
        os.chown(directory, 0, 0)
        planted.remember()
        yield planted


def squat(kind: str, path: str, canaries: Canaries, squatter: User) -> None:
    """Put something of the squatter's there."""
    if kind == "hard link":
        os.link(os.path.join(canaries.root, "file"), path)
        return
    plant(kind, path, canaries)
    for parent, directories, files in os.walk(path):
        for name in (*directories, *files):
            os.lchown(os.path.join(parent, name), squatter.uid, squatter.gid)
    os.lchown(path, squatter.uid, squatter.gid)


@pytest.mark.parametrize("values", PROTECTIONS.values(), ids=PROTECTIONS)
def test_what_is_named_like_a_work_area_in_the_system_temp_dir_is_left_alone(
    square: Square, canaries: Canaries, values: Mapping[str, int]
) -> None:
    """Every kind at once, one of them long untouched, so that it would be swept if it were one's own."""
    a, c = square.people.a, square.people.c
    for n, kind in enumerate(KINDS):
        for prefix in (f"holdfast-{a.uid}-", ".holdfast-"):
            path = os.path.join(square.tmp, f"{prefix}{n:032x}")
            squat(kind, path, canaries, c)
            if kind != "hard link":
                os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)
    canaries.remember()
    before = sorted(os.listdir(square.tmp))
    with protection(values):
        square.install(a).ok()
    canaries.assert_untouched()
    assert sorted(os.listdir(square.tmp)) == before
    square.assert_installed()


@pytest.mark.parametrize("values", OUTER.values(), ids=OUTER)
def test_a_history_that_somebody_else_placed_is_not_written(
    square: Square, canaries: Canaries, values: Mapping[str, int]
) -> None:
    a, c = square.people.a, square.people.c
    own = os.path.join(square.tmp, "own")
    os.mkdir(own)
    os.chown(own, a.uid, a.gid)
    square.install(a, XDG_STATE_HOME=own).ok()
    (name,) = (os.path.basename(path) for path in glob.glob(f"{own}/holdfast/history-v1/*"))
    with protection(values):
        for n, kind in enumerate(("fifo", "to a file", "hard link", "dangling", "sparse", "file")):
            state = os.path.join(square.tmp, f"state{n}")
            directory = os.path.join(state, "holdfast", "history-v1")
            os.makedirs(directory)
            for path in (state, os.path.dirname(directory), directory):
                os.chmod(path, 0o1777)
            path = os.path.join(directory, name)
            if kind == "file":
                with open(path, "wb"):
                    os.chmod(path, 0o666)
                os.chown(path, c.uid, c.gid)
            else:
                squat(kind, path, canaries, c)
            canaries.remember()
            size = os.lstat(path).st_size
            square.install(a, "--force-reinstall", XDG_STATE_HOME=state).ok()
            assert os.lstat(path).st_size == size
            assert os.listdir(directory) == [name]
            canaries.assert_untouched()


@pytest.mark.parametrize("values", OUTER.values(), ids=OUTER)
def test_a_cache_that_somebody_else_placed_is_neither_used_nor_filled(
    square: Square, canaries: Canaries, values: Mapping[str, int]
) -> None:
    a, c = square.people.a, square.people.c
    with protection(values):
        for n, kind in enumerate(("to a directory", "directory", "fifo", "dangling", "loop", "to a file", "sparse")):
            cache = os.path.join(square.tmp, f"cache{n}")
            squat(kind, cache, canaries, c)
            if kind == "directory":
                os.chmod(cache, 0o777)
            canaries.remember()
            done = square.install(a, "--force-reinstall", HOLDFAST_CACHE_DIR=cache).ok()
            assert done.stderr.count(cache) == 1, done.stderr
            canaries.assert_untouched()
            if kind == "directory":
                assert os.listdir(cache) == [OTHER]
            else:
                assert os.path.lexists(cache)
            square.assert_installed()


PARTS = ("wheels-v1", "bytecode-v1", "interpreters-v1", "pages-v1", "metadata-v1")


@pytest.mark.parametrize("kind", ["to a directory", "directory", "fifo"])
def test_a_part_of_the_cache_that_somebody_else_placed_is_neither_used_nor_filled(
    square: Square, canaries: Canaries, kind: str
) -> None:
    a, c = square.people.a, square.people.c
    cache = os.path.join(square.tmp, "cache")
    os.mkdir(cache)
    os.chown(cache, a.uid, a.gid)
    os.chmod(cache, 0o1777)
    for part in PARTS:
        squat(kind, os.path.join(cache, part), canaries, c)
        if kind == "directory":
            os.chmod(os.path.join(cache, part), 0o777)
    canaries.remember()
    square.install(a, "--compile-bytecode", HOLDFAST_CACHE_DIR=cache).ok()
    canaries.assert_untouched()
    for part in PARTS:
        path = os.path.join(cache, part)
        assert os.lstat(path).st_uid == c.uid
        assert kind != "directory" or os.listdir(path) == [OTHER]
    square.assert_installed()


def test_poisoned_entries_of_somebody_else_are_not_installed(square: Square) -> None:
    """``c`` has filled the cache, with the right digests, sizes and times, and with his own code in it."""
    a, c = square.people.a, square.people.c
    poisoned = os.path.join(square.tmp, "poisoned")
    os.mkdir(poisoned)
    os.chown(poisoned, c.uid, c.gid)
    target = os.path.join(c.home, "target")
    words = ("install", "good", "--no-index", "--find-links", square.wheels, "--target", target, "--compile-bytecode")
    env = {"HOLDFAST_CACHE_DIR": poisoned, "VIRTUAL_ENV": square.venv.root}
    c.holdfast(*words, env=env).ok()
    shutil.rmtree(target)
    files = [path for path in glob.glob(f"{poisoned}/*-v1/**/good/*", recursive=True) if os.path.isfile(path)]
    assert {os.path.splitext(path)[1] for path in files} >= {".py", ".pyc"}
    for path in files:
        status = os.stat(path)
        with open(path, "wb") as file:
            file.write(b"#" * status.st_size)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    cache = os.path.join(square.tmp, "cache")
    os.mkdir(cache)
    os.chown(cache, a.uid, a.gid)
    os.chmod(cache, 0o1777)
    for name in os.listdir(poisoned):
        os.rename(os.path.join(poisoned, name), os.path.join(cache, name))
    square.install(a, "--compile-bytecode", HOLDFAST_CACHE_DIR=cache).ok()
    square.assert_installed()
    for path in glob.glob(f"{square.venv.site_packages}/good/**", recursive=True):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                assert not file.read().startswith(b"####"), path
            assert os.stat(path).st_uid == a.uid


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_planted_as_uvs_lock_is_not_waited_for(scene: Scene, kind: str) -> None:
    path = os.path.join(scene.box.venv.root, ".lock")
    plant(kind, path, scene.canaries)
    try:
        done = scene.install("-v").ok()
        scene.assert_harmless(done)
        assert os.path.lexists(path)
    finally:
        remove_tree(path)


@pytest.fixture(scope="module")
def furnished(crowd: People) -> Iterator[Scene]:
    with public_directory() as directory:
        yield make_scene(directory, crowd)


@pytest.fixture
def scene(furnished: Scene) -> Iterator[Scene]:
    yield furnished
    furnished.clear()


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=() if kind in {"fifo", "to a directory"} else pytest.mark.exhaustive) for kind in KINDS],
)
def test_a_lock_in_a_sticky_directory_is_said_at_once(square: Square, canaries: Canaries, kind: str) -> None:
    """``a`` may never remove it there, so that waiting were in vain."""
    a, c = square.people.a, square.people.c
    target = everybodys(os.path.join(square.tmp, "target"))
    squat(kind, os.path.join(target, ".holdfast.lock"), canaries, c)
    canaries.remember()
    words = ["install", "good", "--no-index", "--find-links", square.wheels, "--target", target]
    if kind == "hard link":  # to a file of a's own: a may remove it, so it is waited for as a live owner
        words.append("--lock-timeout=3")
    began = time.monotonic()
    done = square.holdfast(a, *words).returned(6)
    assert time.monotonic() - began < 30  # not the five minutes of --lock-timeout
    assert "sticky" in done.stderr or kind == "hard link"
    assert f"rm -r {target}/.holdfast.lock" in done.stderr.splitlines()[-1]
    assert os.listdir(target) == [".holdfast.lock"]
    canaries.assert_untouched()


def test_a_journal_in_a_sticky_directory_is_left_to_its_owner_and_root(square: Square) -> None:
    a, c = square.people.a, square.people.c
    target = everybodys(os.path.join(square.tmp, "target"))
    left = os.path.join(target, f".holdfast-{ID}")
    for name in ("new", "old"):
        os.makedirs(f"{left}/{name}")
    for name, content in (("owner", record(user=c.name)), ("journal", journal(step("place", "good/__init__.py")))):
        with open(f"{left}/{name}", "wb") as file:
            file.write(content)
    for parent, directories, files in os.walk(left):
        for name in (".", *directories, *files):
            os.lchown(os.path.join(parent, name), c.uid, c.gid)
    words = ("install", "good", "--no-index", "--find-links", square.wheels, "--target", target)
    done = square.holdfast(a, *words).returned(3)
    assert c.name in done.stderr
    assert "holdfast recover" in done.stderr.splitlines()[-1]
    assert os.listdir(target) == [f".holdfast-{ID}"]
    square.holdfast(square.people.root, "recover", "--target", target).ok()
    assert os.listdir(target) == []
    square.holdfast(a, *words).ok()


SWAPPER = """
import os, sys
site, outside, kind = sys.argv[1:]
own, n = set(), 0
print("ready", flush=True)
while True:
    for name in os.listdir(site):
        if not name.startswith(".holdfast") or name in own:
            continue
        path, n = os.path.join(site, name), n + 1
        try:
            if kind == "directory":
                os.rename(path, f"{site}/moved{n}")
                os.symlink(outside, path)
                own.add(name)
            else:
                for part in ("new", "old", "lock", "taken", "dead"):
                    if os.path.isdir(f"{path}/{part}") and not os.path.islink(f"{path}/{part}"):
                        os.rename(f"{path}/{part}", f"{path}/moved{n}-{part}")
                        os.symlink(outside, f"{path}/{part}")
        except OSError:
            pass
"""


@contextmanager
def swapping(user: User, python: str, *args: str) -> Iterator[None]:
    """Somebody who exchanges what he sees, all the time."""
    process = user.popen(python, "-I", "-c", SWAPPER, *args)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
        assert process.poll() is None, process.communicate()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("rounds", [2, pytest.param(100, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("kind", ["directory", "parts"])
@pytest.mark.parametrize("where", ["library", "library and root"])
def test_who_exchanges_what_root_works_in_leads_root_nowhere(
    scene: Scene, crowd: People, kind: str, where: str, rounds: int
) -> None:
    """A real process races with root's commands in directories that its group may write."""
    root = scene.box.venv.root
    mode = os.stat(root).st_mode
    places = [scene.site]
    if where != "library":
        os.chown(root, 0, crowd.gid)
        os.chmod(root, 0o2775)
        places.append(root)
    commands = (
        ("install", "good", "--no-index", "--find-links", scene.wheels, "--no-cache", "--lock-timeout=0"),
        ("recover", "--lock-timeout=0"),
        ("uninstall", "-y", "good", "--lock-timeout=0"),
    )
    codes = []
    try:
        for n in range(rounds):
            with swapping(crowd.b, crowd.interpreter.executable, places[n % len(places)], scene.canaries.root, kind):
                for words in commands:
                    with in_time(60):
                        done = crowd.root.holdfast(*words, env={"VIRTUAL_ENV": root, "TMPDIR": scene.box.tmp})
                    codes.append(done.returncode)
                    scene.assert_harmless(done)
                    assert done.returncode in {0, 1, 3, 6, 7, 8}, done
            scene.clear()
            clean(root)
    finally:
        clean(root)
        os.chmod(root, mode)
    assert codes


def clean(root: str) -> None:
    """Take away what the swapper left beside the environment's own."""
    for name in os.listdir(root):
        if name.startswith((".holdfast", "moved")):
            path = os.path.join(root, name)
            subprocess.run(["rm", "-rf", "--", path], check=True)


def test_every_kind_is_planted(tmp_path: object) -> None:
    """The kinds are what they are called: a test that plants nothing proves nothing."""
    outside = Canaries(os.path.join(str(tmp_path), "outside"))
    outside.plant()
    for kind in KINDS:
        path = os.path.join(str(tmp_path), kind.replace(" ", "-"))
        plant(kind, path, outside)
        assert os.path.lexists(path)
    assert set(PLANTED) < set(KINDS)
