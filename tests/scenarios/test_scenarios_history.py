"""Issue 5, item 9: each transaction is recorded, ``history`` shows it, ``undo`` takes the last one back.

Refused, with the reason, where the environment has moved on since.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from holdfast.history.editables import LIMIT
from tests.scenarios.world import World, told
from tests.support.archives import record_hash
from tests.support.environments import verify_record
from tests.support.faulty_main import ROOT
from tests.support.index import Index
from tests.support.peers import Peer
from tests.support.trees import Snapshot, diff, snapshot
from tests.support.wheels import WheelSpec, build_wheel, pkg


def alpha(version: str, **more: str) -> WheelSpec:
    """With a dependency, scripts and data, and files that differ by version."""
    return WheelSpec(
        name="alpha",
        version=version,
        files={
            "alpha/__init__.py": f'__version__ = "{version}"\ndef main(): print(__version__)\n',
            f"alpha/only{version[0]}.py": "",
            **more,
        },
        requires=("beta",),
        console_scripts={"alpha": "alpha:main", f"alpha-{version[0]}": "alpha:main"},
        data={"scripts/plain": f"#!python\n# {version}\n", "data/share/alpha/readme": version, "headers/a.h": version},
    )


@pytest.fixture
def stocked(world: World) -> World:
    """``alpha`` (which requires ``beta``) and ``beta``, each as 1.0 and 2.0, and ``gamma``."""
    world.add(alpha("1.0"), alpha("2.0"), pkg("beta"), pkg("beta", "2.0"), pkg("gamma", requires=("beta>=2",)))
    return world


def seen(world: World) -> Snapshot:
    return snapshot(world.sandbox.venv.root)


def history(world: World) -> list[dict[str, Any]]:
    """What ``history --json`` says, newest first."""
    found: list[dict[str, Any]] = world.run("history", "--json").json["transactions"]
    return found


def same(before: Snapshot, world: World) -> None:
    """Fail unless the environment is again what it was, byte for byte (headers' directories may stay)."""
    assert not diff(before, seen(world))


# undo, each way


CASES: dict[str, tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]] = {
    "install": ((), ("install", "alpha")),
    "upgrade": ((("install", "alpha==1.0", "beta==1.0"),), ("install", "-U", "alpha")),
    "downgrade": ((("install", "alpha"),), ("install", "alpha==1.0")),
    "uninstall": ((("install", "alpha", "gamma"),), ("uninstall", "-y", "alpha")),
    "several": (
        (("install", "alpha==1.0", "beta==1.0"),),
        ("install", "alpha==2.0", "beta==2.0", "gamma"),
    ),
    "several leave": ((("install", "alpha", "gamma"),), ("uninstall", "alpha", "beta", "gamma")),
    "reinstall": ((("install", "alpha"),), ("install", "--force-reinstall", "--no-deps", "alpha")),
    "a dependency stays one": ((("install", "alpha==1.0"),), ("install", "beta==1.0", "--force-reinstall")),
}


@pytest.mark.parametrize("case", CASES)
def test_undo_restores_what_was_there_and_undo_again_what_was_done(stocked: World, case: str) -> None:
    before, command = CASES[case]
    for each in before:
        stocked.install(*each[1:])
    old = seen(stocked)
    stocked.run(*command, env=stocked.from_index())
    new = seen(stocked)
    assert diff(old, new) or case == "reinstall"
    stocked.index.close()  # the store has it all
    try:
        stocked.run("undo", "--no-index")
        same(old, stocked)
        stocked.run("undo", "--no-index")
        same(new, stocked)
        stocked.run("undo", "--no-index")
        same(old, stocked)
    finally:
        stocked.index.reopen()
    newest = history(stocked)
    assert [entry["undoes"] for entry in newest[:3]] == [newest[1]["id"], newest[2]["id"], newest[3]["id"]]


