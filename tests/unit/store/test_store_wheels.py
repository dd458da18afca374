from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading

import pytest

from holdfast.disk import calls
from holdfast.events import Event, Warned
from holdfast.model.stored import StoredWheel
from holdfast.model.target import SchemeKey
from holdfast.store import keys, sweep
from holdfast.store.contents import read_scripts
from holdfast.store.wheels import WheelStore
from tests.support.faulty_disk import Fail, FaultyDisk, Point
from tests.support.wheels import WheelSpec, build_wheel

SPEC = WheelSpec(
    name="Some.Pkg",
    version="1.0",
    files={"some_pkg/__init__.py": "x = 1\n", "some_pkg/run": "#!/bin/sh\n", "some_pkg/data.bin": bytes(range(256))},
    executable=frozenset({"some_pkg/run"}),
    data={
        "scripts/tool": "#!python\nprint()\n",
        "scripts/raw": b"\x7fELF",
        "headers/some.h": "int x;\n",
        "data/share/x": "x",
        "platlib/some_ext.py": "y = 2\n",
    },
    console_scripts={"some": "some_pkg:main", "other": "some_pkg.sub : Class.run [extra]"},
    gui_scripts={"somew": "some_pkg:gui"},
    entry_points={"some.plugins": {"a": "some_pkg"}},
    requires=("dep>=1", 'more ; extra == "x"'),
    extras=("x",),
    directory_entries=True,
)


class Ear:
    def __init__(self) -> None:
        self.warned: list[str] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Warned):
            self.warned.append(event.text)


class World:
    def __init__(self, root: str) -> None:
        self.cache, self.work, self.ear = f"{root}/cache", f"{root}/work", Ear()
        self.path = build_wheel(SPEC, f"{root}/dist")
        with open(self.path, "rb") as file:
            self.sha256 = hashlib.sha256(file.read()).hexdigest()

    def open(self) -> WheelStore:
        return WheelStore.open(self.cache, self.work, self.ear)

    def add(self, store: WheelStore | None = None) -> StoredWheel:
        return (store or self.open()).add(self.path, sha256=self.sha256, filename=SPEC.filename)

    @property
    def entry(self) -> str:
        return f"{self.cache}/{keys.wheel_entry(self.sha256)}"


@pytest.fixture
def world(tmp_path: object) -> World:
    return World(str(tmp_path))


def listing(directory: str) -> set[str]:
    return {
        os.path.relpath(os.path.join(top, name), directory) for top, _, names in os.walk(directory) for name in names
    }


def test_what_was_added_is_found_by_everybody(world: World) -> None:
    assert world.open().get(world.sha256) is None
    stored = world.add()
    assert world.open().get(world.sha256) == stored
    assert world.add() == stored
    assert os.listdir(f"{world.cache}/{keys.WHEELS}") == [world.sha256[:2]]
    assert world.ear.warned == []


def test_the_manifest_says_what_is_there(world: World) -> None:
    stored = world.add()
    manifest = stored.manifest
    assert (manifest.name, str(manifest.version), manifest.info_name) == ("some-pkg", "1.0", "some_pkg-1.0.dist-info")
    assert [(each.name, each.module, each.attribute, each.gui) for each in manifest.scripts] == [
        ("other", "some_pkg.sub", "Class.run", False),
        ("some", "some_pkg", "main", False),
        ("somew", "some_pkg", "gui", True),
    ]
    files = {file.member: file for file in manifest.files}
    assert listing(stored.tree) == set(files)
    data = "some_pkg-1.0.data"
    tool, raw = files[f"{data}/scripts/tool"], files[f"{data}/scripts/raw"]
    assert (tool.scheme, tool.path, tool.shebang, tool.executable) == (SchemeKey.SCRIPTS, "tool", True, True)
    assert (raw.shebang, raw.executable) == (False, True)
    header, shared = files[f"{data}/headers/some.h"], files[f"{data}/data/share/x"]
    assert (header.scheme, header.path) == (SchemeKey.HEADERS, "some-pkg/some.h")
    assert (shared.scheme, shared.path) == (SchemeKey.DATA, "share/x")
    assert files[f"{data}/platlib/some_ext.py"].scheme is SchemeKey.PLATLIB
    assert files["some_pkg/run"].executable
    for member, file in files.items():
        status = os.lstat(f"{stored.tree}/{member}")
        assert (status.st_size, status.st_mtime_ns) == (file.size, file.mtime_ns)
        assert stat.S_IMODE(status.st_mode) == (0o755 if file.executable else 0o644)
        with open(f"{stored.tree}/{member}", "rb") as content:
            assert hashlib.sha256(content.read()).hexdigest() == _hex(file.digest)


