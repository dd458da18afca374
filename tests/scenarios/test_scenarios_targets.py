"""Where it goes: each way to name a target, and each Python of this machine."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.scenarios.world import World, told
from tests.support.environments import distributions, verify_record
from tests.support.index.behaviours import Throttle
from tests.support.interpreters import Interpreter, interpreters, this_interpreter
from tests.support.trees import diff, snapshot
from tests.support.wheels import WheelSpec, pkg

BARE = {"VIRTUAL_ENV": None}


@pytest.fixture
def stocked(world: World) -> World:
    world.add(
        pkg("alpha", requires=("beta",), console_scripts={"alpha": "alpha:main"}),
        pkg("beta"),
        pkg("alpha", "2.0", requires=("beta",)),
    )
    return world


@pytest.mark.parametrize("python", interpreters(), ids=str)
def test_an_environment_of_every_python_is_served(stocked: World, python: Interpreter) -> None:
    venv = stocked.sandbox.make_venv(f"venv{python.minor}", python)
    before = snapshot(venv.root)
    run = stocked.sandbox.run
    run("install", "--python", venv.python, "alpha==1.0", env=stocked.from_index()).ok()
    assert venv.distributions == {"alpha": "1.0", "beta": "1.0"}
    assert verify_record(venv.site_packages) == ()
    assert venv.script("alpha").stdout == "alpha 1.0\n"
    run("install", "--python", venv.root, "-U", "alpha", env=stocked.from_index()).ok()
    run("check", "--files", "--python", venv.root).ok()
    run("uninstall", "--python", venv.root, "alpha", "beta").ok()
    assert not diff(before, snapshot(venv.root))


@pytest.mark.parametrize("python", interpreters(), ids=str)
def test_venv_makes_an_environment_of_every_python(stocked: World, python: Interpreter) -> None:
    where = os.path.join(stocked.sandbox.root, "made")
    stocked.sandbox.run("venv", "--python", python.executable, where).ok()
    stocked.sandbox.run("install", "alpha==1.0", env=stocked.from_index({"VIRTUAL_ENV": where})).ok()
    site = os.path.join(where, "lib", f"python{python.minor}", "site-packages")
    assert distributions(site) == {"alpha": "1.0", "beta": "1.0"}


def test_target_takes_packages_into_a_directory_and_out_again(stocked: World) -> None:
    stocked.install("--target", "out/here", "alpha==1.0", made=("out", "out/*"))
    where = os.path.join(stocked.sandbox.cwd, "out", "here")
    assert distributions(where) == {"alpha": "1.0", "beta": "1.0"}
    assert verify_record(where) == ()
    assert stocked.packages == {}
    done = stocked.install("--target", "out/here", "alpha")
    assert "already satisfied" in done.stdout
    stocked.install("--target", "out/here", "-U", "alpha", made=("out/*",))
    assert distributions(where) == {"alpha": "2.0", "beta": "1.0"}
    stocked.run("uninstall", "--target", "out/here", "alpha", "beta", made=("out/*",))
    assert [name for _, _, files in os.walk(where) for name in files] == []


def test_prefix_has_the_layout_of_an_environment(stocked: World) -> None:
    stocked.install("--prefix", "usr", "alpha==1.0", made=("usr", "usr/*"))
    found = {path for path in snapshot(os.path.join(stocked.sandbox.cwd, "usr")) if path.endswith(("alpha", ".py"))}
    assert "bin/alpha" in found
    assert any(path.endswith("site-packages/alpha/__init__.py") for path in found)
    assert stocked.packages == {}


def test_root_stands_before_everything(stocked: World) -> None:
    stocked.install("--root", "image", "--prefix", "/opt/app", "alpha==1.0", made=("image", "image/*"))
    found = snapshot(os.path.join(stocked.sandbox.cwd, "image"))
    assert "opt/app/bin/alpha" in found
    assert not os.path.exists("/opt/app/bin/alpha")
    with open(os.path.join(stocked.sandbox.cwd, "image/opt/app/bin/alpha"), encoding="utf-8") as file:
        assert "image" not in file.readline()


def test_user_goes_to_the_users_site(stocked: World) -> None:
    python = this_interpreter()
    words = ["--user", "--python", python.executable, "--break-system-packages"]
    stocked.sandbox.run("install", *words, "alpha==1.0", env=stocked.from_index(BARE)).ok()
    site = os.path.join(stocked.sandbox.home, ".local", "lib", f"python{python.minor}", "site-packages")
    assert distributions(site) == {"alpha": "1.0", "beta": "1.0"}
    stocked.sandbox.run("uninstall", *words, "alpha", "beta", env=stocked.from_index(BARE)).ok()
    assert [name for _, _, files in os.walk(os.path.join(stocked.sandbox.home, ".local")) for name in files] == []


def test_no_environment_is_said_with_both_ways_out(stocked: World) -> None:
    done = told(stocked.install("alpha", code=3, env=BARE), hint="holdfast venv")
    assert "--system" in done.stderr
    told(stocked.run("list", code=3, env=BARE), hint="holdfast venv")


def test_an_environment_that_is_not_there_is_named(stocked: World) -> None:
    done = told(stocked.install("alpha", code=3, env={"VIRTUAL_ENV": "/nonexistent/env"}), cause="/nonexistent/env")
    assert "VIRTUAL_ENV" in done.stderr
    told(stocked.install("alpha", "--python", "/nonexistent/python", code=3), cause="/nonexistent/python")


def test_an_environment_in_a_parent_directory_is_found(stocked: World) -> None:
    stocked.sandbox.run("venv", ".venv", env=BARE).ok()
    below = os.path.join(stocked.sandbox.cwd, "deep", "down")
    os.makedirs(below)
    stocked.sandbox.run("install", "alpha", env=stocked.from_index(BARE), cwd=below).ok()
    listed = stocked.sandbox.run("list", "--json", env=BARE).ok().json
    assert {each["name"] for each in listed} == {"alpha", "beta"}


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle_of_a_download_leaves_nothing(world: World, signum: signal.Signals) -> None:
    big = WheelSpec(name="alpha", version="1.0", files={"alpha/data.bin": os.urandom(3_000_000)})
    world.add(big)
    world.index.on("/files/*.whl", Throttle(bytes_per_second=200_000))
    box = world.sandbox
    with box.footprint() as left:
        running = box.start("install", "alpha", env=world.from_index())
        deadline = time.monotonic() + 30
        while not world.index.asked("/files/*.whl") and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
        running.send_signal(signum)
        _, stderr = running.communicate(timeout=30)
    assert running.returncode == -signum
    assert "interrupted. Nothing was changed." in stderr
    assert "Traceback" not in stderr
    left.assert_nothing()