def test_undo_ends_as_an_installation_ends(stocked: World) -> None:
    stocked.install("alpha==1.0", "beta==1.0")
    stocked.install("alpha==2.0", "beta==2.0")
    done = stocked.run("undo")
    assert done.stdout.splitlines()[-1] == "Successfully installed alpha-1.0 beta-1.0"
    assert "Taking back: install alpha beta (by " in done.stderr
    assert " ~ alpha 2.0 -> 1.0" in done.stderr
    done = stocked.run("undo", "--json")
    assert done.json["outcome"] == "changed"
    assert {(each["name"], each["version"]) for each in done.json["actions"]} == {("alpha", "2.0"), ("beta", "2.0")}


def test_dry_run_and_check_change_nothing(stocked: World) -> None:
    stocked.install("alpha==1.0")
    before = seen(stocked)
    assert stocked.run("undo", "--dry-run").stdout.splitlines() == ["Would uninstall alpha-1.0 beta-2.0"]
    stocked.run("undo", "--check", code=10)
    same(before, stocked)
    assert len(history(stocked)) == 1


# where the wheels come from


def test_undo_of_a_direct_url_needs_neither_the_file_nor_the_index(world: World) -> None:
    old = build_wheel(alpha("1.0"), world.sandbox.cwd)
    world.add(pkg("beta"))
    world.settle()
    world.install(old)
    before = seen(world)
    new = build_wheel(alpha("2.0"), world.sandbox.cwd)
    world.install(new)
    os.remove(old)
    world.run("undo", "--no-index")
    same(before, world)
    (change,) = history(world)[0]["changes"]
    assert change["after"]["direct_url"] == f"file://{old}"


def test_undo_demands_the_recorded_hash_of_a_direct_url(world: World) -> None:
    world.add(pkg("beta"))
    old = build_wheel(alpha("1.0"), world.sandbox.cwd)
    world.install(old)
    world.install(build_wheel(alpha("2.0"), world.sandbox.cwd))
    shutil.rmtree(world.sandbox.cache)
    build_wheel(alpha("1.0", **{"alpha/evil.py": "boo = 1"}), world.sandbox.cwd)
    told(world.run("undo", "--no-index", code=5), cause="has not the hash that was promised")
    os.remove(old)
    told(world.run("undo", "--no-index", code=1), cause=f"There is no wheel {old}")


def test_undo_fetches_from_the_recorded_url_what_the_store_has_not(stocked: World) -> None:
    stocked.install("beta==1.0")
    before = seen(stocked)
    stocked.install("beta==2.0")
    shutil.rmtree(stocked.sandbox.cache)
    stocked.run("undo", "--no-index")
    same(before, stocked)


def test_undo_takes_another_index_that_has_the_very_wheel(stocked: World) -> None:
    stocked.install("beta==1.0")
    before = seen(stocked)
    stocked.install("beta==2.0")
    shutil.rmtree(stocked.sandbox.cache)
    stocked.index.close()
    with Index() as evil, Index() as honest:
        evil.add(pkg("beta", files={"beta/evil.py": ""}))
        done = stocked.run("undo", "--retries=0", env={"HOLDFAST_INDEX_URL": evil.url}, code=1)
        assert "nor is it to be had where it came from: " in done.stderr
        honest.add(pkg("beta"))
        stocked.run("undo", "--retries=0", env={"HOLDFAST_INDEX_URL": honest.url})
    same(before, stocked)
    stocked.index.reopen()


@pytest.mark.peer
def test_undo_of_replacing_what_pip_installed_takes_the_indexs_wheel_and_says_so(stocked: World, pip: Peer) -> None:
    pip.run(
        stocked.sandbox, "install", "--no-deps", "--no-compile", "alpha==1.0", "--index-url", stocked.index.url
    ).ok()
    stocked.install("alpha==2.0")
    done = stocked.run("undo", env=stocked.from_index())
    assert "alpha 1.0: its wheel was not recorded; the index's is taken." in done.stderr
    assert stocked.packages["alpha"] == "1.0"
    assert "beta" not in stocked.packages


