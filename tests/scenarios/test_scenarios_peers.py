"""Beside pip and uv: what one installs the others can list, check, upgrade and remove without a trace."""

from __future__ import annotations

import json
import os

import pytest
from packaging.utils import canonicalize_name

from tests.scenarios.world import World
from tests.support.environments import installed, unowned, verify_record
from tests.support.peers import Peer, find_pip, find_uv
from tests.support.same import compare
from tests.support.trees import Snapshot, diff, snapshot
from tests.support.wheels import WheelSpec, pkg

pytestmark = pytest.mark.peer

ALPHA = WheelSpec(
    name="Alpha.Pkg",
    version="1.0",
    files={
        "alpha_pkg/__init__.py": "__version__ = '1.0'\ndef main(): print('alpha')\n",
        "alpha_pkg/sub/mod.py": "A = 1\n",
    },
    requires=("beta>=1",),
    console_scripts={"alpha": "alpha_pkg:main"},
    gui_scripts={"alpha-gui": "alpha_pkg:main"},
    data={"scripts/alpha.sh": "#!python\nprint('script')\n", "data/etc/alpha.conf": "x = 1\n", "headers/alpha.h": "\n"},
    dist_info={"licenses/LICENSE": "free\n"},
)


@pytest.fixture(params=["pip", "uv"])
def peer(request: pytest.FixtureRequest) -> Peer:
    """Each of the two in turn."""
    found = find_pip() if request.param == "pip" else find_uv()
    if found is None:
        pytest.skip(f"this machine has no {request.param} that is new enough")
    return found


@pytest.fixture
def stocked(world: World) -> World:
    """``Alpha.Pkg`` and ``beta``, each as 1.0 and 2.0."""
    world.add(ALPHA, pkg("Alpha.Pkg", "2.0", requires=("beta>=1",)), pkg("beta"), pkg("beta", "2.0"))
    return world


def ask(peer: Peer, world: World, *words: str) -> str:
    """Let a peer do something with the index."""
    where = ["--index-url", world.index.url] if words[0] == "install" else []
    silent = {"UV_CACHE_DIR": os.path.join(world.sandbox.cache, "uv"), "PYTHONDONTWRITEBYTECODE": None}
    return peer.run(world.sandbox, *words, *where, env=silent).ok().stdout


def remove(peer: Peer, world: World, *names: str) -> None:
    ask(peer, world, "uninstall", *(["-y"] if peer.name == "pip" else []), *names)


def left(world: World, bare: Snapshot) -> tuple[str, ...]:
    """What is in the environment that was not, uv's lock file apart."""
    found = diff(bare, snapshot(world.sandbox.venv.root)).without(".lock")
    assert not found.removed
    assert not found.changed
    return found.added


def files_left(world: World, bare: Snapshot) -> tuple[str, ...]:
    """The same without directories: pip and uv leave empty ones below ``include`` and ``etc``."""
    return tuple(path for path in left(world, bare) if not os.path.isdir(os.path.join(world.sandbox.venv.root, path)))


def versions(lines: str) -> set[tuple[str, str]]:
    """``name==version`` lines as pairs, names normalised."""
    pairs = (line.split("==") for line in lines.splitlines())
    return {(canonicalize_name(name), version) for name, version in pairs}


def test_a_peer_lists_and_checks_what_holdfast_installed(stocked: World, peer: Peer) -> None:
    stocked.install("alpha-pkg==1.0", "beta==1.0")
    expected = {("alpha-pkg", "1.0"), ("beta", "1.0")}
    listed = json.loads(ask(peer, stocked, "list", "--format", "json"))
    assert {(canonicalize_name(each["name"]), each["version"]) for each in listed} == expected
    assert versions(ask(peer, stocked, "freeze")) == versions(stocked.run("freeze").stdout) == expected
    ask(peer, stocked, "check")
    shown = ask(peer, stocked, "show", "-f" if peer.name == "pip" else "--files", "alpha-pkg")
    assert "alpha_pkg/sub/mod.py" in shown


def test_a_peer_removes_what_holdfast_installed_and_leaves_nothing(stocked: World, peer: Peer) -> None:
    bare = snapshot(stocked.sandbox.venv.root)
    stocked.install("alpha-pkg==1.0", "--compile-bytecode")
    stocked.sandbox.venv.imported("alpha_pkg.__version__", "alpha_pkg")
    remove(peer, stocked, "alpha-pkg", "beta")
    assert files_left(stocked, bare) == ()


def test_a_peer_upgrades_what_holdfast_installed(stocked: World, peer: Peer) -> None:
    stocked.install("alpha-pkg==1.0", "beta==1.0")
    ask(peer, stocked, "install", "--upgrade", "alpha-pkg")
    assert stocked.packages["alpha-pkg"] == "2.0"
    assert verify_record(stocked.site) == ()
    assert unowned(stocked.site) in {(), (".lock",)}
    assert not os.path.exists(os.path.join(stocked.sandbox.venv.bin, "alpha"))


