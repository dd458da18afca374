"""A store that belongs to another user, to a group, is read-only, or lies on another file system (P5, P8)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.environments import Venv, make_venv, verify_record
from tests.support.mounts import Mounts, private_mounts
from tests.support.sandbox import Completed
from tests.support.trees import snapshot, unchanged
from tests.support.users import People, User
from tests.support.wheels import build_wheel, pkg
from tests.system.image import give

RIGHT = {"warm": "x = 1\n", "cold": "y = 1\n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A cache of user a's in which ``warm`` lies and ``cold`` does not; everybody reaches it."""

    base: str
    people: People

    @property
    def cache(self) -> str:
        return os.path.join(self.base, "cache")

    def venv(self, user: User) -> Venv:
        """A fresh environment of a user's."""
        venv = make_venv(os.path.join(self.base, f"venv{len(os.listdir(self.base))}"), self.people.interpreter)
        give(user, [venv.root])
        return venv

    def install(self, user: User, venv: Venv, *words: str, mounts: Mounts | None = None) -> Completed:
        line = (f"{user.bin}/holdfast", "install", "--no-index", "--find-links", f"{self.base}/wheels", *words)
        env = {"VIRTUAL_ENV": venv.root, "HOLDFAST_CACHE_DIR": self.cache}
        if mounts is None:
            return user.run(*line, env=env)
        done = subprocess.run(
            [*mounts.as_user(user), *line],
            env=user.env(**env),
            cwd=user.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Completed(args=line, returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def in_store(self, name: str) -> str | None:
        """The module's file in the cache."""
        found = [f"{top}/{name}.py" for top, _, names in os.walk(self.cache) if f"{name}.py" in names]
        return found[0] if found else None

    def warned(self, done: Completed) -> list[str]:
        return [line for line in done.ok().stderr.splitlines() if self.cache in line]


def module(venv: Venv, name: str) -> str:
    return f"{venv.site_packages}/{name}.py"


def assert_right(venv: Venv, *names: str) -> None:
    assert set(venv.distributions) == set(names)
    assert verify_record(venv.site_packages) == ()
    for name in names:
        with open(module(venv, name), encoding="utf-8") as file:
            assert file.read() == RIGHT[name]


def edit(path: str) -> None:
    """In place, with its size and time as they were; only the inode's own time tells."""
    status = os.stat(path)
    with open(path, "r+", encoding="utf-8") as file:
        file.write("x = 2\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    while os.stat(path).st_ctime_ns <= status.st_ctime_ns:  # in a later tick of the clock
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def scene(crowd: People, public: str) -> Scene:
    made = Scene(base=public, people=crowd)
    for name, text in RIGHT.items():
        build_wheel(pkg(name, files={f"{name}.py": text}), f"{public}/wheels")
    for top, _, _ in os.walk(f"{public}/wheels"):
        os.chmod(top, 0o755)
    os.mkdir(made.cache, 0o755)
    give(crowd.a, [made.cache])
    return made


@pytest.fixture
def warm(scene: Scene) -> Venv:
    """User a's environment that shares ``warm`` with his cache."""
    venv = scene.venv(scene.people.a)
    scene.install(scene.people.a, venv, "warm").ok()
    assert os.path.samefile(module(venv, "warm"), str(scene.in_store("warm")))
    return venv


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    with private_mounts() as made:
        yield made


def test_another_users_store_is_read_copied_and_never_written(scene: Scene, warm: Venv) -> None:
    c = scene.people.c
    before = snapshot(scene.cache)
    venv = scene.venv(c)
    assert scene.warned(scene.install(c, venv, "warm")) == []
    assert not os.path.samefile(module(venv, "warm"), module(warm, "warm"))
    assert os.stat(module(venv, "warm")).st_uid == c.uid
    (line,) = scene.warned(scene.install(c, venv, "cold"))
    assert line.endswith("is only read: it is not writable.")
    assert_right(venv, "warm", "cold")
    unchanged(before, scene.cache)


def test_what_its_owner_edited_is_not_installed_from_another_users_store(scene: Scene, warm: Venv) -> None:
    edit(module(warm, "warm"))
    venv = scene.venv(scene.people.c)
    scene.install(scene.people.c, venv, "warm").ok()
    assert_right(venv, "warm")


def test_in_a_groups_store_one_heals_what_another_edited(scene: Scene) -> None:
    a, b = scene.people.a, scene.people.b
    os.chown(scene.cache, a.uid, scene.people.gid)
    os.chmod(scene.cache, 0o2775)
    first = scene.venv(a)
    scene.install(a, first, "warm").ok()
    assert os.path.samefile(module(first, "warm"), str(scene.in_store("warm")))
    edit(module(first, "warm"))
    second = scene.venv(b)
    assert scene.warned(scene.install(b, second, "warm")) == []
    assert_right(second, "warm")
    stored = str(scene.in_store("warm"))
    assert os.stat(stored).st_uid == b.uid
    third = scene.venv(a)
    scene.install(a, third, "warm").ok()
    assert_right(third, "warm")


def test_a_read_only_mount_serves_what_is_in_it(scene: Scene, warm: Venv, mounts: Mounts) -> None:
    a = scene.people.a
    mounts.run("mount", "--bind", scene.cache, scene.cache)
    mounts.run("mount", "-o", "remount,bind,ro", scene.cache)
    before = snapshot(scene.cache)
    venv = scene.venv(a)
    assert scene.warned(scene.install(a, venv, "warm", mounts=mounts)) == []
    assert not os.path.samefile(module(venv, "warm"), module(warm, "warm"))
    (line,) = scene.warned(scene.install(a, venv, "cold", mounts=mounts))
    assert "is only read" in line
    assert_right(venv, "warm", "cold")
    edit(module(warm, "warm"))
    healed = scene.venv(a)
    scene.install(a, healed, "warm", mounts=mounts).ok()
    assert_right(healed, "warm")
    assert snapshot(scene.cache).keys() == before.keys()


def test_a_store_on_another_file_system_is_copied_from(scene: Scene, mounts: Mounts) -> None:
    a = scene.people.a
    mounts.tmpfs(scene.cache, f"uid={a.uid}", f"gid={a.gid}", "mode=755")
    first, second, third = (scene.venv(a) for _ in range(3))
    scene.install(a, first, "warm", "cold", mounts=mounts).ok()
    assert os.listdir(scene.cache) == []
    assert "wheels-v1" in os.listdir(mounts.seen(scene.cache))
    assert os.stat(module(first, "warm")).st_nlink == 1
    edit(module(first, "warm"))
    assert scene.warned(scene.install(a, second, "warm", "cold", mounts=mounts)) == []
    assert_right(second, "warm", "cold")
    refused = scene.install(a, third, "warm", "--link-mode=hardlink", mounts=mounts).returned(3)
    assert "--link-mode=hardlink does not work for this target: Invalid cross-device link" in refused.stderr
    assert third.distributions == {}
