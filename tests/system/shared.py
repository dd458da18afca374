"""An environment that two users share, with a third outside of their group, and what must hold of it at any time."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.environments import Venv, distributions, verify_record
from tests.support.index import Index
from tests.support.sandbox import Completed
from tests.support.users import People, User
from tests.support.wheels import WheelSpec

MODULES = ("alpha", "alpha.deep", "alpha.deep.er", "spaces.alpha", "alpha_top")
"""What an installed ``alpha`` has to import: a package, a namespace and a module at the top."""

PROGRAMS = frozenset({"alpha", "alpha-plain", "tool.sh"})
_WORKS = 0o2777


def alpha(version: str) -> WheelSpec:
    """A wheel with everything that gets rights: packages, a namespace, a top module, scripts, data, a program."""
    text = f"VERSION = {version!r}\ndef main():\n    print('alpha', VERSION)\n"
    return WheelSpec(
        name="alpha",
        version=version,
        files={
            "alpha/__init__.py": text,
            "alpha/deep/__init__.py": "",
            "alpha/deep/er.py": f"V = {version!r}\n",
            f"alpha/of_{version.replace('.', '_')}/__init__.py": "",
            "alpha/data.txt": version,
            "alpha/tool.sh": "#!/bin/sh\n",
            "spaces/alpha.py": text,
            "alpha_top.py": text,
        },
        executable=frozenset({"alpha/tool.sh"}),
        console_scripts={"alpha": "alpha:main"},
        data={"data/share/alpha/x.txt": version, "scripts/alpha-plain": "#!python\nprint('plain')\n"},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A directory in which an environment is shared.

    Args:
        people: ``a`` and ``b`` share it.
        directory: In which the environment lies.
        index: Has ``alpha`` 1.0 and 2.0.
        umask: Of everybody's commands.
        cache: That they share; None: each has his own.
    """

    people: People
    directory: str
    index: Index
    umask: int
    cache: str | None = None

    @property
    def venv(self) -> Venv:
        """The environment."""
        return Venv(root=os.path.join(self.directory, "venv"), version=self.people.interpreter.version[:2])

    def env(self, **more: str | None) -> dict[str, str | None]:
        """Of every command."""
        own = {"HOLDFAST_CACHE_DIR": self.cache} if self.cache else {}
        return {"VIRTUAL_ENV": self.venv.root, "HOLDFAST_INDEX_URL": self.index.url, **own, **more}

    def holdfast(self, user: User, *args: str, **more: str | None) -> Completed:
        """Somebody's command."""
        return user.holdfast(*args, env=self.env(**more), umask=self.umask)

    def make(self, creator: User, *args: str) -> None:
        """Make the environment."""
        python = self.people.interpreter.executable
        self.holdfast(creator, "venv", "--python", python, *args, self.venv.root).ok()
        self.check()

    def import_all(self) -> None:
        """Everybody who may imports everything, with and without -O, under umask 022: bytecode is written."""
        there = MODULES if distributions(self.venv.site_packages) else ()
        script = f"import importlib\nfor name in {there}: importlib.import_module(name)"
        for user in (self.people.a, self.people.b, *([self.people.c] if self.open_to_others else [])):
            for options in ((), ("-O",)):
                user.run(self.venv.python, *options, "-c", script, env={"PYTHONDONTWRITEBYTECODE": None}).ok()

    @property
    def open_to_others(self) -> bool:
        """Whether who is not in the group may look in."""
        return all(os.stat(path).st_mode & stat.S_IXOTH for path in (self.directory, self.venv.root))

    def check(self) -> None:
        """Nothing is left, every RECORD is right, and everything has the rights of design section 5."""
        assert wrong_rights(self.venv.root, self.people) == []
        left = [path for path in below(self.directory) if os.path.basename(path).startswith(".holdfast")]
        assert left == []
        assert verify_record(self.venv.site_packages) == ()

    def steps(self, actors: tuple[User, User, User]) -> None:
        """Install, upgrade, uninstall; everybody imports after each, and everything is looked at."""
        for user, words, found in zip(
            actors,
            (("install", "alpha==1.0"), ("install", "-U", "alpha"), ("uninstall", "alpha")),
            ({"alpha": "1.0"}, {"alpha": "2.0"}, {}),
            strict=True,
        ):
            done = self.holdfast(user, *words).ok()
            assert "warning" not in done.stderr, done.stderr
            assert distributions(self.venv.site_packages) == found
            self.check()
            self.import_all()
            self.check()
        assert os.listdir(self.venv.site_packages) == []
        assert not [name for name in os.listdir(self.venv.bin) if name.startswith("alpha")]


def below(root: str) -> Iterator[str]:
    """Every path below a directory, directories included."""
    for top, directories, files in os.walk(root):
        for name in (*directories, *files):
            yield os.path.join(top, name)


def wrong_rights(root: str, people: People) -> list[str]:
    """What does not have the rights that follow from those of the root; bytecode of somebody's import is his."""
    base = os.stat(root)
    faults = []
    bits = base.st_mode & 0o777
    if bits & 0o070 != 0o070 or base.st_gid != people.gid or bits & stat.S_IWOTH:
        faults.append(f"{root}: {base.st_mode:o} {base.st_gid}")
    for path in below(root):
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode) or (path.endswith(".pyc") and ".opt-" in path):
            continue
        mode = status.st_mode & 0o7777
        wanted = bits & 0o666
        if stat.S_ISDIR(status.st_mode):
            wanted = base.st_mode & _WORKS
        elif os.path.basename(path) in PROGRAMS:
            wanted |= (wanted & 0o444) >> 2
        if (mode, status.st_gid) != (wanted, people.gid):
            faults.append(f"{path}: {mode:o} {status.st_gid}, not {wanted:o} {people.gid}")
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            faults.append(f"{path}: {status.st_nlink} hard links")
    return faults


def shared_directory(parent: str, name: str, people: People, mode: int) -> str:
    """A directory of root's for the group."""
    path = os.path.join(parent, name)
    os.mkdir(path)
    os.chown(path, 0, people.gid)
    os.chmod(path, mode)
    return path
