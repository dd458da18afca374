"""Seed 12200, step by step: a virtual environment whose root became root's by a ``COPY``, and a user who installs.

The reporter's image: ``/opt/app-root`` was ``default:root 0775`` (``drwxrwxr-x``), the home is ``src`` in it; then a
``COPY nginx/root/ /`` left it ``root:root 0755``. pip went on to work; uv wanted ``src/.cache`` and a file in the root.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import pytest

from tests.support.environments import Venv, make_venv, unowned, verify_record
from tests.support.index import Index
from tests.support.sandbox import Completed
from tests.support.trees import snapshot, unchanged
from tests.support.users import People, User
from tests.support.wheels import WheelSpec, pkg
from tests.system.image import give


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The image, with ``USER default`` in force."""

    venv: Venv
    default: User
    tmp: str
    index: Index

    @property
    def home(self) -> str:
        """``/opt/app-root/src``."""
        return os.path.join(self.venv.root, "src")

    def bash(self, *line: str, **env: str | None) -> Completed:
        """A line typed at ``(app-root) bash-5.1$``."""
        image = {
            "HOME": self.home,
            "TMPDIR": None,
            "VIRTUAL_ENV": self.venv.root,
            "PATH": f"{self.venv.bin}:{self.default.env()['PATH']}",
            "HOLDFAST_INDEX_URL": self.index.url,
        }
        return self.default.run(*line, env={**image, **env}, cwd=self.home)

    def left_in_tmp(self) -> list[str]:
        """Of this user's in the system's temp dirs."""
        prefix = f"holdfast-{self.default.uid}-"
        return [name for place in ("/tmp", self.tmp) for name in os.listdir(place) if name.startswith(prefix)]


@pytest.fixture
def container(crowd: People, public: str, index: Index) -> Container:
    index.add(pkg("cowsay", "6.1", console_scripts={"cowsay": "cowsay:main"}))
    venv = make_venv(os.path.join(public, "app-root"), crowd.interpreter)
    os.mkdir(os.path.join(venv.root, "src"))
    give(crowd.a, [venv.root])
    os.chown(venv.root, crowd.a.uid, 0)
    os.chmod(venv.root, 0o775)
    tmp = os.path.join(public, "tmp")
    os.mkdir(tmp)
    os.chmod(tmp, 0o1777)
    return Container(venv=venv, default=crowd.a, tmp=tmp, index=index)


def copy_nginx(container: Container) -> None:
    """``USER 0``, ``COPY ${CODESERVER_SOURCE_CODE}/nginx/root/ /``, ``USER 1001``."""
    os.chown(container.venv.root, 0, 0)
    os.chmod(container.venv.root, 0o755)


def close_home(container: Container) -> None:
    """As the home was: ``failed to create directory `/opt/app-root/src/.cache/uv`: Permission denied``."""
    os.chown(container.home, 0, 0)


def installs(container: Container, *words: str, **env: str | None) -> Completed:
    """``holdfast install WORDS cowsay`` works, leaves what RECORD lists and nothing else, and can be taken back."""
    before = snapshot(container.venv.root)
    done = container.bash("holdfast", "install", *words, "cowsay", **env).ok()
    assert done.stdout.splitlines()[-1] == "Successfully installed cowsay-6.1"
    assert container.bash("cowsay", PYTHONDONTWRITEBYTECODE="1").ok().stdout == "cowsay 6.1\n"
    site = container.venv.site_packages
    assert verify_record(site) == ()
    assert unowned(site) == ()
    assert container.left_in_tmp() == []
    container.bash("holdfast", "uninstall", *[word for word in words if word != "-v"], "cowsay", **env).ok()
    after = {path: entry for path, entry in snapshot(container.venv.root).items() if not path.startswith("src/.")}
    assert after == {path: entry for path, entry in before.items() if not path.startswith("src/.")}
    return done


def test_before_the_copy(container: Container) -> None:
    installs(container)


def test_after_the_copy(container: Container) -> None:
    copy_nginx(container)
    installs(container, "-v")


def test_with_a_cache_that_cannot_be_made(container: Container) -> None:
    """``uv pip install cowsay -v``: failed to create directory `/opt/app-root/src/.cache/uv`: Permission denied."""
    copy_nginx(container)
    close_home(container)
    done = installs(container, "-v")
    (said,) = [line for line in done.stderr.splitlines() if "warning" in line]
    assert f"The cache {container.home}/.cache/holdfast is not used: it is not writable." in said
    assert os.listdir(container.home) == []


def test_without_a_cache(container: Container) -> None:
    """``uv pip install --no-cache cowsay -v``: Permission denied at path "/opt/app-root/.tmpQy7ZfT"."""
    copy_nginx(container)
    close_home(container)
    done = installs(container, "--no-cache", "-v")
    assert "warning" not in done.stderr
    assert os.listdir(container.home) == []


def test_setting_tmpdir_changes_where_it_works(container: Container) -> None:
    """Setting `env::TMPDIR` does not change the behavior."""
    copy_nginx(container)
    before = os.stat(container.tmp).st_mtime_ns
    installs(container, TMPDIR=container.tmp)
    assert os.stat(container.tmp).st_mtime_ns > before
    assert os.listdir(container.tmp) == []


def test_as_openshift_runs_it(container: Container) -> None:
    """A user id that nobody knows, in group 0, which may write what ``fix-permissions`` gave to it; HOME is ``/``."""
    for parent, directories, files in os.walk(container.venv.root):
        for path in (parent, *(os.path.join(parent, name) for name in (*directories, *files))):
            os.chown(path, -1, 0, follow_symlinks=False)
            if not os.path.islink(path):
                os.chmod(path, os.stat(path).st_mode | 0o060)
    copy_nginx(container)
    nobody = replace(container.default, name="1000670000", uid=1000670000, gid=0, groups=(0,), home="/")
    pod = replace(container, default=nobody)
    installs(pod, HOME="/")
    container.index.add(WheelSpec(name="kernel", version="1.0", files={"kernel.py": ""}, data={"data/share/k": ""}))
    done = pod.bash("holdfast", "install", "kernel", HOME="/").returned(3)
    assert done.stderr.splitlines()[-1].endswith(f"install -d -o 1000670000 {container.venv.root}/share")


def test_what_is_satisfied_needs_nothing(container: Container) -> None:
    container.bash("holdfast", "install", "cowsay").ok()
    copy_nginx(container)
    close_home(container)
    for path, directories, _ in os.walk(os.path.join(container.venv.root, "lib")):
        for name in (path, *(os.path.join(path, each) for each in directories)):
            os.chmod(name, 0o555)
            os.chown(name, 0, 0)
    before = snapshot(container.venv.root)
    container.index.close()
    container.bash("holdfast", "install", "cowsay", TMPDIR="/nonexistent").ok()
    unchanged(before, container.venv.root)
