"""Every other command: uninstall, list, freeze, show, check, venv, cache, recover, config."""

from __future__ import annotations

import json
import os

import pytest

from tests.scenarios.world import World, told
from tests.support.trees import snapshot
from tests.support.wheels import pkg


@pytest.fixture
def furnished(world: World) -> World:
    """``Alpha`` requires ``beta``; both are installed."""
    world.add(pkg("Alpha", requires=("beta",), console_scripts={"alpha": "alpha:main"}), pkg("beta"))
    world.install("alpha")
    return world


def test_uninstall_takes_everything_and_only_that(furnished: World) -> None:
    done = furnished.run("uninstall", "-y", "ALPHA")
    assert done.stdout == "Successfully uninstalled Alpha-1.0\n"
    assert furnished.packages == {"beta": "1.0"}


def test_uninstall_of_what_is_not_there_is_a_notice_unless_it_must_exist(furnished: World) -> None:
    done = furnished.run("uninstall", "nonesuch")
    assert "nonesuch is not installed" in done.stderr
    told(furnished.run("uninstall", "--must-exist", "alpha", "nonesuch", code=1), cause="nonesuch")
    assert "alpha" in furnished.packages


def test_uninstall_reads_requirements_files(furnished: World) -> None:
    furnished.sandbox.write("requirements.txt", "alpha>=1\nbeta\n")
    furnished.run("uninstall", "-r", "requirements.txt")
    assert furnished.packages == {}


def test_uninstall_of_what_others_require_is_refused_and_allowed_by_name(furnished: World) -> None:
    done = told(furnished.run("uninstall", "beta", code=9), cause="beta", hint="--allow-breaking")
    assert "alpha" in done.stderr
    furnished.run("uninstall", "beta", "--allow-breaking", "alpha")
    assert furnished.packages == {"alpha": "1.0"}


def test_a_file_that_nobody_owns_stays_when_its_directory_is_uninstalled(furnished: World) -> None:
    note = furnished.path("alpha", "note.txt")
    with open(note, "w", encoding="utf-8") as file:
        file.write("mine\n")
    furnished.settle(note)
    furnished.run("uninstall", "alpha")
    assert os.listdir(furnished.path("alpha")) == ["note.txt"]


def test_list_and_freeze_show_what_is_there(furnished: World) -> None:
    assert furnished.run("list").stdout.splitlines()[2:] == ["Alpha   1.0", "beta    1.0"]
    assert furnished.run("freeze").stdout == "Alpha==1.0\nbeta==1.0\n"
    assert furnished.run("list", "--format", "json").json == [
        {"name": "Alpha", "version": "1.0"},
        {"name": "beta", "version": "1.0"},
    ]
    assert furnished.run("list", "--format=freeze", "--exclude", "beta").stdout == "Alpha==1.0\n"


def test_what_freeze_says_can_be_installed(furnished: World) -> None:
    frozen = furnished.sandbox.write("frozen.txt", furnished.run("freeze").stdout)
    furnished.run("uninstall", "alpha", "beta")
    furnished.install("-r", frozen)
    assert furnished.packages == {"alpha": "1.0", "beta": "1.0"}


def test_show_tells_name_place_and_relations(furnished: World) -> None:
    shown = furnished.run("show", "-f", "beta").stdout
    for line in ("Name: beta", "Version: 1.0", f"Location: {furnished.site}", "Requires:", "Required-by: Alpha"):
        assert line in shown.splitlines() or line in shown, line
    assert "beta/__init__.py" in shown
    assert furnished.run("show", "nonesuch", code=1).stdout == ""


def test_check_finds_what_is_missing_and_what_was_edited(furnished: World) -> None:
    assert furnished.run("check", "--files").stdout == "No broken requirements found.\nNo damaged files found.\n"
    with open(furnished.path("beta", "__init__.py"), "a", encoding="utf-8") as file:
        file.write("# edited\n")
    os.unlink(furnished.path("alpha", "__init__.py"))
    done = furnished.sandbox.run("check", "--files").returned(5)
    assert "beta/__init__.py" in done.stdout
    assert "alpha/__init__.py" in done.stdout


