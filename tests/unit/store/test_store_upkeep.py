"""What ``cache prune``, ``list``, ``info`` and ``verify`` do with a store."""

from __future__ import annotations

import hashlib
import os
import sys

import pytest

from holdfast.disk import calls
from holdfast.errors import TargetError
from holdfast.model.stored import StoredWheel
from holdfast.store import bytecode, keys, upkeep
from holdfast.store.pages import PageCache
from holdfast.store.wheels import WheelStore
from tests.support.wheels import WheelSpec, build_wheel
from tests.unit.store.test_store_entry_damage import python

MONTHS_AGO = 60 * 24 * 3600


class World:
    def __init__(self, root: str) -> None:
        self.root, self.cache = root, f"{root}/cache"
        self.store = WheelStore.open(self.cache, f"{root}/work")

    def add(self, name: str) -> StoredWheel:
        spec = WheelSpec(name=name, version="1", files={f"{name}/__init__.py": "x = 1\n"})
        path = build_wheel(spec, f"{self.root}/dist")
        with open(path, "rb") as file:
            sha256 = hashlib.sha256(file.read()).hexdigest()
        stored = self.store.add(path, sha256=sha256, filename=spec.filename)
        bytecode.compiled(self.store, [stored], python(sys.executable))
        return stored

    def names(self) -> list[str]:
        return sorted(entry.manifest.name for entry in upkeep.wheels(self.cache) if entry.manifest)

    def compiled(self) -> set[str]:
        top = f"{self.cache}/{keys.BYTECODE}"
        return {name for first in os.listdir(top) for name in os.listdir(f"{top}/{first}")}


@pytest.fixture
def world(tmp_path: object) -> World:
    return World(str(tmp_path))


def age(path: str) -> None:
    then = os.stat(path).st_mtime - MONTHS_AGO
    os.utime(path, (then, then))


def test_what_nobody_needs_is_pruned_and_nothing_else(world: World) -> None:
    unused, shared, fresh = (world.add(name) for name in ("unused", "shared", "fresh"))
    pages = PageCache(world.cache)
    pages.write_page("old", b"o")
    (old,) = (os.path.join(top, name) for top, _, names in os.walk(f"{world.cache}/pages-v1") for name in names)
    pages.write_page("new", b"n")
    for path in (old, *(f"{os.path.dirname(each.tree)}/{keys.MANIFEST}" for each in (unused, shared))):
        age(path)
    os.link(f"{shared.tree}/shared/__init__.py", f"{world.root}/environment.py")
    cleaned = upkeep.prune(world.cache)
    assert world.names() == ["fresh", "shared"]
    assert world.compiled() == {each.manifest.sha256 for each in (shared, fresh)}
    assert pages.read_page("old") is None
    assert pages.read_page("new") == b"n"
    assert cleaned.files == len(unused.manifest.files) + 1 + 2 + 1
    assert cleaned.left == ()
    assert upkeep.prune(world.cache).files == 0


def test_what_was_installed_from_lately_is_kept(world: World) -> None:
    stored = world.add("used")
    age(f"{os.path.dirname(stored.tree)}/{keys.MANIFEST}")
    world.store.seal((stored,))
    assert upkeep.prune(world.cache).files == 0
    assert world.names() == ["used"]


def test_the_dead_and_the_living_adders(world: World) -> None:
    world.add("fresh")
    dead, living = (f"{world.cache}/{keys.WHEELS}/{keys.LITTER_PREFIX}{name}" for name in ("dead", "living"))
    for path in (dead, living):
        os.mkdir(path)
    age(dead)
    upkeep.prune(world.cache)
    assert not os.path.exists(dead)
    assert os.path.exists(living)


class ReadOnly(calls.Calls):
    """Root may write everywhere: a system that says otherwise."""

    access = staticmethod(lambda *_, **__: False)


def test_a_cache_that_may_not_be_changed_is_looked_at_and_not_pruned(world: World) -> None:
    world.add("kept")
    with calls.using(ReadOnly()):
        assert world.names() == ["kept"]
        assert upkeep.verify_all(world.cache).damaged == ()
        with pytest.raises(TargetError, match="cannot be pruned: it is not writable"):
            upkeep.prune(world.cache)


def test_no_cache_holds_nothing(tmp_path: object) -> None:
    nowhere = f"{tmp_path}/absent"
    assert upkeep.wheels(nowhere) == ()
    assert upkeep.usage(nowhere) == {}
    assert upkeep.prune(nowhere).files == 0
    assert upkeep.verify_all(nowhere).entries == 0
    assert not os.path.exists(nowhere)


def test_room_is_counted_by_kind(world: World) -> None:
    stored = world.add("one")
    found = upkeep.usage(world.cache)
    assert found[keys.WHEELS][0] == len(stored.manifest.files) + 1
    assert found[keys.BYTECODE][0] == 2
    assert all(size > 0 for _, size in found.values())


def spoil(path: str) -> None:
    """Other content, and nothing that tells: as a disk does it."""
    status = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(status.st_size - 1)
        file.write(b"?")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("what", ["wheel", "bytecode", "manifest", "list"])
def test_rot_that_no_time_tells_is_found_by_verifying(world: World, what: str) -> None:
    stored, sound = world.add("one"), world.add("two")
    entry = os.path.dirname(stored.tree)
    (compiled,) = (
        f"{top}/{stored.manifest.sha256}/{tag}"
        for top, names, _ in os.walk(f"{world.cache}/{keys.BYTECODE}")
        if stored.manifest.sha256 in names
        for tag in os.listdir(f"{top}/{stored.manifest.sha256}")
    )
    place = {
        "wheel": f"{stored.tree}/one/__init__.py",
        "bytecode": f"{compiled}/one/__init__.pyc",
        "manifest": f"{entry}/{keys.MANIFEST}",
        "list": f"{compiled}/{bytecode.FILES}",
    }
    assert upkeep.verify_all(world.cache) == upkeep.Verified(entries=4)
    spoil(place[what])
    found = upkeep.verify_all(world.cache)
    assert found.damaged == (entry if what in {"wheel", "manifest"} else os.path.dirname(compiled),)
    assert found.left == ()
    assert world.store.get(sound.manifest.sha256) == sound
    assert upkeep.verify_all(world.cache) == upkeep.Verified(entries=3)
    assert world.add("one") == stored
    assert upkeep.verify_all(world.cache) == upkeep.Verified(entries=4)


def test_damage_that_cannot_be_removed_is_named(world: World) -> None:
    stored = world.add("one")
    spoil(f"{stored.tree}/one/__init__.py")
    with calls.using(ReadOnly()):
        found = upkeep.verify_all(world.cache)
    assert found.damaged == found.left == (os.path.dirname(stored.tree),)