# refused


def test_nothing_to_undo(stocked: World) -> None:
    done = stocked.run("undo", code=1)
    told(done, cause="There is nothing to undo. Nothing was changed in")
    told(stocked.run("undo", "--no-cache-dir", code=1), cause="No history is kept with --no-cache-dir.")


def by_holdfast(world: World, *words: str) -> None:
    """Another user: one with another history."""
    state = os.path.join(world.sandbox.root, "state-of-another")
    world.run(*words, env=world.from_index({"XDG_STATE_HOME": state}))


MOVES: dict[str, tuple[tuple[str, ...], str]] = {
    "all removed": (
        ("uninstall", "beta", "delta"),
        "It was taken back already: all is as it was before 'install beta delta'.",
    ),
    "upgraded": (("install", "beta==2.0"), "beta 1.0 was left by it, and 2.0 (by {installer}) is there now"),
    "removed": (("uninstall", "beta"), "beta 1.0 was left by it, and is not there any more"),
    "reinstalled": (
        ("install", "--force-reinstall", "beta==1.0"),
        "beta 1.0 was left by it, and was installed again since (by {installer})",
    ),
}


PAIRS = [
    *(
        ("another user", move) for move in MOVES if move != "reinstalled"
    ),  # the same wheel by the same installer leaves the same RECORD: nothing has moved
    pytest.param("pip", "upgraded", marks=pytest.mark.peer),
    pytest.param("pip", "reinstalled", marks=pytest.mark.peer),
    *(pytest.param("uv", move, marks=pytest.mark.peer) for move in MOVES),
]


@pytest.mark.parametrize(("who", "move"), PAIRS)
def test_refused_where_somebody_changed_it_since(
    stocked: World, who: str, move: str, request: pytest.FixtureRequest
) -> None:
    if who != "another user":
        peer: Peer = request.getfixturevalue(who)
    stocked.add(pkg("delta"))
    stocked.install("beta==1.0", "delta")
    words, reason = MOVES[move]
    if who == "another user":
        by_holdfast(stocked, *words)
    elif who == "pip":
        yes = ["-y"] if words[0] == "uninstall" else ["--index-url", stocked.index.url, "--no-compile"]
        peer.run(stocked.sandbox, words[0], *yes, *words[1:]).ok()
    else:
        where = [] if words[0] == "uninstall" else ["--index-url", stocked.index.url]
        silent = {"UV_CACHE_DIR": os.path.join(stocked.sandbox.cache, "uv")}
        peer.run(stocked.sandbox, *words, *where, env=silent).ok()
        stocked.settle(os.path.join(stocked.sandbox.venv.root, ".lock"))
    done = stocked.run("undo", code=9)
    if move != "all removed":
        told(
            done, cause="The environment has moved on since 'install beta delta'.", hint="holdfast uninstall beta delta"
        )
    assert reason.format(installer="holdfast" if who == "another user" else who) in done.stderr
    told(stocked.run("undo", "--dry-run", code=9))
    assert json.loads(stocked.run("undo", "--json", code=9).stdout)["error"]["exit_code"] == 9


def test_refused_where_a_removed_project_is_back(stocked: World) -> None:
    stocked.install("beta==1.0")
    stocked.run("uninstall", "beta")
    by_holdfast(stocked, "install", "beta==2.0")
    told(
        stocked.run("undo", code=9),
        cause="beta was removed by it, and 2.0 (by holdfast) is there now",
        hint="What was there before, by hand: holdfast install beta==1.0",
    )


def test_refused_where_it_would_break_what_was_installed_since(stocked: World) -> None:
    stocked.install("beta==1.0")
    stocked.install("beta==2.0")
    by_holdfast(stocked, "install", "gamma")
    told(stocked.run("undo", code=9), cause="gamma 1.0 requires beta>=2, and beta would be 1.0")
    stocked.run("undo", "--allow-breaking", "gamma")
    assert stocked.packages == {"beta": "1.0", "gamma": "1.0"}


