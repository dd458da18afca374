"""Issue 4, item 10: forged lock files, journals, owner files and transaction directories, read by root.

A member of the group plants them in an environment that the group may write; root installs, uninstalls, recovers, lists
and checks there. Nothing outside of the schemes is touched, read into an output, or given other rights; what is not
understood is left alone and named (exit 8), and a lock that nobody can judge is waited for (exit 6).
"""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from holdfast.commit.journal import JOURNAL_LIMIT
from holdfast.disk import remove_tree
from tests.support.environments import verify_record
from tests.support.sandbox import Sandbox
from tests.support.users import People, public_directory
from tests.support.wheels import build_wheel, pkg
from tests.system.forging import (
    GIGABYTE,
    ID,
    OTHER,
    SECRET,
    Canaries,
    Scene,
    cost_of,
    in_time,
    journal,
    record,
    sparse,
)

MEMORY = 900 << 20
SECONDS = 10.0


@pytest.fixture(scope="module")
def furnished(crowd: People) -> Iterator[Scene]:
    with public_directory() as directory:
        made = make_scene(directory, crowd)
        made.run("list").ok()
        yield made


@pytest.fixture
def scene(furnished: Scene) -> Iterator[Scene]:
    yield furnished
    furnished.clear()


def make_scene(directory: str, crowd: People) -> Scene:
    box = Sandbox(root=directory, interpreter=crowd.interpreter)
    wheels = os.path.join(directory, "wheels")
    build_wheel(pkg("good"), wheels)
    site = box.venv.site_packages
    os.chown(site, 0, crowd.gid)
    os.chmod(site, 0o2775)
    canaries = Canaries(os.path.join(directory, "outside"))
    canaries.plant()
    return Scene(box, crowd.b, canaries, wheels)


INFO = ["purelib", "forged-1.dist-info"]
"""Where a forged journal says that its project lies; old and new digest say nothing."""


def step(kind: str, path: str, scheme: str = "purelib") -> list[object]:
    return [kind, scheme, path, 0, [0]]


NOT_UNDERSTOOD = {
    "dots": journal(step("remove", "../../../../outside/file")),
    "dots in the middle": journal(step("place", "a/../../x")),
    "absolute": journal(step("remove", "/etc/passwd")),
    "a scheme that does not exist": journal(step("remove", "x", "etc")),
    "a room that does not exist": journal(rooms=[["purelib"], ["root"]]),
    "a step without a room": journal(step("remove", "x", "data"), rooms=[["purelib"]]),
    "the lock": journal(step("remove", ".holdfast.lock")),
    "another transaction": journal(step("remove", f".holdfast-{OTHER}/journal")),
    "a dist-info elsewhere": journal(projects=[[0, ["purelib", "../x", "a" * 64], None]]),
    "another id": journal(id=OTHER),
    "another kind of step": journal(step("chmod", "x")),
    "a future version": json.dumps({"journal": 2, "id": ID, "steps": []}).encode(),
    "a far future version": json.dumps({"journal": 10**30, "id": ID}).encode(),
    "no version": b"{}",
    "version true": journal(journal=True),
    "NaN": journal([*step("place", "x"), 1, 1]).replace(b"1, 1]", b"NaN, Infinity, 1]"),
    "huge integers": journal().replace(b'"journal": 1', b'"journal": ' + b"9" * 100_000),
    "many digits": journal([*step("place", "x"), 1, 1, 1]).replace(b"1, 1, 1]", b"1, 1, " + b"9" * 5000 + b"]"),
    "deep": b"[" * 1_000_000,
    "deep in a step": journal().replace(b'"steps": []', b'"steps": ' + b"[" * 200_000 + b"]" * 200_000),
    "binary": os.urandom(100_000),
    "not UTF-8": journal(step("remove", "x")).replace(b'"x"', b'"\xff\xfe"'),
    "half a character": journal(step("remove", "x\ud800y")),
    "a null byte": journal(step("remove", "x\0y")),
    "empty": b"",
    "cut off": journal(step("remove", "x"))[:-5],
    "words": journal(names=SECRET, steps=[[SECRET * 100, "purelib", "x", 0, [0]]]),
    "too many lists": b'{"journal": 1, "steps": [' + b"[]," * 5_000_000 + b"[]]}",
    "too long": b" " * (JOURNAL_LIMIT + 1),
}


