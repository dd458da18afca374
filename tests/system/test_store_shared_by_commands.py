"""The store under real commands (P8): what one of them, or a user, does to it is never installed by another."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.environments import Venv, verify_record
from tests.support.faulty_disk import Point, When, share
from tests.support.faulty_main import count_calls, run_faulty, start_faulty
from tests.support.sandbox import Sandbox
from tests.support.wheels import WheelSpec, build_wheel, pkg

SPEC = WheelSpec(
    name="demo",
    version="1.0",
    files={"demo/__init__.py": "x = 1\n", "demo/data.bin": bytes(range(256)), "demo_module.py": "y = 1\n"},
    data={"data/share/demo/readme": "read me\n", "scripts/demo-sh": "#!/bin/sh\n"},
    console_scripts={"demo": "demo:main"},
)
EDITED = ("demo/__init__.py", "demo_module.py", "../../../share/demo/readme", "demo-1.0.dist-info/METADATA")


@pytest.fixture
def links(tmp_path: Path) -> str:
    return os.path.dirname(build_wheel(SPEC, str(tmp_path / "wheels")))


def install(links: str, *more: str) -> tuple[str, ...]:
    return ("install", "demo", "--no-index", "--find-links", links, *more)


def into(venv: Venv) -> dict[str, str | None]:
    return {"VIRTUAL_ENV": venv.root}


def files(venv: Venv) -> dict[str, bytes]:
    found = {}
    for member in EDITED:
        with open(f"{venv.site_packages}/{member}", "rb") as file:
            found[member] = file.read()
    return found


def store(sandbox: Sandbox) -> str:
    return os.path.join(sandbox.cache, "holdfast", "wheels-v1")


def assert_tidy(sandbox: Sandbox) -> None:
    """One entry, and nothing that somebody was making."""
    (first,) = os.listdir(store(sandbox))
    assert len(os.listdir(os.path.join(store(sandbox), first))) == 1


def edit(path: str, how: str) -> None:
    """In place: the inode stays, and whatever shares it shows the edit."""
    status = os.stat(path)
    with open(path, "r+b") as file:
        data = file.read()
        file.seek(0)
        file.write(bytes(each ^ 1 for each in data) + (b"!" if how == "longer" else b""))
    if how == "times set back":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert os.stat(path).st_ino == status.st_ino


@pytest.mark.parametrize(
    ("how", "mode"),
    [
        ("times set back", "auto"),
        pytest.param("times set back", "copy", marks=pytest.mark.exhaustive),
        pytest.param("same size", "auto", marks=pytest.mark.exhaustive),
        ("longer", "auto"),
    ],
)
def test_what_was_edited_in_one_environment_is_never_installed_into_another(
    sandbox: Sandbox, links: str, how: str, mode: str
) -> None:
    one, two, three = (sandbox.make_venv(name) for name in ("one", "two", "three"))
    sandbox.run(*install(links), env=into(one)).ok()
    right = files(one)
    inode = os.stat(f"{one.site_packages}/demo_module.py")
    assert inode.st_nlink == 2, "the environment shares nothing with the store: nothing is shown here"
    tick(one)
    for member in EDITED:
        edit(f"{one.site_packages}/{member}", how)
    sandbox.run(*install(links, f"--link-mode={mode}"), env=into(two)).ok()
    assert files(two) == right
    assert files(one) != right, "the edit is the user's, and stays his"
    assert verify_record(two.site_packages) == ()
    sandbox.run(*install(links, "--offline"), env=into(three)).ok()
    assert files(three) == right
    assert_tidy(sandbox)


def tick(venv: Venv) -> None:
    """Wait until the file system's clock has moved on since the environment was made."""
    path = f"{venv.root}/clock"
    since = time.time_ns()
    with open(path, "w", encoding="utf-8") as clock:
        while os.fstat(clock.fileno()).st_mtime_ns <= since:
            os.utime(clock.fileno())


def test_a_store_that_was_edited_and_has_no_source_installs_nothing(sandbox: Sandbox, links: str) -> None:
    one, two = sandbox.make_venv("one"), sandbox.make_venv("two")
    sandbox.run(*install(links), env=into(one)).ok()
    edit(f"{one.site_packages}/demo_module.py", "same size")
    os.rename(links, f"{links}-gone")
    os.mkdir(links)
    sandbox.run(*install(links), env=into(two)).returned(1)
    assert not two.distributions


@contextmanager
def stopped_at(sandbox: Sandbox, point: Point, *args: str, venv: Venv) -> Iterator[subprocess.Popen[str]]:
    """A command that stopped itself at a disk call; the block lets it go on."""
    process = start_faulty(sandbox, *args, point=point, fault="SIGSTOP", env=into(venv))
    try:
        pid, status = os.waitpid(process.pid, os.WUNTRACED)
        assert (pid, os.WIFSTOPPED(status)) == (process.pid, True), f"it ended before {point}"
        yield process
    finally:
        process.kill()
        process.communicate()


