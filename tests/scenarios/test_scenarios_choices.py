"""What is chosen when something is installed already, and what is said of it."""

from __future__ import annotations

import os

import pytest

from tests.scenarios.world import World
from tests.support.environments import installed
from tests.support.trees import diff, snapshot
from tests.support.wheels import WheelSpec, pkg


@pytest.fixture
def aged(world: World) -> World:
    """``alpha`` and its dependency ``beta`` are installed as 1.0, and there is 2.0 of both."""
    world.add(pkg("alpha", requires=("beta",)), pkg("beta"))
    world.install("alpha")
    world.add(pkg("alpha", "2.0", requires=("beta",)), pkg("beta", "2.0"))
    return world


def test_what_is_installed_stays_while_it_satisfies(aged: World) -> None:
    done = aged.install("alpha", "--no-cache")
    assert aged.packages == {"alpha": "1.0", "beta": "1.0"}
    assert done.stdout == f"Requirement already satisfied: alpha in {aged.site} (1.0)\n"


def test_an_upgrade_changes_what_was_named_and_leaves_what_it_requires(aged: World) -> None:
    done = aged.install("-U", "alpha", "--no-cache")
    assert aged.packages == {"alpha": "2.0", "beta": "1.0"}
    assert " ~ alpha 1.0 -> 2.0" in done.stderr
    assert done.stdout.endswith("Successfully installed alpha-2.0\n")


def test_an_eager_upgrade_changes_what_it_requires_too(aged: World) -> None:
    aged.install("-U", "--upgrade-strategy=eager", "alpha", "--no-cache")
    assert aged.packages == {"alpha": "2.0", "beta": "2.0"}


def test_a_dependency_is_upgraded_when_that_is_needed(aged: World) -> None:
    aged.add(pkg("alpha", "3.0", requires=("beta>=2",)))
    aged.install("-U", "alpha", "--no-cache")
    assert aged.packages == {"alpha": "3.0", "beta": "2.0"}


def test_a_downgrade_is_what_a_pin_asks_for(aged: World) -> None:
    aged.install("alpha==2.0", "beta==2.0", "--no-cache")
    aged.install("alpha==1.0")
    assert aged.packages == {"alpha": "1.0", "beta": "2.0"}


def test_force_reinstall_does_it_again_with_what_is_required(aged: World) -> None:
    os.unlink(aged.path("beta", "__init__.py"))
    done = aged.install("--force-reinstall", "alpha==1.0", "beta==1.0")
    assert aged.packages == {"alpha": "1.0", "beta": "1.0"}
    assert " ~ beta 1.0 (reinstalled)" in done.stderr
    assert os.path.exists(aged.path("beta", "__init__.py"))


def test_no_deps_takes_only_what_was_named(world: World) -> None:
    world.add(pkg("alpha", requires=("beta",)), pkg("beta"))
    world.install("--no-deps", "alpha")
    assert world.packages == {"alpha": "1.0"}
    assert world.run("check", code=1).stdout == "alpha 1.0 requires beta, which is not installed.\n"
    world.install("alpha")
    assert world.packages == {"alpha": "1.0", "beta": "1.0"}


def test_only_what_was_named_is_marked_as_requested(aged: World) -> None:
    marked = {each.name: each.read("REQUESTED") for each in installed(aged.site)}
    assert marked == {"alpha": "", "beta": None}
    assert {each.read("INSTALLER") for each in installed(aged.site)} == {"holdfast\n"}


def test_yanked_releases_are_for_those_who_pin_them(world: World) -> None:
    world.add(pkg("alpha", "1.0"))
    world.index.add(pkg("alpha", "2.0"), yanked="eats data")
    world.install("alpha")
    assert world.packages == {"alpha": "1.0"}
    done = world.install("alpha==2.0")
    assert world.packages == {"alpha": "2.0"}
    assert "yanked" in done.stderr
    assert "eats data" in done.stderr
    assert world.install("alpha").stderr.count("yanked") == 0


def test_backtracking_finds_the_older_release_that_fits(world: World) -> None:
    world.add(
        pkg("alpha", "2.0", requires=("gamma>=2",)),
        pkg("alpha", "1.0", requires=("gamma",)),
        pkg("beta", requires=("gamma<2",)),
        pkg("gamma", "1.0"),
        pkg("gamma", "2.0"),
    )
    world.install("alpha", "beta")
    assert world.packages == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}


def test_scripts_run_and_data_lies_where_it_belongs(world: World) -> None:
    world.add(pkg("alpha", console_scripts={"say-alpha": "alpha:main"}))
    world.install("alpha")
    assert world.sandbox.venv.script("say-alpha").stdout == "alpha 1.0\n"
    world.run("uninstall", "alpha")
    assert not os.path.exists(os.path.join(world.sandbox.venv.bin, "say-alpha"))


def test_bytecode_is_compiled_when_asked_for_and_goes_with_its_source(world: World) -> None:
    world.add(pkg("alpha"))
    world.install("--compile-bytecode", "alpha")
    (found,) = os.listdir(world.path("alpha", "__pycache__"))
    assert found.endswith(".pyc")
    world.run("uninstall", "alpha")
    assert os.listdir(world.site) == []


def test_bytecode_that_python_made_goes_with_its_source(world: World) -> None:
    world.add(pkg("alpha"))
    world.install("alpha")
    world.sandbox.venv.imported("alpha.__version__", "alpha")
    assert os.path.isdir(world.path("alpha", "__pycache__"))
    world.run("uninstall", "alpha")
    assert os.listdir(world.site) == []


def test_headers_and_data_go_with_the_directories_that_were_made_for_them(world: World) -> None:
    world.add(
        WheelSpec(
            name="alpha",
            version="1.0",
            files={"alpha/__init__.py": ""},
            data={"headers/deep/alpha.h": "\n", "data/etc/deep/alpha.conf": "\n", "scripts/alpha.sh": "#!python\n"},
        )
    )
    before = snapshot(world.sandbox.venv.root)
    world.install("alpha")
    world.run("uninstall", "alpha")
    assert not diff(before, snapshot(world.sandbox.venv.root))
