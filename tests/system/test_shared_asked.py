"""Issue 4, item 9: ``--shared[=GROUP]`` and ``HOLDFAST_SHARED`` share what the directory does not."""

from __future__ import annotations

import os
import stat
from dataclasses import replace

import pytest

from tests.support.environments import distributions
from tests.support.index import Index
from tests.support.users import People
from tests.support.wheels import pkg
from tests.system.shared import Place, alpha, below, shared_directory, wrong_rights


@pytest.fixture
def place(crowd: People, public: str, index: Index) -> Place:
    """In a directory of root's that nobody shares."""
    index.add(alpha("1.0"), alpha("2.0"), pkg("beta"))
    directory = os.path.join(public, "place")
    os.mkdir(directory, 0o755)
    return Place(people=crowd, directory=directory, index=index, umask=0o022)


@pytest.mark.parametrize("umask", [0o022, pytest.param(0o077, marks=pytest.mark.exhaustive)], ids=oct)
def test_root_shares_with_a_group_that_then_needs_no_option(place: Place, umask: int) -> None:
    here, people = replace(place, umask=umask), place.people
    here.make(people.root, f"--shared={people.group}")
    assert stat.S_IMODE(os.stat(here.venv.root).st_mode) == (0o2775 if umask == 0o022 else 0o2770)
    here.steps((people.a, people.b, people.a))


@pytest.mark.exhaustive
def test_the_variable_does_the_same_for_every_command(place: Place) -> None:
    people = place.people
    python = people.interpreter.executable
    place.holdfast(people.root, "venv", "--python", python, place.venv.root, HOLDFAST_SHARED=people.group).ok()
    place.check()
    place.holdfast(people.root, "install", "alpha==1.0", HOLDFAST_SHARED=people.group).ok()
    place.check()
    place.holdfast(people.b, "install", "-U", "alpha", HOLDFAST_SHARED="1").ok()
    place.check()
    place.holdfast(people.a, "uninstall", "alpha", HOLDFAST_SHARED=str(people.gid)).ok()
    place.check()


def test_what_is_created_in_a_directory_that_is_not_shared_is_shared_all_the_same(place: Place) -> None:
    """Only what is created: the environment itself stays as it is, and that is said."""
    people = place.people
    python = people.interpreter.executable
    place.holdfast(people.root, "venv", "--python", python, place.venv.root).ok()
    before = os.stat(place.venv.site_packages)
    done = place.holdfast(people.root, "install", f"--shared={people.group}", "alpha==1.0").ok()
    assert f"{place.venv.site_packages} itself is not group-writable" in done.stderr
    assert os.stat(place.venv.site_packages).st_mode == before.st_mode
    for name in ("alpha", "spaces", "alpha-1.0.dist-info"):
        assert wrong_rights(os.path.join(place.venv.site_packages, name), people) == []
    assert os.stat(os.path.join(place.venv.bin, "alpha")).st_mode & 0o7777 == 0o775
    assert os.stat(os.path.join(place.venv.bin, "alpha")).st_gid == people.gid


@pytest.mark.parametrize("way", ["setgid parent", pytest.param("asked for", marks=pytest.mark.exhaustive)])
def test_a_missing_target_directory_is_a_new_root(place: Place, way: str) -> None:
    people = place.people
    place = replace(place, umask=0o077)
    if way == "setgid parent":
        parent = shared_directory(place.directory, "opt", people, 0o2755)
        env: dict[str, str | None] = {}
    else:
        parent, env = os.path.join(place.directory, "opt"), {"HOLDFAST_SHARED": people.group}
    target = os.path.join(parent, "lib")
    more: dict[str, str | None] = {"VIRTUAL_ENV": None, **env}
    python = people.interpreter.executable
    words = ("--python", python, "--target", target)
    place.holdfast(people.root, "install", *words, "alpha==1.0", **more).ok()
    assert wrong_rights(target, people) == []
    place.holdfast(people.a, "install", *words, "-U", "alpha", **more).ok()
    assert wrong_rights(target, people) == []
    assert distributions(target) == {"alpha": "2.0"}
    place.holdfast(people.b, "uninstall", *words, "alpha", **more).ok()
    assert distributions(target) == {}


def test_a_group_that_is_refused_is_said_and_gets_no_more_than_everybody(place: Place) -> None:
    a, c = place.people.a, place.people.c
    root = os.path.join(a.home, "env")
    done = a.holdfast("venv", "--python", place.people.interpreter.executable, f"--shared={c.name}", root).ok()
    assert f"The group could not be given to {root}" in done.stderr
    done = a.holdfast("install", "--python", root, f"--shared={c.name}", "alpha", env=place.env()).ok()
    assert "could not be given" in done.stderr
    writable = [path for path in below(root) if not os.path.islink(path) and os.stat(path).st_mode & 0o022]
    assert writable == []


def test_in_a_user_namespace_that_does_not_know_the_group_it_is_said_and_works(place: Place) -> None:
    """EINVAL: as in a rootless container, over a directory of the host's group."""
    people = place.people
    directory = shared_directory(place.directory, "there", people, 0o775)
    here = replace(place, directory=directory)
    here.make(people.root)
    inside = ("unshare", "--user", "--map-root-user")
    if people.root.run(*inside, "true").returncode:
        pytest.skip("no user namespace can be made here (unshare --user)")
    holdfast = f"{people.root.bin}/holdfast"
    done = people.root.run(*inside, holdfast, "install", "alpha==1.0", env=here.env()).ok()
    assert done.stderr.count("could not be given") == 1, done.stderr
    made = [path for path in below(here.venv.site_packages) if not os.path.islink(path)]
    assert made
    assert [path for path in made if os.stat(path).st_gid != 0 or os.stat(path).st_mode & 0o020] == []


def test_a_group_that_does_not_exist_is_an_error(place: Place) -> None:
    done = place.holdfast(place.people.a, "install", "--shared=no-such-group", "alpha").returned(2)
    assert "There is no group no-such-group" in done.stderr


def test_clearing_a_shared_environment_keeps_it_shared(place: Place) -> None:
    people = place.people
    directory = shared_directory(place.directory, "there", people, 0o775)
    here = replace(place, directory=directory)
    here.make(people.a)
    here.holdfast(people.a, "install", "alpha").ok()
    here.make(people.b, "--clear")
    assert distributions(here.venv.site_packages) == {}
