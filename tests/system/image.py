"""An environment as in the nginx image of seed 12200: its root is root's, what lies in the root is the user's."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.support.environments import Venv, make_venv, verify_record
from tests.support.index import Index
from tests.support.mounts import Mounts
from tests.support.sandbox import Completed
from tests.support.trees import Snapshot, snapshot
from tests.support.users import People, User


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """Directories ``app-root home tmp cache`` that everybody reaches.

    Args:
        base: Holds them.
        venv: The environment.
        people: Who is there; ``user`` owns everything but the root of the environment.
        index: Where packages come from.
    """

    base: str
    venv: Venv
    people: People
    index: Index

    @property
    def user(self) -> User:
        """Whose environment it is, but for its root."""
        return self.people.a

    @property
    def tmp(self) -> str:
        """``TMPDIR``: sticky, everybody's."""
        return os.path.join(self.base, "tmp")

    @property
    def home(self) -> str:
        """``HOME``, the user's."""
        return os.path.join(self.base, "home")

    @property
    def cache(self) -> str:
        """The cache, the user's."""
        return os.path.join(self.base, "cache")

    def env(self, **more: str | None) -> dict[str, str]:
        """Of the user's commands."""
        return self.user.env(
            **{
                "HOME": self.home,
                "TMPDIR": self.tmp,
                "VIRTUAL_ENV": self.venv.root,
                "HOLDFAST_CACHE_DIR": self.cache,
                "HOLDFAST_INDEX_URL": self.index.url,
                **more,
            }
        )

    def start(
        self, *args: str, env: Mapping[str, str | None] | None = None, mounts: Mounts | None = None
    ) -> subprocess.Popen[str]:
        """Start holdfast as the user; ``mounts``: in that mount namespace."""
        line = (os.path.join(self.user.bin, "holdfast"), *args)
        whole: dict[str, str | None] = {**self.env(**(env or {}))}
        if mounts is None:
            return self.user.popen(*line, env=whole, cwd=self.home)
        return self.people.root.popen(*mounts.as_user(self.user), *line, env=whole, cwd=self.home)

    def run(self, *args: str, env: Mapping[str, str | None] | None = None, mounts: Mounts | None = None) -> Completed:
        """Run holdfast to its end (see `start`)."""
        with self.start(*args, env=env, mounts=mounts) as process:
            stdout, stderr = process.communicate(timeout=120)
        return Completed(args=("holdfast", *args), returncode=process.returncode, stdout=stdout, stderr=stderr)

    def watched(
        self,
        *args: str,
        env: Mapping[str, str | None] | None = None,
        mounts: Mounts | None = None,
    ) -> tuple[Completed, dict[str, set[str]]]:
        """The same, and which entries of holdfast's lay in TMPDIR, root and library meanwhile."""
        places = {"tmp": self.tmp, "root": self.venv.root, "library": self.venv.site_packages}
        found: dict[str, set[str]] = {name: set() for name in places}
        with self.start(*args, env=env, mounts=mounts) as process:
            while process.poll() is None:
                for name, path in places.items():
                    found[name] |= set(ours(path, mounts))
                time.sleep(0.005)
            stdout, stderr = process.communicate(timeout=120)
        done = Completed(args=("holdfast", *args), returncode=process.returncode, stdout=stdout, stderr=stderr)
        return done, found

    def says(self, script: str) -> str:
        """What a script of the environment prints, run by the user, who leaves no bytecode."""
        env: dict[str, str | None] = {"PYTHONDONTWRITEBYTECODE": "1"}
        return self.user.run(os.path.join(self.venv.bin, script), env=env).ok().stdout.strip()

    def snapshot(self) -> Snapshot:
        """Of the environment."""
        return snapshot(self.venv.root)

    def assert_clean(self, mounts: Mounts | None = None, **expected: str) -> None:
        """Exactly these distributions, whole, and nothing of holdfast's anywhere."""
        assert self.venv.distributions == expected
        assert verify_record(self.venv.site_packages) == ()
        for path in (self.venv.root, self.venv.site_packages, self.venv.bin, self.tmp, self.home):
            assert ours(path, mounts) == []


def ours(path: str, mounts: Mounts | None = None) -> list[str]:
    """The names of holdfast's own things in a directory, if it is there."""
    try:
        return [name for name in os.listdir(mounts.seen(path) if mounts else path) if "holdfast" in name]
    except (FileNotFoundError, NotADirectoryError):
        return []


def make_image(base: str, people: People, index: Index) -> Image:
    """Make the directories; the root of the environment is ``root:root 0755``."""
    venv = make_venv(os.path.join(base, "app-root"), people.interpreter)
    image = Image(base=base, venv=venv, people=people, index=index)
    for path in (image.home, image.cache):
        os.mkdir(path, 0o755)
    os.mkdir(image.tmp)
    os.chmod(image.tmp, 0o1777)
    give(people.a, (image.home, image.cache, venv.root))
    os.chown(venv.root, 0, 0)
    os.chmod(venv.root, 0o755)
    return image


def give(user: User, paths: Iterable[str]) -> None:
    """Give directories and all that is in them to a user and his own group."""
    for path in paths:
        os.chown(path, user.uid, user.gid)
        for parent, directories, files in os.walk(path):
            for name in (*directories, *files):
                os.lchown(os.path.join(parent, name), user.uid, user.gid)