def test_an_edited_file_is_not_what_the_next_environment_gets(furnished: World) -> None:
    with open(furnished.path("beta", "__init__.py"), "a", encoding="utf-8") as file:
        file.write("EDITED = 1\n")
    other = furnished.sandbox.make_venv("other")
    furnished.sandbox.run("install", "--python", other.python, "beta", env=furnished.from_index()).ok()
    with open(os.path.join(other.site_packages, "beta", "__init__.py"), encoding="utf-8") as file:
        assert "EDITED" not in file.read()


def test_venv_makes_an_environment_that_the_next_command_finds(world: World) -> None:
    world.add(pkg("alpha"))
    bare = {"VIRTUAL_ENV": None}
    told(world.run("install", "alpha", code=3, env=world.from_index(bare)), hint="holdfast venv")
    world.run("venv", env=bare, made=(".venv", ".venv/*"))
    world.run("install", "alpha", env=world.from_index(bare), made=(".venv/*",))
    assert world.run("list", "--json", env=bare).json == [{"name": "alpha", "version": "1.0"}]
    before = snapshot(world.sandbox.cwd)
    told(world.run("venv", env=bare, code=3), hint="holdfast venv --clear")
    assert snapshot(world.sandbox.cwd) == before
    world.run("venv", "--clear", env=bare, made=(".venv/*",))
    assert world.run("list", "--json", env=bare).json == []


def test_the_cache_says_where_it_is_and_can_be_emptied(furnished: World) -> None:
    where = furnished.run("cache", "dir").stdout.strip()
    assert where == os.path.join(furnished.sandbox.cache, "holdfast")
    assert os.path.isdir(where)
    furnished.run("cache", "clean")
    assert not os.path.isdir(where) or not any(files for _, _, files in os.walk(where))
    furnished.install("--force-reinstall", "alpha")


def test_without_a_cache_nothing_is_kept_and_everything_works(world: World) -> None:
    world.add(pkg("alpha"))
    world.install("--no-cache-dir", "alpha")
    assert snapshot(world.sandbox.cache) == {}
    assert world.packages == {"alpha": "1.0"}


def test_recover_says_that_there_is_nothing_to_recover(furnished: World) -> None:
    assert furnished.run("recover").stdout == "There is nothing to recover.\n"
    assert furnished.run("recover", "--json").json == {"recovered": [], "left": []}


def test_config_says_what_is_in_force_and_whence(world: World) -> None:
    settings = world.run(
        "config", "--json", env={"HOLDFAST_LOCK_TIMEOUT": "7", "PIP_INDEX_URL": "https://user:pw@example.org/simple"}
    )
    assert settings.json["lock-timeout"] == {"value": 7.0, "origin": "HOLDFAST_LOCK_TIMEOUT"}
    assert settings.json["index-url"]["origin"] == "PIP_INDEX_URL"
    assert "pw" not in json.dumps(settings.json["index-url"])
    assert settings.json["link-mode"]["origin"] == "default"


@pytest.mark.parametrize("words", [["list"], ["freeze"], ["show", "alpha"], ["check"], ["config"], ["cache", "dir"]])
def test_readers_change_nothing_at_all(furnished: World, words: list[str]) -> None:
    before = {path: snapshot(path) for path in (furnished.sandbox.venv.root, furnished.sandbox.state)}
    furnished.process(*words)
    assert {path: snapshot(path) for path in before} == before


def test_what_was_done_is_noted_in_the_users_state_unless_there_is_to_be_no_cache(world: World) -> None:
    world.add(pkg("alpha"), pkg("beta"))
    world.install("--no-cache-dir", "alpha")
    world.run("uninstall", "--no-cache-dir", "alpha")
    assert not [entry for entry in snapshot(world.sandbox.state).values() if entry.kind == "file"]
    world.install("beta")
    assert len([entry for entry in snapshot(world.sandbox.state).values() if entry.kind == "file"]) == 1