def test_what_comes_back_without_what_it_requires_is_told(stocked: World) -> None:
    stocked.install("alpha==1.0")
    stocked.run("uninstall", "alpha")
    by_holdfast(stocked, "uninstall", "beta")
    done = stocked.run("undo")
    assert "alpha 1.0 requires beta, which is not installed." in done.stderr.splitlines()


def test_what_others_did_with_other_projects_is_no_obstacle(stocked: World) -> None:
    stocked.install("beta==2.0")
    before = seen(stocked)
    stocked.install("alpha==1.0")
    by_holdfast(stocked, "install", "gamma")
    stocked.run("undo")
    assert stocked.packages == {"beta": "2.0", "gamma": "1.0"}
    by_holdfast(stocked, "uninstall", "gamma")
    same(before, stocked)


def test_undo_brings_an_editable_installation_back(stocked: World) -> None:
    _as_editable(stocked, "alpha")
    stocked.install("--no-index", build_wheel(pkg("beta"), os.path.join(stocked.sandbox.root, "built")))
    old = seen(stocked)
    stocked.install("alpha==2.0")
    new = seen(stocked)
    assert history(stocked)[0]["changes"][0]["before"]["editable"]
    shutil.rmtree(stocked.sandbox.cache)
    for state in (old, new, old):
        stocked.run("undo", env=stocked.from_index())
        same(state, stocked)
    (frozen,) = (line for line in stocked.run("freeze").stdout.splitlines() if "alpha" in line)
    assert frozen == "-e /src/alpha"


def test_an_editable_installation_that_is_too_large_to_keep_is_refused(stocked: World) -> None:
    _as_editable(stocked, "beta", **{"large.py": "x" * (LIMIT + 1)})
    stocked.install("--force-reinstall", "beta==1.0")
    assert history(stocked)[0]["changes"][0]["before"]["editable"]
    told(
        stocked.run("undo", code=1),
        cause="beta 0.1 was an editable installation of /src/beta, which holdfast cannot make again.",
        hint="pip install --no-deps -e /src/beta",
    )


def _as_editable(world: World, name: str, **more: str) -> None:
    """As pip leaves one: a .pth, scripts, and a dist-info that says where it points to."""
    wheel = WheelSpec(
        name=name,
        version="0.1",
        files={f"__editable__.{name}.pth": f"/src/{name}\n", f"__editable___{name}_finder.py": "x = 1\n", **more},
        console_scripts={f"{name}-tool": f"{name}:main"},
        data={"scripts/dev": "#!python\n", "data/share/dev": "1"},
    )
    world.install("--no-index", build_wheel(wheel, os.path.join(world.sandbox.root, "built")))
    info = world.path(f"{name}-0.1.dist-info")
    said = json.dumps({"url": f"file:///src/{name}", "dir_info": {"editable": True}}, sort_keys=True).encode()
    with open(os.path.join(info, "direct_url.json"), "wb") as file:
        file.write(said)
    record = os.path.join(info, "RECORD")
    with open(record, encoding="utf-8") as file:
        lines = file.read()
    with open(record, "w", encoding="utf-8") as file:
        file.write(re.sub(r"(direct_url\.json),.*", rf"\1,{record_hash(said)},{len(said)}", lines))
    assert verify_record(world.site) == ()


# killed


def _killed(world: World, *words: str) -> None:
    """Run it in a process that is killed at its fourth step of the commit."""
    line = [sys.executable, "-m", "tests.support.faulty_main", "journal+4", "before", "SIGKILL", "holdfast", *words]
    env = {**world.sandbox.env(), "PYTHONPATH": ROOT}
    done = subprocess.run(line, env=env, cwd=world.sandbox.cwd, capture_output=True, timeout=120, check=False)
    assert done.returncode == -9, done
    assert glob.glob(world.path(".holdfast-*", "journal"))