def _hex(digest: str) -> str:
    from base64 import urlsafe_b64decode  # noqa: PLC0415 - only here

    return urlsafe_b64decode(digest + "=").hex()


def test_the_umask_does_not_decide(world: World) -> None:
    kept = os.umask(0o077)
    try:
        stored = world.add()
    finally:
        os.umask(kept)
    assert stat.S_IMODE(os.lstat(f"{stored.tree}/some_pkg/__init__.py").st_mode) == 0o644
    assert world.open().get(world.sha256) is not None


def test_an_edited_file_is_never_given_out_again(world: World) -> None:
    stored = world.add()
    with open(f"{stored.tree}/some_pkg/__init__.py", "w", encoding="utf-8") as file:
        file.write("x = 2\n")
    assert world.open().get(world.sha256) is None
    assert listing(world.cache) == set()
    assert world.open().get(world.add().manifest.sha256) == stored


@pytest.mark.parametrize("spoil", ["missing", "longer", "directory", "symlink", "manifest", "no manifest"])
def test_other_damage_is_found_too(world: World, spoil: str) -> None:
    stored = world.add()
    path = f"{stored.tree}/some_pkg/data.bin"
    match spoil:
        case "longer":
            with open(path, "ab") as file:
                file.write(b"!")
        case "manifest":
            with open(f"{world.entry}/{keys.MANIFEST}", "wb") as file:
                file.write(b'{"format":1')
        case "no manifest":
            os.unlink(f"{world.entry}/{keys.MANIFEST}")
        case _:
            os.unlink(path)
            if spoil == "directory":
                os.mkdir(path)
            if spoil == "symlink":
                os.symlink("/etc/passwd", path)
    assert world.open().get(world.sha256) is None
    assert world.add().manifest == stored.manifest
    assert world.open().get(world.sha256) == stored


@pytest.mark.parametrize("how", ["time", "mode"])
def test_a_touched_file_is_renewed_and_its_twin_elsewhere_left_alone(world: World, tmp_path: object, how: str) -> None:
    stored = world.add()
    path, twin = f"{stored.tree}/some_pkg/__init__.py", f"{tmp_path}/twin.py"
    os.link(path, twin)
    if how == "time":
        os.utime(twin)
    else:
        os.chmod(twin, 0o600)
    before = os.lstat(twin)
    assert world.open().get(world.sha256) == stored
    assert not os.path.samefile(path, twin)
    after = os.lstat(twin)
    assert (after.st_mtime_ns, after.st_mode) == (before.st_mtime_ns, before.st_mode)
    assert listing(stored.tree) == {file.member for file in stored.manifest.files}