@pytest.mark.parametrize("content", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD)
def test_a_journal_that_is_not_understood_is_left_alone(scene: Scene, content: bytes) -> None:
    path = scene.forge(journal=content)
    scene.give()
    done = scene.run("recover").returned(8)
    assert f"{path}/journal" in done.stderr
    assert "left alone" in done.stderr
    with open(f"{path}/journal", "rb") as file:
        assert file.read() == content
    assert stat.S_IMODE(os.lstat(f"{path}/journal").st_mode) == 0o644
    assert os.lstat(f"{path}/journal").st_uid == scene.attacker.uid
    scene.assert_harmless(done)
    assert sorted(os.listdir(scene.site)) == [f".holdfast-{ID}"]


def test_every_command_says_so(scene: Scene) -> None:
    path = scene.forge(journal=NOT_UNDERSTOOD["dots"])
    scene.give()
    for words in (("uninstall", "good"), ("list",), ("check",), ("freeze",), ("show", "good")):
        done = scene.run(*words).returned(8)
        assert path in done.stderr
        scene.assert_harmless(done)
    done = scene.install().returned(8)
    scene.assert_harmless(done)
    scene.run("cache", "clean").ok()
    scene.canaries.assert_untouched()
    assert os.path.exists(f"{path}/journal")


def fifo(path: str) -> None:
    os.mkfifo(path)


def a_socket(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = os.getcwd()
        os.chdir(os.path.dirname(path))  # the name of a socket must be short
        try:
            made.bind(os.path.basename(path))
        finally:
            os.chdir(here)


def device(path: str) -> None:
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 8))  # /dev/random, which always has something to read
    except PermissionError as error:
        pytest.skip(f"no device can be made here: {error}")


def loop(path: str) -> None:
    os.symlink(os.path.basename(path), path)


def dangling(path: str) -> None:
    os.symlink("/nowhere/at/all", path)


def directory(path: str) -> None:
    os.makedirs(f"{path}/{OTHER}")


PLANTED: dict[str, Callable[[str], None]] = {
    "fifo": fifo,
    "socket": a_socket,
    "device": device,
    "loop": loop,
    "dangling": dangling,
    "directory": directory,
    "sparse": sparse,
}


def plant(kind: str, path: str, canaries: Canaries) -> None:
    """Put something there, instead of what is there."""
    outside = canaries.root
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)
    match kind:
        case "to a file":
            os.symlink(f"{outside}/file", path)
        case "to a directory":
            os.symlink(outside, path)
        case "hard link":
            os.link(f"{outside}/file", path)
        case _:
            PLANTED[kind](path)


KINDS = (*PLANTED, "to a file", "to a directory", "hard link")


