"""What is satisfied already needs nothing: no network, no right to write, no cache, no lock, no home (promise P5)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from tests.scenarios.world import World, told
from tests.support.index import Index
from tests.support.sandbox import Completed, command
from tests.support.trees import snapshot, unchanged
from tests.support.users import People
from tests.support.wheels import pkg

SATISFIED = (
    ("install", "alpha"),
    ("install", "Alpha[x]>=1", "beta==1.0"),
    ("install", "--check", "alpha"),
    ("install", "-r", "requirements.txt"),
    ("uninstall", "nonesuch"),
)
WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC")
CHANGES = re.compile(
    r"(mkdir|rmdir|rename|unlink|link|symlink|chmod|fchmod|chown|fchown|lchown|truncate|ftruncate|mknod|utimensat"
    r"|setxattr)\w*"
)


def trace(world: World, *words: str) -> tuple[tuple[str, str], ...]:
    """The system calls of a command that succeeded, as (name, the whole line)."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not here")
    log = os.path.join(world.sandbox.root, "calls")
    done = subprocess.run(
        [strace, "-f", "-e", "trace=%file,%desc,%process,%network", "-o", log, *command(*words)],
        env=world.sandbox.env(**world.from_index({"PYTHONDONTWRITEBYTECODE": "1"})),
        cwd=world.sandbox.cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if "ptrace" in done.stderr:
        pytest.skip(f"strace may not trace here: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    with open(log, encoding="utf-8", errors="replace") as file:
        found = [(re.match(r"\d+ +(\w+)\(", line), line) for line in file.read().splitlines()]
    return tuple((name[1], line) for name, line in found if name and " = -1 E" not in line)


def read_only(path: str) -> list[str]:
    """The words before a command that sees a directory read-only; skips where this user may not mount."""
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, path]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this user may not mount here (unshare --mount, mount --bind)")
    return prefix


def run_after(prefix: list[str], world: World, *words: str) -> Completed:
    """Run holdfast behind other words."""
    done = subprocess.run(
        [*prefix, *command(*words)],
        env=world.sandbox.env(**world.from_index()),
        cwd=world.sandbox.cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Completed(args=words, returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture
def furnished(world: World) -> World:
    """``alpha`` with its extra is installed, and the index is closed."""
    world.add(
        pkg("alpha", requires=("beta", "gamma; extra == 'x'"), extras=("x",)),
        pkg("beta"),
        pkg("gamma"),
    )
    world.install("alpha[x]")
    world.sandbox.write("requirements.txt", "alpha[x]\nbeta<2\n")
    world.index.close()
    return world


def satisfied(done: Completed) -> None:
    """Fail unless nothing was to be done."""
    assert done.returncode == 0, done.stderr
    assert "already satisfied" in done.stdout or "not installed" in done.stderr, done
    assert "warning" not in done.stderr


@pytest.mark.parametrize("words", SATISFIED, ids=" ".join)
def test_what_is_satisfied_needs_no_network(furnished: World, words: tuple[str, ...]) -> None:
    before = {path: snapshot(path) for path in (furnished.sandbox.venv.root, furnished.sandbox.state)}
    satisfied(furnished.run(*words, env=furnished.from_index()))
    assert {path: snapshot(path) for path in before} == before


@pytest.mark.parametrize(
    "env",
    [
        {"HOME": None, "XDG_STATE_HOME": None, "XDG_CONFIG_HOME": None},
        {"HOME": "/nonexistent", "XDG_CACHE_HOME": None, "XDG_STATE_HOME": None, "XDG_CONFIG_HOME": None},
        {"TMPDIR": "/nonexistent"},
        {"HOLDFAST_CACHE_DIR": "/proc/no/cache"},
        {"HOLDFAST_NO_CACHE": "1"},
    ],
    ids=["no home", "a home that is not there", "no TMPDIR", "no place for a cache", "no cache"],
)
def test_what_is_satisfied_needs_no_home_no_cache_and_no_temporary_directory(
    furnished: World, env: dict[str, str | None]
) -> None:
    satisfied(furnished.process("install", "alpha", env=env))


@pytest.mark.parametrize("words", [*SATISFIED, ("list",), ("check", "--files"), ("freeze",)], ids=" ".join)
def test_what_is_satisfied_works_on_a_read_only_file_system(furnished: World, words: tuple[str, ...]) -> None:
    done = run_after(read_only(furnished.sandbox.root), furnished, *words).ok()
    assert "Read-only" not in done.stderr
    assert "warning" not in done.stderr


@pytest.fixture
def theirs(crowd: People, public: str, index: Index) -> str:
    """A's environment with ``alpha``, and what nobody but him may use; the index is closed."""
    index.add(pkg("alpha", requires=("beta",)), pkg("beta"))
    for name, mode in (("home", 0o755), ("private", 0o700)):
        os.mkdir(os.path.join(public, name), mode)
        os.chown(os.path.join(public, name), crowd.a.uid, crowd.a.gid)
    root = os.path.join(public, "home", "env")
    crowd.a.holdfast("venv", "--python", crowd.interpreter.executable, root).ok()
    crowd.a.holdfast("install", "--python", root, "alpha", env={"HOLDFAST_INDEX_URL": index.url}).ok()
    with open(os.path.join(public, "requirements.txt"), "w", encoding="utf-8") as file:
        file.write("alpha\nbeta<2\n")
    index.close()
    return root


@pytest.mark.parametrize("mounted", ["writable", "read-only"])
def test_what_is_satisfied_needs_nothing_of_another_user(crowd: People, public: str, theirs: str, mounted: str) -> None:
    """No home, an unwritable cache, an unwritable TMPDIR, closed to him besides; and all of them at once."""
    private = os.path.join(public, "private")
    nothing: dict[str, str | None] = {"HOME": private, "HOLDFAST_CACHE_DIR": private, "TMPDIR": private}
    prefix = read_only(public) if mounted == "read-only" else []
    become = ["setpriv", f"--reuid={crowd.c.uid}", f"--regid={crowd.c.gid}", "--clear-groups"]
    before = snapshot(public)
    for env, words in (
        ({"HOME": None}, ("install", "alpha")),
        ({"HOLDFAST_CACHE_DIR": private}, ("install", "alpha")),
        ({"TMPDIR": private}, ("install", "alpha")),
        (nothing, ("install", "alpha")),
        (nothing, ("install", "-r", "requirements.txt")),
        (nothing, ("uninstall", "nonesuch")),
        (nothing, ("check", "--files")),
    ):
        done = subprocess.run(
            [*prefix, *become, f"{crowd.c.bin}/holdfast", *words],
            env=crowd.c.env(VIRTUAL_ENV=theirs, **env),
            cwd=public,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert "warning" not in done.stderr
    unchanged(before, public)


def test_what_is_not_satisfied_is_refused_on_a_read_only_file_system_before_it_is_fetched(furnished: World) -> None:
    furnished.index.reopen()
    furnished.index.forget()
    furnished.add(pkg("delta"))
    done = run_after(read_only(furnished.sandbox.venv.root), furnished, "install", "delta").returned(3)
    told(done, cause="read-only")
    assert not furnished.index.asked("/files/*.whl")


@pytest.mark.parametrize("words", SATISFIED, ids=" ".join)
def test_what_is_satisfied_makes_no_mutating_call_no_connection_and_no_process(
    furnished: World, words: tuple[str, ...]
) -> None:
    calls = trace(furnished, *words)
    opened = [line for name, line in calls if name.startswith("open") and any(flag in line for flag in WRITES)]
    assert [line for line in opened if "/dev/null" not in line] == []
    assert [line for name, line in calls if CHANGES.fullmatch(name)] == []
    assert [
        line for name, line in calls if name in {"flock", "connect", "bind", "fork", "vfork", "clone", "clone3"}
    ] == []
    assert len([line for name, line in calls if name.startswith("execve")]) == 1


def test_the_same_look_finds_what_an_install_does(furnished: World) -> None:
    furnished.index.reopen()
    furnished.add(pkg("delta"))
    calls = trace(furnished, "install", "delta")
    names = {name for name, _ in calls}
    assert {"flock", "rename", "mkdir"} <= {"rename" if name.startswith("rename") else name for name in names}
    assert [line for name, line in calls if name.startswith("open") and any(flag in line for flag in WRITES)]
    assert names & {"clone", "clone3"}, "threads fetch"
