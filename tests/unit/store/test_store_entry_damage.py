"""Every file of an entry is damaged in every way: it is healed or refused, and never installed (P8)."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable

import pytest

from holdfast.disk import calls
from holdfast.events import Event, Warned
from holdfast.model.stored import StoredWheel
from holdfast.model.target import Interpreter, Scheme
from holdfast.store import bytecode, keys
from holdfast.store.unpack import FILE_MODE
from holdfast.store.wheels import WheelStore
from tests.support.wheels import WheelSpec, build_wheel

SPEC = WheelSpec(
    name="demo",
    version="1",
    files={"demo/__init__.py": "x = 1\n", "demo/empty.py": "", "demo/tool": "#!/bin/sh\n", "demo/data.bin": b"\0\1\2"},
    executable=frozenset({"demo/tool"}),
    data={"scripts/run.py": "#!python\n", "data/share/x": "x\n"},
    console_scripts={"demo": "demo:main"},
)
MEMBERS = (
    "demo/__init__.py",
    "demo/data.bin",
    "demo/empty.py",
    "demo/tool",
    "demo-1.data/data/share/x",
    "demo-1.data/scripts/run.py",
    "demo-1.dist-info/METADATA",
    "demo-1.dist-info/WHEEL",
    "demo-1.dist-info/entry_points.txt",
)
COMPILED = ("demo/__init__.pyc", "demo/empty.pyc")


def other_content(path: str) -> None:
    with open(path, "r+b") as file:
        data = file.read()
        file.seek(0)
        file.write(bytes(each ^ 1 for each in data) or b"!")


def longer(path: str) -> None:
    with open(path, "ab") as file:
        file.write(b"!")


def torn(path: str) -> None:
    os.truncate(path, os.stat(path).st_size // 2)
    os.utime(path)


def mode(path: str) -> None:
    os.chmod(path, 0o640)


def directory(path: str) -> None:
    os.unlink(path)
    os.mkdir(path)


def symlink(path: str) -> None:
    os.rename(path, f"{path}.away")
    os.symlink(f"{path}.away", path)


def pipe(path: str) -> None:
    os.unlink(path)
    os.mkfifo(path)


def extra(path: str) -> None:
    with open(os.path.join(os.path.dirname(path), "extra.py"), "w", encoding="utf-8") as file:
        file.write("never asked for\n")


Damage = Callable[[str], None]
DAMAGES: tuple[Damage, ...] = (other_content, longer, torn, os.unlink, mode, directory, symlink, pipe, extra)
damages = pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)


class World:
    def __init__(self, root: str) -> None:
        self.cache, self.work = f"{root}/cache", f"{root}/work"
        self.warned: list[str] = []
        self.path = build_wheel(SPEC, f"{root}/dist")
        with open(self.path, "rb") as file:
            self.sha256 = hashlib.sha256(file.read()).hexdigest()
        self.stored = self.add()
        self.entry = f"{self.cache}/{keys.wheel_entry(self.sha256)}"
        self.right = contents(self.stored)
        assert set(self.right) == set(MEMBERS)

    def emit(self, event: Event) -> None:
        if isinstance(event, Warned):
            self.warned.append(event.text)

    def open(self) -> WheelStore:
        return WheelStore.open(self.cache, self.work, self)

    def add(self) -> StoredWheel:
        return self.open().add(self.path, sha256=self.sha256, filename=SPEC.filename)

    def assert_heals(self) -> None:
        """What is given out is right; what is not given out can be added again, in its place."""
        found = self.open().get(self.sha256)
        if found is not None:
            assert contents(found) == self.right
        assert contents(self.add()) == self.right
        assert self.open().get(self.sha256) == self.stored
        assert os.listdir(f"{self.cache}/{keys.WHEELS}") == [self.sha256[:2]]
        assert self.warned == []


def contents(stored: StoredWheel) -> dict[str, tuple[bytes, int]]:
    """What an installation takes from an entry: what the manifest names, with its mode."""
    found = {}
    for file in stored.manifest.files:
        path = f"{stored.tree}/{file.member}"
        assert not os.path.islink(path)
        with open(path, "rb") as opened:
            found[file.member] = opened.read(), os.stat(path).st_mode
    return found


@pytest.fixture
def world(tmp_path: object) -> World:
    return World(str(tmp_path))


@damages
def test_a_wheels_files(world: World, damage: Damage) -> None:
    for member in MEMBERS:
        damage(f"{world.stored.tree}/{member}")
        world.assert_heals()


@damages
def test_a_wheels_manifest(world: World, damage: Damage) -> None:
    damage(f"{world.entry}/{keys.MANIFEST}")
    world.assert_heals()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"demo/empty.py", b"demo/other.py"),
        (b'["demo","demo","main",', b'["demo","evil","main",'),
        (b'"version":"1"', b'"version":"2"'),
        (b'"purelib":true', b'"purelib":false'),
    ],
)
def test_a_manifest_that_is_still_json_and_says_something_else(world: World, old: bytes, new: bytes) -> None:
    path = f"{world.entry}/{keys.MANIFEST}"
    with open(path, "rb") as file:
        data = file.read()
    assert old in data
    with open(path, "wb") as file:
        file.write(data.replace(old, new))
    world.assert_heals()


@pytest.mark.parametrize("damage", [directory, symlink, pipe, other_content])
@pytest.mark.parametrize("place", ["", f"/{keys.TREE}"])
def test_what_should_be_a_directory(world: World, place: str, damage: Damage) -> None:
    os.rename(f"{world.entry}{place}", f"{world.cache}/away")
    with open(f"{world.entry}{place}", "w", encoding="utf-8"):
        damage(f"{world.entry}{place}")
    world.assert_heals()


def test_what_leads_elsewhere_on_the_way_is_neither_followed_nor_emptied(world: World, tmp_path: object) -> None:
    versioned = f"{world.cache}/{keys.WHEELS}"
    os.rename(versioned, f"{tmp_path}/elsewhere")
    os.symlink(f"{tmp_path}/elsewhere", versioned)
    elsewhere = f"{tmp_path}/elsewhere/{world.sha256[:2]}/{world.sha256}"
    assert world.open().get(world.sha256) is None
    assert contents(world.add()) == world.right
    assert len(world.warned) == 1
    assert os.path.isdir(f"{elsewhere}/{keys.TREE}")


class ReadOnly(calls.Calls):
    """Root may write everywhere: a system that says otherwise."""

    access = staticmethod(lambda *_, **__: False)


@damages
def test_in_a_cache_that_may_not_be_changed(world: World, damage: Damage) -> None:
    for member in (f"{keys.TREE}/demo/__init__.py", keys.MANIFEST):
        damage(f"{world.entry}/{member}")
        with calls.using(ReadOnly()):
            found = world.open().get(world.sha256)
            assert found is None or contents_but_mode(found) == {name: data for name, (data, _) in world.right.items()}


def contents_but_mode(stored: StoredWheel) -> dict[str, bytes]:
    """Where a mode could not be set right the file is copied, and gets its mode from the manifest."""
    if any(os.stat(f"{stored.tree}/{file.member}").st_mode & 0o777 == 0o640 for file in stored.manifest.files):
        assert not stored.linkable
    return {name: data for name, (data, _) in contents(stored).items()}


def python(executable: str = sys.executable) -> Interpreter:
    scheme = Scheme(purelib="/v/l", platlib="/v/l", scripts="/v/b", headers="/v/i", data="/v")
    return Interpreter(
        executable=executable,
        version="3",
        implementation="cpython",
        markers={},
        tags=(),
        prefix="/v",
        base_prefix="/usr",
        scheme=scheme,
        user_scheme=None,
        stdlib="",
        externally_managed=None,
        site_packages=(),
        cache_tag=sys.implementation.cache_tag or "",
    )


def compiled(world: World) -> dict[str, bytes]:
    (files,) = bytecode.compiled(world.open(), [world.stored], python()).values()
    found = {}
    for member, path in files.items():
        assert not os.path.islink(path)
        assert os.stat(path).st_mode & 0o7777 == FILE_MODE
        with open(path, "rb") as file:
            found[member] = file.read()
    return found


@damages
def test_bytecode(world: World, damage: Damage) -> None:
    right = compiled(world)
    assert len(right) == len(COMPILED)
    (entry,) = (top for top, _, names in os.walk(f"{world.cache}/{keys.BYTECODE}") if bytecode.FILES in names)
    for member in (*COMPILED, bytecode.FILES):
        damage(f"{entry}/{member}")
        assert compiled(world) == right
        assert compiled(world) == right
        assert os.listdir(f"{world.cache}/{keys.BYTECODE}") == [world.sha256[:2]]
    assert world.warned == []