@pytest.mark.parametrize(
    "settle", [lambda world: world.run("recover"), lambda world: world.install("beta")], ids=["recover", "install"]
)
def test_a_killed_undo_is_recovered_like_any_transaction(stocked: World, settle: Callable[[World], object]) -> None:
    stocked.install("alpha==1.0", "beta==1.0")
    old = seen(stocked)
    stocked.install("alpha==2.0", "beta==2.0")
    new = seen(stocked)
    _killed(stocked, "undo", "--no-index")
    settle(stocked)
    same(new, stocked)
    assert [entry["command"] for entry in history(stocked)] == ["install alpha beta"] * 2
    stocked.run("undo")
    same(old, stocked)


def test_a_killed_undo_is_finished_by_typing_it_again(stocked: World) -> None:
    stocked.install("alpha==1.0", "beta==1.0")
    old = seen(stocked)
    stocked.install("alpha==2.0", "beta==2.0")
    _killed(stocked, "undo", "--no-index")
    stocked.run("undo", "--no-index")
    same(old, stocked)


def test_undo_that_was_killed_before_its_note_has_nothing_left_to_do(stocked: World) -> None:
    stocked.install("alpha==1.0", "beta==1.0")
    stocked.install("alpha==2.0", "beta==2.0")
    stocked.run("undo")
    (path,) = glob.glob(f"{stocked.sandbox.state}/holdfast/history-v1/*")
    with open(path, "rb") as file:
        lines = file.read().splitlines(keepends=True)
    with open(path, "wb") as file:
        file.writelines(lines[:-1])
    told(stocked.run("undo", code=9), cause="It was taken back already: all is as it was before 'install alpha beta'.")


# history


def test_history_as_a_table_newest_first(stocked: World) -> None:
    stocked.install("alpha==1.0", "beta==1.0")
    stocked.install("-U", "beta")
    stocked.run("uninstall", "alpha")
    stocked.run("undo")
    lines = stocked.run("history").stdout.splitlines()
    assert re.split(r"\s{2,}", lines[0]) == ["When", "Who", "Command", "Changes"]
    assert set(lines[1]) == {"-", " "}
    rows = [re.split(r"\s{2,}", line) for line in lines[2:]]
    assert [row[2:] for row in rows] == [
        ["undo alpha", "+ alpha 1.0"],
        ["uninstall alpha", "- alpha 1.0"],
        ["install beta", "~ beta 1.0 -> 2.0"],
        ["install alpha beta", "+ beta 1.0, + alpha 1.0"],
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row[0]) for row in rows)
    assert {row[1] for row in rows} == {f"{history(stocked)[0]['who']}@{os.uname().nodename}"}
    assert len(stocked.run("history", "-n", "2").stdout.splitlines()) == 4
    assert stocked.run("history", "--limit=1", "--json").json["transactions"] == history(stocked)[:1]
    stocked.run("history", "-n", "-1", code=2)


def test_history_as_json_has_hashes(stocked: World) -> None:
    stocked.install("beta==1.0")
    stocked.install("beta==2.0")
    newest, oldest = history(stocked)
    (change,), (first,) = newest["changes"], oldest["changes"]
    assert first["before"] is None
    assert change["before"] == first["after"]
    assert change["after"]["version"] == "2.0"
    assert change["after"]["requested"]
    wheel = change["after"]["wheel"]
    (listed,) = (file for file in stocked.index.project("beta").files if file.filename == wheel["filename"])
    assert wheel["sha256"] == listed.hashes["sha256"]
    assert wheel["url"].startswith("http://")
    assert len(change["after"]["record_sha256"]) == 64
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", newest["when"])