def go_on(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return err


def adding(root: str, links: str) -> tuple[Point, ...]:
    """Every call of adding the wheel to a store, as a run in a sandbox of its own makes them."""
    box = Sandbox(root=root)
    calls = count_calls(box, *install(links, "--target", f"{root}/target"))
    return tuple(
        Point(n=n, when=when, call=call)
        for n, call in enumerate(calls)
        if any(path.startswith(f"{store(box)}/") for path in call.paths)
        for when in (When.BEFORE, When.AFTER)
    )


@pytest.mark.parametrize("limit", [3, pytest.param(1000, marks=pytest.mark.exhaustive)])
def test_two_processes_add_one_wheel(tmp_path: Path, links: str, limit: int) -> None:
    """One stops in the middle of it; the other does not wait for it, and both have the right files."""
    for number, point in enumerate(share(adding(str(tmp_path / "counted"), links), limit)):
        box = Sandbox(root=str(tmp_path / str(number)))
        one, two = box.make_venv("one"), box.make_venv("two")
        with stopped_at(box, point, *install(links), venv=one) as slow:
            assert "warning" not in box.run(*install(links), env=into(two)).ok().stderr
            assert "warning" not in go_on(slow)
        assert files(one) == files(two)
        assert verify_record(one.site_packages) == verify_record(two.site_packages) == ()
        assert_tidy(box)


@pytest.mark.parametrize("limit", [2, pytest.param(1000, marks=pytest.mark.exhaustive)])
def test_killed_at_any_call_of_adding(tmp_path: Path, links: str, limit: int) -> None:
    other = build_wheel(pkg("other"), links)
    for number, point in enumerate(share(adding(str(tmp_path / "counted"), links), limit)):
        box = Sandbox(root=str(tmp_path / str(number)))
        venv = box.make_venv("one")
        done = run_faulty(box, *install(links), point=point, env=into(venv))
        assert done.returncode == -signal.SIGKILL, (point, done)
        assert not venv.distributions
        box.run(*install(links), env=into(venv)).ok()
        assert verify_record(venv.site_packages) == ()
        for name in os.listdir(store(box)):
            if name.startswith(".adding-"):
                os.utime(os.path.join(store(box), name), (0, 0))
        box.run("install", other, env=into(venv)).ok()
        assert [name for name in os.listdir(store(box)) if name.startswith(".")] == []


@pytest.mark.parametrize("action", ["prune", pytest.param("clean", marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("when", [When.BEFORE, pytest.param(When.AFTER, marks=pytest.mark.exhaustive)])
def test_a_reader_while_the_cache_is_pruned(sandbox: Sandbox, links: str, action: str, when: When) -> None:
    """What it was about to link goes: it gets the wheel once more and is done, and nothing is left of the first try."""
    one, counted = sandbox.make_venv("one"), sandbox.make_venv("counted")
    line = install(links, "--link-mode=copy", "-v")
    sandbox.run(*install(links, "--target", f"{sandbox.root}/target", "--link-mode=copy")).ok()
    sandbox.settings["VIRTUAL_ENV"] = counted.root
    calls = count_calls(sandbox, *line)
    del sandbox.settings["VIRTUAL_ENV"]
    sandbox.run("uninstall", "-y", "demo", env=into(counted)).ok()
    n = next(n for n, call in enumerate(calls) if call.name == "create" and "/new/" in call.paths[0])
    with stopped_at(sandbox, Point(n=n, when=when), *line, venv=one) as reader:
        for top, _, names in os.walk(store(sandbox)):
            if "manifest.json" in names:
                os.utime(os.path.join(top, "manifest.json"), (0, 0))
        sandbox.run("cache", action).ok()
        assert sandbox.run("cache", "list").ok().stdout == ""
        assert "the cache was cleaned" in go_on(reader)
    assert verify_record(one.site_packages) == ()
    assert [name for name in os.listdir(one.site_packages) if name.startswith(".")] == []
    assert sandbox.run("cache", "list").ok().stdout.startswith("demo-1.0-py3-none-any.whl (")
    assert sandbox.run("cache", "verify", "--json").ok().json["damaged"] == []


def test_the_cache_says_what_is_in_it_and_is_looked_after(sandbox: Sandbox, links: str) -> None:
    one = sandbox.make_venv("one")
    sandbox.run(*install(links, "--compile-bytecode"), env=into(one)).ok()
    where = os.path.dirname(store(sandbox))
    info = sandbox.run("cache", "info", "--json").ok().json
    assert info["path"] == where
    assert {"bytecode-v1", "wheels-v1"} <= info["contents"].keys()
    assert sandbox.run("cache", "list").ok().stdout.startswith("demo-1.0-py3-none-any.whl (")
    assert sandbox.run("cache", "verify").ok().stdout == f"Entries verified in {where}: 2; damaged: 0\n"
    edit(f"{one.site_packages}/demo_module.py", "times set back")
    done = sandbox.run("cache", "verify").ok()
    assert done.stdout == f"Entries verified in {where}: 2; damaged: 1\n"
    assert done.stderr.startswith(f"warning: removed {store(sandbox)}/")
    assert sandbox.run("cache", "list").ok().stdout == ""
    assert sandbox.run("cache", "prune").ok().stdout.startswith("Removed 3 files (")  # two of bytecode, and their list
    assert sandbox.run("cache", "prune", "--json").ok().json["files"] == 0
