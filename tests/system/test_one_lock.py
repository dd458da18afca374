"""Item 4: one environment has one lock, by whatever way one comes to it.

A real process takes the lock by one way and is paused; by every other way the next one finds it held, and by whom.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from holdfast.model.transaction import LOCK_NAME
from tests.support.environments import Venv, make_venv, verify_record
from tests.support.holding import CODE, code_for, hold
from tests.support.interpreters import this_interpreter
from tests.support.mounts import private_mounts
from tests.support.sandbox import Completed, Sandbox, command
from tests.support.trees import snapshot, unchanged
from tests.support.users import People
from tests.support.wheels import build_wheel, pkg


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a command comes to the environment: further words, variables, working directory."""

    args: tuple[str, ...] = ()
    env: dict[str, str | None] = field(default_factory=dict)
    cwd: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An environment, and wheels."""

    box: Sandbox
    wheels: str

    @property
    def venv(self) -> Venv:
        return self.box.venv

    def path(self, *parts: str) -> str:
        return os.path.join(self.box.root, *parts)

    def link(self, to: str, *parts: str) -> str:
        path = self.path(*parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not os.path.lexists(path):
            os.symlink(to, path)
        return path

    def words(self, way: Way, name: str, *args: str) -> tuple[str, ...]:
        return ("install", *way.args, "--no-index", "--find-links", self.wheels, name, *args)

    def env(self, way: Way) -> dict[str, str]:
        return self.box.env(**{"VIRTUAL_ENV": None, **way.env})

    @contextmanager
    def held_by(self, way: Way, *args: str) -> Iterator[subprocess.Popen[str]]:
        env = {**self.env(way), "PYTHONPATH": CODE}
        cwd = way.cwd or self.box.cwd
        with hold(*self.words(way, "one", *args), python=sys.executable, env=env, cwd=cwd) as process:
            yield process

    def try_by(self, way: Way, *prefix: str, args: tuple[str, ...] = ()) -> Completed:
        line = command(*self.words(way, "two", "--lock-timeout=0", *args))
        done = subprocess.run(
            [*prefix, *line],
            env=self.env(way),
            cwd=way.cwd or self.box.cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Completed(args=tuple(line), returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


def refused(done: Completed, holder: subprocess.Popen[str], lock: str) -> None:
    """Exit 6, naming the holder and the one lock."""
    done.returned(6)
    assert "Nothing was changed." in done.stderr
    assert f"process {holder.pid} " in done.stderr
    assert os.path.join(lock, LOCK_NAME) in done.stderr


def by_variable(at: Place) -> Way:
    return Way(env={"VIRTUAL_ENV": at.venv.root})


def by_python(at: Place) -> Way:
    return Way(args=("--python", at.venv.python))


def by_another_spelling_of_python(at: Place) -> Way:
    """Another name of the interpreter, relative, with a detour."""
    version = ".".join(map(str, at.venv.version))
    detour = os.path.join("..", "venv", "lib", "..", "bin", f"python{version}")
    if not os.path.exists(os.path.join(at.box.cwd, detour)):
        detour = os.path.join("..", "venv", "lib", "..", "bin", "python3")
    return Way(args=("--python", detour))


def by_version(at: Place) -> Way:
    """Of an environment that is first on the path."""
    path = f"{at.venv.bin}{os.pathsep}{os.environ['PATH']}"
    return Way(args=("--python", ".".join(map(str, at.venv.version))), env={"PATH": path})


def by_conda(at: Place) -> Way:
    return Way(env={"CONDA_PREFIX": at.venv.root})


def by_directory(at: Place) -> Way:
    return Way(args=("--python", at.venv.root))


def by_symlink(at: Place) -> Way:
    """The environment is reached by a symlinked path, two links long."""
    first = at.link(at.venv.root, "links", "first")
    return Way(env={"VIRTUAL_ENV": at.link(first, "links", "second")})


def by_python_of_a_symlink(at: Place) -> Way:
    link = at.link(at.venv.root, "links", "python-of")
    return Way(args=("--python", os.path.join(link, "bin", "python")))


def by_symlinked_dot_venv(at: Place) -> Way:
    at.link(at.venv.root, "project", ".venv")
    deep = at.path("project", "deep")
    os.makedirs(deep, exist_ok=True)
    return Way(cwd=deep)


def by_prefix(at: Place) -> Way:
    return Way(args=("--python", this_interpreter().executable, "--prefix", at.venv.root))


def by_prefix_of_a_symlink(at: Place) -> Way:
    link = at.link(at.venv.root, "links", "prefix")
    return Way(args=("--python", this_interpreter().executable, "--prefix", link))


def by_target(at: Place) -> Way:
    return Way(args=("--python", at.venv.python, "--target", at.venv.site_packages))


def by_target_of_lib64(at: Place) -> Way:
    """``lib64`` of an environment is a symlink to ``lib``."""
    lib64 = at.link("lib", "venv", "lib64")
    site = os.path.join(lib64, os.path.relpath(at.venv.site_packages, os.path.join(at.venv.root, "lib")))
    return Way(args=("--python", this_interpreter().executable, "--target", site))


def by_target_of_a_symlink(at: Place) -> Way:
    link = at.link(at.venv.site_packages, "links", "packages")
    return Way(args=("--python", at.venv.python, "--target", link))


def by_root_and_prefix(at: Place) -> Way:
    return Way(args=("--python", this_interpreter().executable, "--root", at.box.root, "--prefix", "/venv"))


def by_user(at: Place) -> Way:
    """``~/.local`` is a symlink to it."""
    home = at.path("somebody")
    at.link(at.venv.root, "somebody", ".local")
    return Way(args=("--python", this_interpreter().executable, "--user"), env={"HOME": home})


def by_other_settings(at: Place) -> Way:
    """Another TMPDIR, home, cache and lock mode."""
    tmp = at.path("another-tmp")
    os.makedirs(tmp, exist_ok=True)
    other = at.path("another-home")
    os.makedirs(other, exist_ok=True)
    more = {"TMPDIR": tmp, "HOME": other, "XDG_CACHE_HOME": other, "HOLDFAST_LOCK_MODE": "marker"}
    return Way(env={"VIRTUAL_ENV": at.venv.root, **more})


WAYS: tuple[Callable[[Place], Way], ...] = (
    by_variable,
    by_python,
    by_another_spelling_of_python,
    by_version,
    by_directory,
    by_conda,
    by_symlink,
    by_python_of_a_symlink,
    by_symlinked_dot_venv,
    by_prefix,
    by_prefix_of_a_symlink,
    by_target,
    by_target_of_lib64,
    by_target_of_a_symlink,
    by_root_and_prefix,
    by_user,
    by_other_settings,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Place:
    if not os.path.isdir("/proc/self"):
        pytest.skip("sees through /proc that a process stands still")
    box = Sandbox(root=os.path.realpath(tmp_path_factory.mktemp("one-lock")))
    wheels = os.path.join(box.root, "wheels")
    for name in ("one", "two"):
        build_wheel(pkg(name), wheels)
    return Place(box=box, wheels=wheels)


@pytest.fixture(scope="module")
def site(shared: Place) -> str:
    return shared.venv.site_packages


@pytest.fixture(scope="module")
def holder(shared: Place) -> Iterator[subprocess.Popen[str]]:
    """Holds the lock of the environment; came by VIRTUAL_ENV."""
    shared.venv  # noqa: B018 - made now
    for way in WAYS:
        way(shared)  # the links that the ways need lie there before the tree is compared
    with shared.held_by(by_variable(shared)) as process:
        yield process


FURTHER = {by_python, by_version, by_directory, by_python_of_a_symlink, by_prefix_of_a_symlink, by_target}
"""Little is new in them beside the others."""


@pytest.mark.parametrize(
    "way",
    [pytest.param(way, marks=pytest.mark.exhaustive if way in FURTHER else ()) for way in WAYS],
    ids=lambda way: way.__name__.removeprefix("by_"),
)
def test_the_lock_that_one_holds_is_in_the_way_by_every_other_way(
    shared: Place, holder: subprocess.Popen[str], site: str, way: Callable[[Place], Way]
) -> None:
    before = snapshot(shared.venv.root)
    refused(shared.try_by(way(shared)), holder, site)
    unchanged(before, shared.venv.root)


def test_from_another_mount_of_the_environment_too(shared: Place, holder: subprocess.Popen[str], site: str) -> None:
    """The lock is seen where it lies, under another name and by another (device, name) pair."""
    elsewhere, packages = shared.path("elsewhere"), shared.path("packages")
    os.makedirs(elsewhere, exist_ok=True)
    os.makedirs(packages, exist_ok=True)
    there = os.path.join(elsewhere, os.path.relpath(site, shared.venv.root))
    with private_mounts() as mounts:
        mounts.run("mount", "--bind", shared.venv.root, elsewhere)
        mounts.run("mount", "--bind", site, packages)
        for way, lock in (
            (Way(env={"VIRTUAL_ENV": elsewhere}), there),
            (Way(args=("--python", os.path.join(elsewhere, "bin", "python"))), there),
            (Way(args=("--python", this_interpreter().executable, "--prefix", elsewhere)), there),
            (Way(args=("--python", this_interpreter().executable, "--target", packages)), packages),
        ):
            refused(shared.try_by(way, *mounts.enter), holder, lock)


@pytest.fixture
def place(tmp_path: Path, shared: Place) -> Place:
    box = Sandbox(root=os.path.realpath(tmp_path))
    box.venv  # noqa: B018 - made now
    return Place(box=box, wheels=shared.wheels)


BOUNDED = (by_prefix, by_target_of_lib64)


@pytest.mark.parametrize(
    "way",
    [pytest.param(way, marks=() if way in BOUNDED else pytest.mark.exhaustive) for way in WAYS],
    ids=lambda way: way.__name__.removeprefix("by_"),
)
def test_whoever_holds_it_by_that_way_is_in_the_way_of_others(place: Place, way: Callable[[Place], Way]) -> None:
    with place.held_by(way(place)) as holder:
        refused(place.try_by(by_variable(place)), holder, place.venv.site_packages)
        refused(place.try_by(by_target_of_a_symlink(place)), holder, place.venv.site_packages)
        holder.send_signal(signal.SIGCONT)
        _, err = holder.communicate(timeout=30)
        assert holder.returncode == 0, err
    place.try_by(by_variable(place)).ok()
    assert place.venv.distributions == {"one": "1.0", "two": "1.0"}
    assert verify_record(place.venv.site_packages) == ()
    assert [name for name in os.listdir(place.venv.site_packages) if "holdfast" in name] == []


def test_a_library_that_is_mounted_at_two_places_is_one(tmp_path: Path) -> None:
    """``lib64`` as a bind mount of ``lib``, not as a symlink: one directory, one lock in it, each project once."""
    purelib, platlib = str(tmp_path / "lib"), str(tmp_path / "lib64")
    os.mkdir(purelib)
    os.mkdir(platlib)
    ask = (
        "from holdfast.model.target import Scheme; from holdfast.target.schemes import resolved; "
        f"print(resolved(Scheme(purelib={purelib!r}, platlib={platlib!r}, scripts='/s', headers='/h', data='/d')))"
    )
    with private_mounts() as mounts:
        assert f"platlib={platlib!r}" in mounts.run(sys.executable, "-c", ask)
        mounts.run("mount", "--bind", purelib, platlib)
        assert f"platlib={purelib!r}" in mounts.run(sys.executable, "-c", ask)


def test_whoever_the_user_is(shared: Place, crowd: People, public: str) -> None:
    """A holds it; B of the same group and root, each with a home and a TMPDIR of his own, find it held by A."""
    venv = make_venv(os.path.join(public, "env"), crowd.interpreter)
    for path, _, _ in os.walk(venv.root):
        os.chown(path, 0, crowd.gid)
        os.chmod(path, 0o2775)
    shutil.copytree(shared.wheels, os.path.join(public, "wheels"))
    words = ("--no-index", "--find-links", os.path.join(public, "wheels"))
    code = code_for(os.path.join(public, "code"))
    by_prefix_words = ("--python", crowd.interpreter.executable, "--prefix", venv.root)
    env = crowd.a.env(VIRTUAL_ENV=venv.root, PYTHONPATH=code)
    who = (crowd.a.uid, crowd.a.gid, crowd.a.groups)
    line = ("install", *words, "one")
    with hold(*line, python=crowd.holdfast.python, env=env, cwd=public, user=who) as holder:
        for user in (crowd.b, crowd.root):
            tmp = os.path.join(user.home, "tmp-of-one-lock")
            user.run("mkdir", tmp).ok()
            for way, variables in (((), {"VIRTUAL_ENV": venv.root}), (by_prefix_words, {})):
                own: dict[str, str | None] = {**variables, "TMPDIR": tmp}
                done = user.holdfast("install", *way, *words, "two", "--lock-timeout=0", env=own)
                refused(done, holder, venv.site_packages)
                assert f"of {crowd.a.name} " in done.stderr
        holder.send_signal(signal.SIGCONT)
        _, err = holder.communicate(timeout=30)
        assert holder.returncode == 0, err
    crowd.b.holdfast("install", *words, "two", env={"VIRTUAL_ENV": venv.root}).ok()
    assert venv.distributions == {"one": "1.0", "two": "1.0"}