def test_a_peer_finds_nothing_to_do_after_holdfast(stocked: World, peer: Peer) -> None:
    stocked.install("alpha-pkg", "beta")
    before = snapshot(stocked.site)
    ask(peer, stocked, "install", "alpha-pkg", "beta")
    assert not diff(before, snapshot(stocked.site)).without(".lock")


def test_holdfast_finds_nothing_to_do_after_a_peer(stocked: World, peer: Peer) -> None:
    ask(peer, stocked, "install", "alpha-pkg", "beta")
    before = snapshot(stocked.sandbox.venv.root)
    done = stocked.sandbox.run("install", "alpha-pkg", "beta", "--no-index").ok()
    assert done.stdout.count("Requirement already satisfied") == 2
    assert snapshot(stocked.sandbox.venv.root) == before


def test_holdfast_removes_what_a_peer_installed_and_leaves_nothing(stocked: World, peer: Peer) -> None:
    bare = snapshot(stocked.sandbox.venv.root)
    ask(peer, stocked, "install", "alpha-pkg==1.0", *(["--compile-bytecode"] if peer.name == "uv" else []))
    assert [path for path in snapshot(stocked.site) if path.endswith(".pyc")], "no bytecode to leave behind"
    stocked.sandbox.run("uninstall", "alpha-pkg", "beta").ok()
    assert left(stocked, bare) == ()


def test_holdfast_upgrades_what_a_peer_installed(stocked: World, peer: Peer) -> None:
    bare = snapshot(stocked.sandbox.venv.root)
    ask(peer, stocked, "install", "alpha-pkg==1.0", "beta==1.0")
    stocked.sandbox.run("install", "-U", "alpha-pkg", env=stocked.from_index()).ok()
    assert stocked.packages == {"alpha-pkg": "2.0", "beta": "1.0"}
    assert verify_record(stocked.site) == ()
    assert [path for path in snapshot(stocked.site) if "alpha_pkg" in path and path.endswith(".pyc")] == []
    (alpha,) = (each for each in installed(stocked.site) if each.name == "alpha-pkg")
    assert alpha.read("INSTALLER") == "holdfast\n"
    stocked.sandbox.run("uninstall", "alpha-pkg", "beta").ok()
    assert left(stocked, bare) == ()


def test_holdfast_and_a_peer_make_the_same_environment(stocked: World, peer: Peer) -> None:
    theirs = stocked.sandbox.make_venv("theirs")
    silent = {"UV_CACHE_DIR": os.path.join(stocked.sandbox.cache, "uv")}
    words = ["install", "--index-url", stocked.index.url, "alpha-pkg==1.0", "beta"]
    peer.run(stocked.sandbox, *words, venv=theirs, env=silent).ok()
    stocked.install("alpha-pkg==1.0", "beta")
    compare(stocked.sandbox.venv, theirs).assert_same()
    assert verify_record(theirs.site_packages) == verify_record(stocked.site) == ()
    for script in ("alpha", "alpha-gui", "alpha.sh"):
        ours, their = stocked.sandbox.venv.script(script), theirs.script(script)
        assert (ours.stdout, ours.returncode) == (their.stdout, their.returncode)


def test_requested_and_direct_url_say_what_pips_say(stocked: World, pip: Peer) -> None:
    theirs = stocked.sandbox.make_venv("theirs")
    (gamma,) = stocked.index.add(pkg("gamma"))
    url = f"{stocked.index.file_url(gamma.filename)}#sha256={gamma.hashes['sha256']}"
    words = ["alpha-pkg==1.0", f"gamma @ {url}"]
    pip.run(stocked.sandbox, "install", "--index-url", stocked.index.url, *words, venv=theirs).ok()
    stocked.install(*words)
    ours = {each.name: each for each in installed(stocked.site)}
    for their in installed(theirs.site_packages):
        assert ours[their.name].read("REQUESTED") == their.read("REQUESTED"), their.name
        mine, other = ours[their.name].read("direct_url.json"), their.read("direct_url.json")
        assert (mine is None) == (other is None)
        if mine is not None and other is not None:
            said, expected = json.loads(mine), json.loads(other)
            assert said["url"] == expected["url"]
            assert said["archive_info"]["hashes"] == expected["archive_info"]["hashes"]
    assert ours["gamma"].read("INSTALLER") == "holdfast\n"


def test_three_installers_take_turns_in_one_environment(stocked: World, pip: Peer, uv: Peer) -> None:
    bare = snapshot(stocked.sandbox.venv.root)
    ask(pip, stocked, "install", "alpha-pkg==1.0")
    ask(uv, stocked, "install", "beta==1.0")
    stocked.sandbox.run("install", "-U", "alpha-pkg", env=stocked.from_index()).ok()
    ask(pip, stocked, "install", "-U", "beta")
    ask(uv, stocked, "install", "alpha-pkg==1.0")
    assert verify_record(stocked.site) == ()
    assert stocked.packages == {"alpha-pkg": "1.0", "beta": "2.0"}
    stocked.sandbox.run("check", "--files").ok()
    stocked.sandbox.run("uninstall", "alpha-pkg", "beta").ok()
    assert left(stocked, bare) == ()