@pytest.mark.parametrize("name", ["journal", "owner", "new", "old", "taken", "broken", "done", "lock", "follows"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_planted_in_a_transaction_directory_is_not_gone_through(scene: Scene, kind: str, name: str) -> None:
    """With a journal (none where the journal itself is planted), so that recovery comes to it."""
    path = scene.forge(journal=journal(step("place", "forged.py"), step("remove", "x.py")))
    plant(kind, f"{path}/{name}", scene.canaries)
    if kind != "hard link":
        scene.give()
    first = scene.run("recover")
    again = scene.install()
    assert {first.returncode, again.returncode} <= {0, 8}
    scene.assert_harmless(first, again)
    if again.returncode == 0:
        assert scene.box.venv.distributions == {"good": "1.0"}
        assert verify_record(scene.site) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_planted_as_a_transaction_directory_is_no_transaction(scene: Scene, kind: str) -> None:
    plant(kind, scene.left, scene.canaries)
    if kind != "hard link":
        scene.give(scene.left)
    done = [scene.run("recover").ok(), scene.install().ok(), scene.run("list").ok(), scene.run("check").ok()]
    scene.assert_harmless(*done)
    if kind != "directory":  # that is one, by its name, but it is no process of this machine that made it
        assert os.path.lexists(scene.left)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_planted_as_the_lock_is_a_lock_that_nobody_can_judge(scene: Scene, kind: str) -> None:
    path = os.path.join(scene.site, ".holdfast.lock")
    plant(kind, path, scene.canaries)
    if kind != "hard link":
        scene.give(path)
    done = scene.install().returned(6)
    assert path in done.stderr
    assert "Nothing was changed." in done.stderr
    scene.assert_harmless(done, scene.run("list").ok(), scene.run("check").ok())
    assert os.path.lexists(path)
    assert os.listdir(scene.site) == [".holdfast.lock"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_planted_as_the_record_of_a_lock_is_no_record(scene: Scene, kind: str) -> None:
    path = os.path.join(scene.site, ".holdfast.lock")
    os.mkdir(path)
    plant(kind, f"{path}/{ID}", scene.canaries)
    if kind != "hard link":
        scene.give(path)
    done = scene.install().returned(6)
    assert f"{path}/{ID}" in done.stderr
    scene.assert_harmless(done)
    assert os.listdir(path) == [ID]


RECORDS = {
    "huge integers": {"pid": 10**4000 // 10**500},
    "a negative pid": {"pid": -1},
    "since a huge integer": {"since": 10**400},
    "since NaN": {"since": float("nan")},
    "since infinity": {"since": float("inf")},
    "schemes": {"schemes": ["../..", "/etc", "scripts"] * 50},
    "a mode that does not exist": {"mode": "force"},
    "escapes": {"user": "\x1b[2J", "host": "\x1b]0;x\x07", "command": "\x1b[31m" + "x" * 2000, "pid": os.getpid()},
    "half a character": {"user": "\ud800", "command": "\udfff"},
    "another boot": {"boot": "x" * 1000},
    "lists": {"user": [[[]]], "host": {}},
}


@pytest.mark.parametrize("changes", RECORDS.values(), ids=RECORDS)
def test_a_forged_record_is_compared_and_shown_escaped(scene: Scene, changes: dict[str, object]) -> None:
    os.mkdir(os.path.join(scene.site, ".holdfast.lock"))
    content = record(**{"boot": "elsewhere", **changes})
    with open(os.path.join(scene.site, ".holdfast.lock", ID), "wb") as file:
        file.write(content)
    scene.forge(owner=content, journal=journal(step("remove", "x.py")))
    scene.give()
    done = [scene.install(), scene.run("list"), scene.run("recover", "--lock-timeout=0")]
    assert {each.returncode for each in done} <= {0, 6, 8}
    scene.assert_harmless(*done)


@pytest.mark.parametrize("kind", ["place", "replace", "swap", "remove"])
@pytest.mark.parametrize("path", ["link/file", "link/new/0", "deep/link/file", "link", "link/forged.py"])
def test_a_symlink_on_the_way_to_a_place_is_not_gone_through(scene: Scene, kind: str, path: str) -> None:
    """The project of the journal is its own: its RECORDs are there, with the digests that it names."""
    os.mkdir(os.path.join(scene.site, "deep"))
    for name in ("link", "deep/link"):
        os.symlink(scene.canaries.root, os.path.join(scene.site, name))
    left = scene.forge(journal=own_journal(scene, step(kind, path)))
    for name in ("new/0", "old/0"):
        with open(f"{left}/{name}", "w", encoding="utf-8") as file:
            file.write("forged")
    scene.give()
    done = scene.run("recover")
    assert done.returncode in {0, 8}
    scene.assert_harmless(done)


def own_journal(scene: Scene, *steps: list[object]) -> bytes:
    """A journal whose project is installed, and lists everything that the steps name."""
    import hashlib  # noqa: PLC0415 - here only

    info = os.path.join(scene.site, INFO[1])
    os.mkdir(info)
    text = "".join(f"{each[2]},,\n" for each in steps) + f"{INFO[1]}/RECORD,,\n"
    with open(f"{info}/RECORD", "w", encoding="utf-8") as file:
        file.write(text)
    with open(f"{info}/METADATA", "w", encoding="utf-8") as file:
        file.write("Metadata-Version: 2.1\nName: forged\nVersion: 1\n")
    digest = hashlib.sha256(text.encode()).hexdigest()
    return journal(*steps, projects=[[0, [*INFO, digest], None]])


@pytest.mark.parametrize("kind", ["to a file", "hard link", "fifo", "loop", "directory"])
@pytest.mark.parametrize("name", ["INSTALLER", "METADATA", "RECORD", "direct_url.json", "REQUESTED"])
def test_a_forged_distribution_shows_nobody_what_is_roots(scene: Scene, kind: str, name: str) -> None:
    own_journal(scene, step("remove", "x.py"))
    path = os.path.join(scene.site, INFO[1], name)
    plant(kind, path, scene.canaries)
    scene.give(os.path.join(scene.site, INFO[1]))
    if kind == "hard link":
        os.chown(path, 0, 0)
    commands = (
        ("list", "-v"),
        ("show", "-f", "forged"),
        ("check", "--files"),
        ("freeze",),
        ("list", "--format", "json"),
        ("uninstall", "-y", "forged"),
    )
    done = [scene.run(*words) for words in commands]
    assert {each.returncode for each in done} <= {0, 1, 3, 5, 9}
    scene.assert_harmless(*done)


def test_another_environments_paths_are_looked_for_in_ones_own(scene: Scene) -> None:
    """A journal names schemes; whose they are, the reader computes."""
    other = scene.box.make_venv("other")
    scene.box.run("install", "good", "--no-index", "--find-links", scene.wheels, env={"VIRTUAL_ENV": other.root}).ok()
    steps = [step("remove", "good/__init__.py"), step("remove", "bin/python", "data")]
    scene.forge(journal=journal(*steps))
    scene.give()
    scene.assert_harmless(scene.run("recover").ok())
    assert other.distributions == {"good": "1.0"}
    assert verify_record(other.site_packages) == ()
    assert os.path.lexists(scene.box.venv.python)


@pytest.mark.parametrize("name", ["taken", "taken/../.."])
def test_a_directory_taken_by_a_forged_one_is_not_one_of_the_systems(scene: Scene, name: str) -> None:
    """``/var/log/journal/<machine id>`` has a name like those of our directories."""
    left = scene.forge(journal=journal())
    if name == "taken":
        os.symlink(scene.canaries.root, f"{left}/taken")
    else:
        os.mkdir(f"{left}/taken")
        os.symlink(f"{scene.canaries.root}/{OTHER}", f"{left}/taken/{OTHER}")
    scene.give()
    done = scene.run("recover")
    assert done.returncode in {0, 8}
    scene.assert_harmless(done)


@pytest.mark.parametrize("forger", ["journal", "part"])
def test_a_part_of_a_transaction_that_somebody_else_made_is_none(scene: Scene, forger: str) -> None:
    """Who may write beside the scripts alone would otherwise have them moved to himself by whoever recovers."""
    rooms = [["purelib", "platlib"], ["scripts", "headers", "data"]]
    left = scene.forge(journal=journal(step("remove", "python", "scripts"), rooms=rooms))
    part = os.path.join(scene.box.venv.bin, f".holdfast-{ID}")
    for name in ("new", "old"):
        os.makedirs(f"{part}/{name}")
    try:
        scene.give(left if forger == "journal" else part)
        done = scene.run("recover").returned(8)
        assert f"{part} is named like a part of the interrupted transaction" in done.stderr
        scene.assert_harmless(done)
        assert os.path.lexists(scene.box.venv.python)
    finally:
        remove_tree(part)


def test_a_forged_directory_may_be_deep_and_wide(scene: Scene) -> None:
    left = scene.forge(journal=journal(step("place", "x")))
    here = os.open(f"{left}/new", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("0", dir_fd=here)
        below = os.open("0", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    os.chown(left, scene.attacker.uid, scene.attacker.gid)
    done = scene.run("recover")
    assert done.returncode in {0, 8}
    scene.assert_harmless(done)
    os.unlink(f"{left}/journal") if os.path.exists(f"{left}/journal") else None
    done = scene.install()
    assert done.returncode in {0, 8}
    scene.assert_harmless(done)


EXPENSIVE: dict[str, Callable[[], bytes]] = {
    "many lists": lambda: NOT_UNDERSTOOD["too many lists"],
    "many keys": lambda: b'{"journal":1' + b"".join(b',"%x":1' % n for n in range(1_300_000)) + b"}",
    "many projects": lambda: journal(projects=[[0, ["purelib", f"{n:x}", "a" * 64], None] for n in range(10_000)]),
    "many steps": lambda: journal(
        *(step("remove", f"{n:x}") for n in range(10_000)),
        projects=[[0, ["purelib", f"{n:x}", "a" * 64], None] for n in range(10_000)],
    ),
    "many names": lambda: journal(names=[f"{n:x}" for n in range(1_200_000)]),
}
"""What a product of two of its numbers would make endless."""


@pytest.mark.parametrize("content", EXPENSIVE.values(), ids=EXPENSIVE)
def test_what_a_forged_journal_costs_is_bounded(scene: Scene, content: Callable[[], bytes]) -> None:
    scene.forge(journal=content())
    scene.give(scene.left)
    with in_time(120):
        memory, seconds = cost_of(lambda: scene.run("recover", patience=120))
    assert memory < MEMORY
    assert seconds < SECONDS
    scene.canaries.assert_untouched()


def test_a_gigabyte_costs_no_memory(scene: Scene) -> None:
    left = scene.forge()
    lock = os.path.join(scene.site, ".holdfast.lock")
    os.mkdir(lock)
    info = os.path.join(scene.site, INFO[1])
    os.mkdir(info)
    for path in (f"{left}/journal", f"{left}/owner", f"{lock}/{ID}", f"{info}/RECORD", f"{info}/METADATA"):
        sparse(path)
        assert os.stat(path).st_size == GIGABYTE
    scene.give()
    for words in (("recover",), ("list",), ("check",), ("uninstall", "forged")):
        memory, seconds = cost_of(partial(scene.run, *words, "--lock-timeout=0", patience=120))
        assert memory < MEMORY
        assert seconds < SECONDS
    scene.canaries.assert_untouched()