def test_many_may_add_the_same_at_once(world: World) -> None:
    found: list[StoredWheel] = []
    barrier = threading.Barrier(6)

    def adder() -> None:
        store = world.open()
        barrier.wait()
        found.append(world.add(store))

    threads = [threading.Thread(target=adder) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert all(each == found[0] for each in found)
    assert os.listdir(f"{world.cache}/{keys.WHEELS}") == [world.sha256[:2]]


def test_without_a_cache_the_work_area_serves(world: World) -> None:
    store = WheelStore.open(None, world.work, world.ear)
    stored = world.add(store)
    assert stored.tree.startswith(world.work)
    assert not stored.lasting
    assert store.get(world.sha256) == stored
    assert world.ear.warned == []


def test_a_cache_that_is_no_directory_costs_one_line(world: World) -> None:
    with open(world.cache, "w", encoding="utf-8"):
        pass
    store = world.open()
    assert world.add(store).tree.startswith(world.work)
    assert store.get(world.sha256) is not None
    assert world.ear.warned == [f"The cache {world.cache} is not used: it is no directory."]


class MayNotWrite(calls.Calls):
    """Root may write everywhere: a system that says otherwise."""

    access = staticmethod(lambda *_, **__: False)


def test_a_warm_cache_that_is_read_only_serves(world: World) -> None:
    stored = world.add()
    with calls.using(MayNotWrite()):
        store = world.open()
    assert store.get(world.sha256) == stored
    assert world.ear.warned == []
    other = build_wheel(WheelSpec(name="other", version="2"), world.work)
    with open(other, "rb") as file:
        sha256 = hashlib.sha256(file.read()).hexdigest()
    for _ in range(2):
        added = store.add(other, sha256=sha256, filename="other-2-py3-none-any.whl")
        assert added.tree.startswith(world.work)
    assert world.ear.warned == [f"The cache {world.cache} is only read: it is not writable."]


def test_a_newer_minor_wheel_version_is_warned_of(world: World, tmp_path: object) -> None:
    spec = WheelSpec(name="pkg", version="1", wheel_version="1.9")
    path = build_wheel(spec, str(tmp_path))
    world.open().add(path, sha256="0" * 64, filename=spec.filename)
    assert world.ear.warned == [f"{spec.filename} is of Wheel-Version 1.9, newer than this holdfast knows."]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory to any group")
@pytest.mark.parametrize("umask", [0o002, 0o022, 0o077])
@pytest.mark.parametrize("mode", [0o2775, 0o775, 0o2770])
def test_in_a_shared_cache_everything_is_the_groups(world: World, mode: int, umask: int) -> None:
    os.mkdir(world.cache)
    os.chown(world.cache, -1, 4242)
    os.chmod(world.cache, mode)
    kept = os.umask(umask)
    try:
        world.add()
    finally:
        os.umask(kept)
    for top, _, _ in os.walk(world.cache):
        status = os.stat(top)
        assert (oct(stat.S_IMODE(status.st_mode)), status.st_gid) == (oct(mode), 4242), top


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory to any group")
@pytest.mark.parametrize(("umask", "made"), [(0o022, 0o2775), (0o077, 0o2770)])
def test_a_new_cache_below_a_setgid_directory_is_shared(world: World, umask: int, made: int) -> None:
    parent = os.path.dirname(world.cache)
    os.chown(parent, -1, 4242)
    os.chmod(parent, 0o2755)
    kept = os.umask(umask)
    try:
        world.add()
    finally:
        os.umask(kept)
    for top, _, _ in os.walk(world.cache):
        status = os.stat(top)
        assert (oct(stat.S_IMODE(status.st_mode)), status.st_gid) == (oct(made), 4242), top


def test_litter_of_the_dead_is_removed_and_that_of_the_living_is_not(world: World) -> None:
    old, fresh = (f"{world.cache}/{keys.WHEELS}/{keys.LITTER_PREFIX}{name}" for name in ("old", "fresh"))
    for path in (old, fresh):
        os.makedirs(f"{path}/tree")
    os.utime(old, (0, 0))
    world.add()
    assert not os.path.exists(old)
    assert os.path.exists(fresh)


def test_cleaning_removes_what_is_ours_and_counts_it(world: World) -> None:
    stored = world.add()
    os.makedirs(f"{world.cache}/mine-v1")
    os.makedirs(f"{world.cache}/pages-v3")
    cleaned = sweep.clean(world.cache)
    assert cleaned.files == len(stored.manifest.files) + 1
    assert cleaned.bytes > sum(file.size for file in stored.manifest.files)
    assert cleaned.left == ()
    assert os.listdir(world.cache) == ["mine-v1"]
    assert sweep.clean(f"{world.cache}/absent") == sweep.Cleaned()


STRANGER = 54321
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to somebody else")


@as_root
def test_root_leaves_somebody_elses_cache_alone(world: World) -> None:
    stored = world.add()
    os.chown(world.cache, STRANGER, -1)
    store = world.open()
    assert store.get(world.sha256) is None
    assert world.add(store).tree.startswith(world.work)
    assert world.ear.warned == [
        f"The cache {world.cache} is not used: it belongs to uid {STRANGER} and this runs as root."
    ]
    assert listing(stored.tree) == {file.member for file in stored.manifest.files}


@as_root
def test_what_a_stranger_planted_is_not_believed(world: World) -> None:
    stored = world.add()
    os.chmod(world.cache, 0o777)
    os.chown(stored.tree, STRANGER, -1)
    store = world.open()
    assert store.get(world.sha256) is None
    assert world.add(store).tree.startswith(world.work)


@as_root
def test_in_a_shared_cache_the_others_are_believed_but_not_linked_to(world: World) -> None:
    stored = world.add()
    os.chmod(world.cache, 0o2775)
    os.chown(stored.tree, STRANGER, -1)
    found = world.open().get(world.sha256)
    assert found is not None
    assert not found.linkable


def test_a_default_section_is_one_like_any_other() -> None:
    data = b"[DEFAULT]\nstray = some:main\n[console_scripts]\nsome = some:main\n"
    assert [each.name for each in read_scripts(data)] == ["some"]


def lower(path: str) -> FaultyDisk:
    """EXDEV when what lies in a lower layer of an overlay is to be renamed."""
    return FaultyDisk(
        Point(n=0), Fail(number=errno.EXDEV), only=lambda call: call.name == "rename" and call.paths[0] == path
    )


def test_what_lies_in_a_lower_layer_is_cleaned_and_healed_where_it_lies(world: World) -> None:
    stored = world.add()
    entry = os.path.join(world.cache, keys.wheel_entry(world.sha256, unverified=False))
    damaged = os.path.join(entry, keys.TREE, stored.manifest.files[0].member)
    os.unlink(damaged)
    with lower(entry) as overlay:
        world.add()
    assert overlay.fired
    assert os.path.exists(damaged)
    with lower(os.path.join(world.cache, keys.WHEELS)) as overlay:
        assert sweep.clean(world.cache).left == ()
    assert overlay.fired
    assert not os.path.lexists(world.cache)


def change_secretly(path: str, old: bytes, new: bytes) -> None:
    """An edit in place that keeps the size and sets the times back, as nothing but the inode's own time tells."""
    status = os.stat(path)
    with open(path, "r+b") as file:
        data = file.read()
        assert old in data
        assert len(old) == len(new)
        file.seek(0)
        file.write(data.replace(old, new))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (os.stat(path).st_size, os.stat(path).st_mtime_ns) == (status.st_size, status.st_mtime_ns)


def tick(path: str) -> None:
    """Wait until the file system's clock has moved on from the change of a file."""
    with open(f"{path}.clock", "w", encoding="utf-8") as clock:
        while os.fstat(clock.fileno()).st_mtime_ns <= os.stat(path).st_ctime_ns:
            os.utime(clock.fileno())


@pytest.mark.parametrize("how", ["content", "size", "times set back"])
def test_what_was_edited_through_a_link_is_never_given_out(world: World, tmp_path: object, how: str) -> None:
    stored = world.add()
    twin = f"{tmp_path}/twin.py"
    os.link(f"{stored.tree}/some_pkg/__init__.py", twin)
    world.open().seal((stored,))
    tick(f"{world.entry}/{keys.MANIFEST}")
    assert world.open().get(world.sha256) == stored
    if how == "times set back":
        change_secretly(twin, b"x = 1", b"x = 2")
    else:
        with open(twin, "w", encoding="utf-8") as file:
            file.write("x = 2\n" if how == "content" else "x = 20\n")
    assert world.open().get(world.sha256) is None
    healed = world.add()
    with open(f"{healed.tree}/some_pkg/__init__.py", encoding="utf-8") as file:
        assert file.read() == "x = 1\n"
    assert not os.path.samefile(f"{healed.tree}/some_pkg/__init__.py", twin)


def test_a_link_of_somebody_who_died_costs_a_look_and_no_more(world: World, tmp_path: object) -> None:
    stored = world.add()
    tick(f"{world.entry}/{keys.MANIFEST}")
    os.link(f"{stored.tree}/some_pkg/data.bin", f"{tmp_path}/twin")
    read: list[int] = []

    class Reading(calls.Calls):
        @staticmethod
        def read(fd: int, count: int) -> bytes:
            data = os.read(fd, count)
            read.append(len(data))
            return data

    def asked() -> int:
        read.clear()
        with calls.using(Reading()):
            assert world.open().get(world.sha256) == stored
        return sum(read)

    assert asked() > 256
    world.open().seal((stored,))
    assert asked() == os.stat(f"{world.entry}/{keys.MANIFEST}").st_size


def test_what_somebody_else_has_healed_meanwhile_is_not_dropped(world: World) -> None:
    world.add()
    judged = sweep.identity(world.entry)
    sweep.drop(f"{world.cache}/{keys.WHEELS}", world.entry, judged)
    stored = world.add()
    sweep.drop(f"{world.cache}/{keys.WHEELS}", world.entry, judged)
    assert world.open().get(world.sha256) == stored
