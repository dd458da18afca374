"""Seed 8032, step by step: root prepares a directory in an image, and another user goes on in it.

The reporter's Dockerfiles install Pythons and tools; here they make an environment and a ``--target`` directory below
``/opt/hf`` in the same way. ``ubuntu`` is a user whose own group the directory is given to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.support.environments import Venv, distributions, verify_record
from tests.support.index import Index
from tests.support.sandbox import Completed
from tests.support.users import People, User
from tests.support.wheels import pkg

NAMES = ("first", "second")


@dataclass(slots=True, kw_only=True)
class Build:
    """A Dockerfile under way: its ``ENV``, its ``USER``, its ``/opt``."""

    people: People
    opt: str
    index: Index
    env: dict[str, str | None] = field(default_factory=dict)
    user: User

    def run(self, *words: str) -> Completed:
        """``RUN holdfast ...``: with the umask of an image's shell."""
        env = {"HOLDFAST_INDEX_URL": self.index.url, **self.env}
        return self.user.holdfast(*words, env=env, cwd="/")

    def shell(self, *words: str) -> Completed:
        """``RUN ...``."""
        return self.user.run(*words, cwd="/").ok()

    @property
    def hf(self) -> str:
        """``/opt/hf``."""
        return os.path.join(self.opt, "hf")

    @property
    def python(self) -> str:
        """The image's Python."""
        return self.people.interpreter.executable


Steps = Callable[[Build, str], Completed]


def into_an_environment(build: Build, name: str) -> Completed:
    """``holdfast venv`` if there is none, ``holdfast install --python``."""
    root = os.path.join(build.hf, "python")
    if not os.path.exists(root):
        build.run("venv", "--python", build.python, root).ok()
    return build.run("install", "--python", root, name)


def into_a_directory(build: Build, name: str) -> Completed:
    """``holdfast install --target``."""
    return build.run("install", "--python", build.python, "--target", os.path.join(build.hf, "python"), name)


STEPS = pytest.mark.parametrize("install", [into_an_environment, into_a_directory])


@pytest.fixture
def build(crowd: People, public: str, index: Index) -> Build:
    """``FROM ubuntu:24.04 AS build``, ``COPY ... /bin/holdfast``, ``/opt`` is root's."""
    index.add(*(pkg(name, console_scripts={name: f"{name}:main"}) for name in NAMES))
    opt = os.path.join(public, "opt")
    os.mkdir(opt, 0o755)
    return Build(people=crowd, opt=opt, index=index, user=crowd.root)


def ubuntu(build: Build) -> User:
    """The second user, whose group has his name."""
    return build.people.a


def libraries(build: Build) -> str:
    """Where packages lie."""
    root = os.path.join(build.hf, "python")
    if os.path.exists(os.path.join(root, "pyvenv.cfg")):
        return Venv(root=root, version=build.people.interpreter.version[:2]).site_packages
    return root


def holds(build: Build, *names: str) -> None:
    """Everything is there and right, nothing is left, and nobody but the group may write."""
    library = libraries(build)
    assert set(distributions(library)) == set(names)
    assert verify_record(library) == ()
    for top, directories, files in os.walk(build.opt):
        for name in (*directories, *files):
            status = os.lstat(os.path.join(top, name))
            assert not name.startswith(".holdfast"), name
            assert stat.S_ISLNK(status.st_mode) or not status.st_mode & stat.S_IWOTH, name


@STEPS
def test_the_first_dockerfile_is_refused_with_the_line_that_makes_it_work(build: Build, install: Steps) -> None:
    """``RUN ... install``, ``USER ubuntu``, ``RUN ... install``: failed to create file `.lock`: Permission denied."""
    install(build, "first").ok()
    build.user = ubuntu(build)
    build.index.forget()
    done = install(build, "second").returned(3)
    assert f"{libraries(build)} may not be written by {build.user.name}: it belongs to root" in done.stderr
    assert f"ENV HOLDFAST_SHARED={build.user.name}" in done.stderr
    assert not build.index.asked("/files/*.whl")
    holds(build, "first")


@STEPS
def test_the_first_dockerfile_works_with_that_line(build: Build, install: Steps) -> None:
    build.env["HOLDFAST_SHARED"] = ubuntu(build).name
    install(build, "first").ok()
    build.user = ubuntu(build)
    install(build, "second").ok()
    holds(build, "first", "second")
    assert os.stat(libraries(build)).st_gid == build.user.gid
    build.user = build.people.root
    assert "warning" not in build.run(*uninstall(install, build), "second").ok().stderr
    holds(build, "first")


@STEPS
def test_the_setgid_dockerfile_works_without_umask(build: Build, install: Steps) -> None:
    """``RUN mkdir -p /opt/hf && chgrp ubuntu /opt/hf && chmod g+s /opt/hf``; no ``umask 002`` before each command."""
    user = ubuntu(build)
    build.shell("sh", "-c", f"mkdir -p {build.hf} && chgrp {user.name} {build.hf} && chmod g+s {build.hf}")
    install(build, "first").ok()
    build.user = user
    install(build, "second").ok()
    holds(build, "first", "second")
    build.run(*uninstall(install, build), "first").ok()
    holds(build, "second")


def uninstall(install: Steps, build: Build) -> tuple[str, ...]:
    """The words that undo."""
    root = os.path.join(build.hf, "python")
    if install is into_an_environment:
        return ("uninstall", "--python", root)
    return ("uninstall", "--python", build.python, "--target", root)


def test_the_lock_belongs_to_nobody_when_nobody_works(build: Build) -> None:
    """``failed to create file `/opt/uv/python/.lock```: there is no such file to own."""
    build.env["HOLDFAST_SHARED"] = ubuntu(build).name
    into_an_environment(build, "first").ok()
    found = {name for _, directories, files in os.walk(build.opt) for name in (*directories, *files)}
    assert not [name for name in found if "lock" in name]
