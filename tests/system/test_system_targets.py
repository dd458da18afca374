"""Every way of naming a target, with real commands and wheels of every part: files where pip puts them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from holdfast.model.transaction import LOCK_NAME
from tests.support.areas import living_owner, plant_lock
from tests.support.environments import distributions, make_venv, verify_record
from tests.support.installations import Installation, make_installation, manage
from tests.support.peers import Peer
from tests.support.sandbox import Sandbox
from tests.support.trees import diff, snapshot
from tests.system.places import (
    MINOR,
    Place,
    assert_as_pip_does,
    base_of,
    build_links,
    first_line,
    install,
    made_of,
    said,
)

Maker = Callable[[str], Place]


def installed_python(base: str) -> Installation:
    return make_installation(os.path.join(base, "usr"))


def by_python(base: str) -> Place:
    venv = make_venv(os.path.join(base, "env"))
    return Place(
        base=base, args=("--python", venv.python), python=venv.python, site=venv.site_packages, scripts=venv.bin
    )


def by_directory(base: str) -> Place:
    venv = make_venv(os.path.join(base, "env"))
    return Place(base=base, args=("--python", venv.root), python=venv.python, site=venv.site_packages, scripts=venv.bin)


def by_version(base: str) -> Place:
    own = installed_python(base)
    path = os.path.dirname(own.python) + os.pathsep + os.environ["PATH"]
    return Place(
        base=base,
        args=("--python", MINOR),
        python=os.path.join(own.root, "bin", f"python{MINOR}"),
        site=own.purelib,
        scripts=own.scripts,
        env={"PATH": path},
    )


def by_variable(base: str) -> Place:
    venv = make_venv(os.path.join(base, "env"))
    return Place(
        base=base,
        args=(),
        python=venv.python,
        site=venv.site_packages,
        scripts=venv.bin,
        env={"VIRTUAL_ENV": venv.root},
    )


def by_dot_venv(base: str) -> Place:
    venv = make_venv(os.path.join(base, ".venv"))
    return Place(base=base, args=(), python=venv.python, site=venv.site_packages, scripts=venv.bin, cwd=base)


def by_dot_venv_above(base: str) -> Place:
    found = by_dot_venv(base)
    deep = os.path.join(base, "project", "deep")
    os.makedirs(deep)
    return Place(base=base, args=(), python=found.python, site=found.site, scripts=found.scripts, cwd=deep)


def by_conda(base: str) -> Place:
    own = make_installation(os.path.join(base, "conda"))
    os.makedirs(os.path.join(own.root, "conda-meta"))
    with open(os.path.join(own.root, "conda-meta", "history"), "w", encoding="utf-8") as file:
        file.write("==> 2026-01-01 00:00:00 <==\n")
    return Place(
        base=base,
        args=(),
        python=os.path.join(own.root, "bin", "python"),
        site=own.purelib,
        scripts=own.scripts,
        env={"CONDA_PREFIX": own.root},
    )


def by_system(base: str) -> Place:
    own = installed_python(base)
    path = os.path.dirname(own.python) + os.pathsep + os.environ["PATH"]
    return Place(
        base=base, args=("--system",), python=own.python, site=own.purelib, scripts=own.scripts, env={"PATH": path}
    )


def by_user(base: str) -> Place:
    own = installed_python(base)
    home = os.path.join(base, "home")
    os.makedirs(home)
    path = os.path.dirname(own.python) + os.pathsep + os.environ["PATH"]
    return Place(
        base=base,
        args=("--user",),
        python=own.python,
        site=os.path.join(home, ".local", "lib", f"python{MINOR}", "site-packages"),
        scripts=os.path.join(home, ".local", "bin"),
        env={"PATH": path, "HOME": home},
        peer=("--user",),
    )


def by_target(base: str) -> Place:
    venv = make_venv(os.path.join(base, "env"))
    directory = os.path.join(base, "vendored", "here")
    return Place(
        base=base,
        args=("--python", venv.python, "--target", directory),
        python=venv.python,
        site=directory,
        scripts=os.path.join(directory, "bin"),
        peer=("--target", directory),
    )


def by_target_of_installation(base: str) -> Place:
    own = installed_python(base)
    directory = os.path.join(base, "vendored")
    return Place(
        base=base,
        args=("--python", own.python, "--target", directory),
        python=own.python,
        site=directory,
        scripts=os.path.join(directory, "bin"),
        peer=("--target", directory),
    )


def by_prefix(base: str) -> Place:
    venv = make_venv(os.path.join(base, "env"))
    prefix = os.path.join(base, "opt")
    return Place(
        base=base,
        args=("--python", venv.python, "--prefix", prefix),
        python=venv.python,
        site=os.path.join(prefix, "lib", f"python{MINOR}", "site-packages"),
        scripts=os.path.join(prefix, "bin"),
        peer=("--prefix", prefix),
    )


def by_root(base: str) -> Place:
    venv = make_venv(os.path.join(base, "env"))
    image = os.path.join(base, "image")
    return Place(
        base=base,
        args=("--python", venv.python, "--root", image),
        python=venv.python,
        site=image + venv.site_packages,
        scripts=image + venv.bin,
        peer=("--root", image),
    )


def by_root_and_prefix(base: str) -> Place:
    venv = make_venv(os.path.join(base, "env"))
    image = os.path.join(base, "image")
    return Place(
        base=base,
        args=("--python", venv.python, "--prefix", "/opt/app", "--root", image),
        python=venv.python,
        site=os.path.join(image, "opt", "app", "lib", f"python{MINOR}", "site-packages"),
        scripts=os.path.join(image, "opt", "app", "bin"),
        peer=("--prefix", "/opt/app", "--root", image),
    )


def by_root_and_user(base: str) -> Place:
    found = by_user(base)
    image = os.path.join(base, "image")
    return Place(
        base=base,
        args=(*found.args, "--root", image),
        python=found.python,
        site=image + found.site,
        scripts=image + found.scripts,
        env=found.env,
        peer=("--user", "--root", image),
    )


def by_root_and_target(base: str) -> Place:
    found = by_target(base)
    image = os.path.join(base, "image")
    return Place(
        base=base,
        args=(*found.args, "--root", image),
        python=found.python,
        site=image + found.site,
        scripts=image + found.scripts,
    )


NAMES: tuple[Maker, ...] = (by_directory, by_version, by_variable, by_dot_venv, by_dot_venv_above, by_conda)
LAYOUTS: tuple[Maker, ...] = (
    by_python,
    by_system,
    by_user,
    by_target,
    by_target_of_installation,
    by_prefix,
    by_root,
    by_root_and_prefix,
    by_root_and_user,
)
PEERLESS = by_root_and_target
"""pip takes ``--root`` off again when it moves things into ``--target``."""


def each_of(*makers: Maker) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("maker", makers, ids=[each.__name__.removeprefix("by_") for each in makers])


@pytest.fixture
def links(tmp_path: Path) -> str:
    """A directory of wheels."""
    return build_links(str(tmp_path / "links"))


@contextmanager
def elsewhere_untouched(sandbox: Sandbox) -> Iterator[None]:
    trees = (sandbox.home, sandbox.tmp, sandbox.cwd, sandbox.config)
    before = [snapshot(tree) for tree in trees]
    yield
    assert [snapshot(tree) for tree in trees] == before


@each_of(*LAYOUTS)
def test_the_files_lie_where_pip_puts_them(
    maker: Maker, sandbox: Sandbox, links: str, tmp_path: Path, pip: Peer
) -> None:
    ours, theirs = maker(base_of(tmp_path, "ours")), maker(base_of(tmp_path, "theirs"))
    assert_as_pip_does(ours, theirs, sandbox, links, pip)


@each_of(*LAYOUTS, PEERLESS)
def test_it_runs_verifies_upgrades_and_leaves_nothing(
    maker: Maker, sandbox: Sandbox, links: str, tmp_path: Path
) -> None:
    place = maker(base_of(tmp_path, "ours"))
    bare = snapshot(place.base)
    with elsewhere_untouched(sandbox):
        install(sandbox, place, links, "everything==1.0", "native")
        assert distributions(place.site) == {"everything": "1.0", "native": "1.0"}
        assert verify_record(place.site) == ()
        for script in ("every", "every-gui", "every-python", "every-pythonw"):
            assert first_line(os.path.join(place.scripts, script)).split()[0] == f"#!{place.python}"
            assert said(place, script) == "everything 1.0"
        assert said(place, "every-shell") == "shell"
        full = snapshot(place.base)
        install(sandbox, place, links, "everything==1.0", "native")
        assert not diff(full, snapshot(place.base))

        install(sandbox, place, links, "-U", "everything")
        assert distributions(place.site) == {"everything": "2.0", "native": "1.0"}
        assert verify_record(place.site) == ()
        assert said(place, "every") == "everything 2.0"
        assert not os.path.exists(os.path.join(place.site, "only_1_0.py"))

        done = sandbox.run("check", "--files", *place.args, env=place.env, cwd=place.cwd or None).ok()
        assert "Nothing" not in done.stderr
        frozen = sandbox.run("freeze", *place.args, env=place.env, cwd=place.cwd or None).ok().stdout
        assert frozen.split() == ["everything==2.0", "native==1.0"]

        sandbox.run("uninstall", *place.args, "everything", "native", env=place.env, cwd=place.cwd or None).ok()
        left = diff(bare, snapshot(place.base))
    assert not left.removed
    assert not left.changed
    assert {os.path.join(place.base, path) for path in left.added} <= made_of(place)


@each_of(*NAMES)
def test_what_is_named_is_what_changes(maker: Maker, sandbox: Sandbox, links: str, tmp_path: Path) -> None:
    place = maker(base_of(tmp_path, "ours"))
    bare = snapshot(place.base)
    with elsewhere_untouched(sandbox):
        install(sandbox, place, links, "everything==1.0")
        assert distributions(place.site) == {"everything": "1.0"}
        assert first_line(os.path.join(place.scripts, "every")) == f"#!{place.python}"
        assert said(place, "every") == "everything 1.0"
        sandbox.run("uninstall", *place.args, "everything", env=place.env, cwd=place.cwd or None).ok()
    assert {os.path.join(place.base, path) for path in diff(bare, snapshot(place.base)).added} <= made_of(place)


@each_of(by_conda, by_system, by_user, by_target, by_prefix, by_root_and_user)
def test_the_lock_lies_where_the_packages_go(maker: Maker, sandbox: Sandbox, links: str, tmp_path: Path) -> None:
    place = maker(base_of(tmp_path, "ours"))
    os.makedirs(place.site, exist_ok=True)
    plant_lock(place.site, living_owner())
    before = snapshot(place.base)
    line = ("install", *place.args, "--no-index", "--find-links", links, "--lock-timeout", "0", "native")
    done = sandbox.run(*line, env=place.env, cwd=place.cwd or None).returned(6)
    assert os.path.join(place.site, LOCK_NAME) in done.stderr
    assert "Nothing was changed." in done.stderr
    assert not diff(before, snapshot(place.base))


MANAGED = "To install Python packages system-wide, ask the distribution.\n\nSee its wiki, says the distribution."


def test_a_managed_system_is_left_alone_in_its_own_words(sandbox: Sandbox, links: str, tmp_path: Path) -> None:
    place = by_system(base_of(tmp_path, "ours"))
    for directory in (place.site, place.scripts):  # Debian's lie in /usr/local, which is there on a real system
        os.makedirs(directory, exist_ok=True)
    manage(os.path.join(place.base, "usr", "lib", f"python{MINOR}"), MANAGED)
    before = snapshot(place.base)
    line = ("--no-index", "--find-links", links, "native")
    for args in (("--system",), ("--user",), ("--python", place.python)):
        done = sandbox.run("install", *args, *line, env=place.env).returned(3)
        for words in (*MANAGED.split("\n\n"), "Nothing was changed.", "holdfast venv", "--break-system-packages"):
            assert words in done.stderr
    assert not diff(before, snapshot(place.base))

    sandbox.run("install", "--system", "--break-system-packages", *line, env=place.env).ok()
    assert distributions(place.site) == {"native": "1.0"}
    sandbox.run("list", "--system", env=place.env).ok()
    sandbox.run("uninstall", "--system", "native", env=place.env).returned(3)
    sandbox.run("uninstall", "--system", "native", env={**place.env, "HOLDFAST_BREAK_SYSTEM_PACKAGES": "1"}).ok()
    assert not diff(before, snapshot(place.base))


def test_a_managed_system_does_not_keep_from_other_places(sandbox: Sandbox, links: str, tmp_path: Path) -> None:
    place = by_system(base_of(tmp_path, "ours"))
    for directory in (place.site, place.scripts):  # Debian's lie in /usr/local, which is there on a real system
        os.makedirs(directory, exist_ok=True)
    manage(os.path.join(place.base, "usr", "lib", f"python{MINOR}"), MANAGED)
    line = ("--no-index", "--find-links", links, "native", "--python", place.python)
    for option in ("--target", "--prefix", "--root"):
        sandbox.run("install", option, os.path.join(sandbox.root, "to" + option), *line).ok()
    assert distributions(place.site) == {}