def test_many_changes_are_cut_in_the_table_unless_v(world: World) -> None:
    names = [f"p{n}" for n in range(12)]
    world.add(*map(pkg, names))
    world.install(*names)
    short = world.run("history").stdout
    assert "and 9 more" in short
    assert " ..." in short
    assert len(short.splitlines()[2]) < 160
    assert all(f"+ {name} 1.0" in world.run("history", "-v").stdout for name in names)


def test_without_a_history_it_is_said_why(stocked: World) -> None:
    def why(*words: str, **env: str | None) -> str:
        found = stocked.run("history", *words, "--json", env=env).json
        assert found["transactions"] == []
        assert stocked.run("history", *words, env=env).stdout == f"{found['why']}\n"
        return str(found["why"])

    assert (
        why() == f"Nothing was changed in {stocked.sandbox.venv.root} by holdfast as {_me()}, as far as is remembered."
    )
    stocked.install("beta")
    assert why("--no-cache-dir") == "No history is kept with --no-cache-dir."
    assert why(HOME=None, XDG_STATE_HOME=None) == ("No history is kept: there is no home directory (HOME is not set).")
    assert why(XDG_STATE_HOME=f"{stocked.sandbox.root}/another").startswith("Nothing was changed in ")


def _me() -> str:
    import pwd  # noqa: PLC0415 - of one test

    return pwd.getpwuid(os.getuid()).pw_name


def test_no_cache_dir_records_nothing(stocked: World) -> None:
    stocked.install("beta", "--no-cache-dir")
    assert os.listdir(stocked.sandbox.state) == []


def test_the_history_is_the_users_alone_and_not_in_the_environment(stocked: World) -> None:
    stocked.install("beta")
    (path,) = glob.glob(f"{stocked.sandbox.state}/holdfast/history-v1/*")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with open(path, "ab") as file:
        file.write(b'{"format": 1, "torn')
    stocked.run("uninstall", "beta")
    assert [entry["command"] for entry in history(stocked)] == ["uninstall beta", "install beta"]


def test_two_commands_that_end_at_once_are_both_in_the_history(stocked: World) -> None:
    names = ("beta", "gamma")
    stocked.sandbox.venv  # noqa: B018 - made when it is looked at
    running = [stocked.sandbox.start("install", "--no-deps", name, env=stocked.from_index()) for name in names]
    assert [(process.communicate(timeout=120), process.returncode)[1] for process in running] == [0, 0]
    assert {entry["command"] for entry in history(stocked)} == {"install beta", "install gamma"}


def test_a_directory_as_target_has_a_history_of_its_own(stocked: World) -> None:
    where = ("--target", os.path.join(stocked.sandbox.root, "place"))
    stocked.install("beta==1.0", *where)
    stocked.install("beta==2.0", *where, "-U")
    assert history(stocked) == []
    assert len(stocked.run("history", *where, "--json").json["transactions"]) == 2
    stocked.run("undo", *where, "--no-index")
    assert os.path.isdir(os.path.join(where[1], "beta-1.0.dist-info"))


def test_a_repair_is_in_the_history_too(stocked: World) -> None:
    stocked.install("beta==1.0")
    whole = seen(stocked)
    for lost in (("beta", "__init__.py"), ("beta-1.0.dist-info", "RECORD")):
        os.remove(stocked.path(*lost))
        stocked.run("repair", "--no-index")
        newest = history(stocked)[0]
        assert newest["command"].split()[0] == "repair"
        assert newest["changes"][0]["before"]["wheel"] == newest["changes"][0]["after"]["wheel"]
        stocked.run("undo", "--no-index")  # what was broken does not come back
        same(whole, stocked)


def test_reinstalling_tells_which_wheel_it_was(stocked: World) -> None:
    """As after a repair: the RECORD is the same before and after, so the wheel is, too."""
    by_holdfast(stocked, "install", "beta==1.0")
    stocked.install("--force-reinstall", "beta==1.0")
    (change,) = history(stocked)[0]["changes"]
    assert change["before"] == change["after"]
