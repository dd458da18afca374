"""Item 8: the root of the environment may not be written, what lies in it may.

It works, locked, staged in the system temp dir, and nothing is left; where that is another file system, full, missing
or read-only the work goes to a hidden directory in the library; only when that has no room is it an error.
"""

from __future__ import annotations

import os
import random
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from holdfast.model.transaction import LOCK_NAME
from tests.support.areas import living_owner, plant_lock
from tests.support.index import Delay, Index, Throttle
from tests.support.mounts import Mounts, private_mounts
from tests.support.trees import snapshot, unchanged
from tests.support.users import People
from tests.support.wheels import WheelSpec, pkg
from tests.system.image import Image, give, make_image, ours

BLOB = os.urandom(300_000)
"""Too much for a small TMPDIR, packed and unpacked."""


def app(version: str) -> WheelSpec:
    return WheelSpec(
        name="app",
        version=version,
        files={"app/__init__.py": f"def main():\n    print('app {version}')\n", "app/blob.bin": BLOB},
        console_scripts={"app": "app:main"},
    )


def notebook(version: str) -> WheelSpec:
    """With data files, as jupyter's."""
    return WheelSpec(
        name="notebook",
        version=version,
        files={"notebook.py": ""},
        data={
            "data/share/jupyter/kernels/python3/kernel.json": f'"{version}"',
            f"data/share/jupyter/{version}.txt": "",
            "data/etc/jupyter/notebook.json": "{}",
        },
    )


@pytest.fixture
def image(crowd: People, public: str, index: Index) -> Image:
    index.add(app("1.0"), app("2.0"), pkg("other"), notebook("1.0"), notebook("2.0"))
    made = make_image(public, crowd, index)
    assert made.user.run("mkdir", f"{made.venv.root}/x").returncode != 0
    return made


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    with private_mounts() as made:
        yield made


def slowly(image: Image) -> None:
    """Long enough to look."""
    image.index.on("/files/*.whl", Delay(seconds=0.15))


def test_it_works_locked_staged_in_the_system_temp_dir_and_nothing_is_left(image: Image) -> None:
    slowly(image)
    before = image.snapshot()
    done, seen = image.watched("install", "--json", "app==1.0")
    assert done.ok().json["lock"]["held"] > 0
    assert {name.rpartition("-")[0] for name in seen["tmp"]} == {f"holdfast-{image.user.uid}"}
    assert seen["root"] == set()
    assert {name.partition("-")[0] for name in seen["library"]} <= {".holdfast", LOCK_NAME}
    image.assert_clean(app="1.0")
    assert image.says("app") == "app 1.0"
    image.run("install", "app==2.0", "other").ok()
    image.assert_clean(app="2.0", other="1.0")
    image.run("uninstall", "app", "other").ok()
    unchanged(before, image.venv.root)


def test_the_lock_is_waited_for(image: Image) -> None:
    plant_lock(image.venv.site_packages, living_owner())
    before = image.snapshot()
    done = image.run("install", "app", "--lock-timeout=0").returned(6)
    assert f"process {os.getpid()} " in done.stderr
    unchanged(before, image.venv.root)
    assert ours(image.tmp) == []


def plain(mounts: Mounts, tmp: str) -> None:
    mounts.tmpfs(tmp, "mode=1777")


def without_bytes(mounts: Mounts, tmp: str) -> None:
    mounts.tmpfs(tmp, "mode=1777", "size=64k")
    mounts.run("sh", "-c", f"cat /dev/zero > {tmp}/filler || true")


def without_inodes(mounts: Mounts, tmp: str) -> None:
    mounts.tmpfs(tmp, "mode=1777", "nr_inodes=2")
    mounts.run("touch", f"{tmp}/filler")


def with_room_for_a_record_only(mounts: Mounts, tmp: str) -> None:
    mounts.tmpfs(tmp, "mode=1777", "size=64k")


def with_inodes_for_a_record_only(mounts: Mounts, tmp: str) -> None:
    mounts.tmpfs(tmp, "mode=1777", "nr_inodes=3")


def read_only(mounts: Mounts, tmp: str) -> None:
    mounts.tmpfs(tmp, "mode=1777", "ro")


def missing(_: Mounts, tmp: str) -> None:
    os.rmdir(tmp)


def no_directory(_: Mounts, tmp: str) -> None:
    os.rmdir(tmp)
    os.close(os.open(tmp, os.O_CREAT))


def closed(_: Mounts, tmp: str) -> None:
    os.chmod(tmp, 0o755)


@pytest.mark.parametrize("cache", [True, False], ids=["cache", "no-cache"])
def test_a_tmpdir_in_another_file_system_is_as_good(image: Image, mounts: Mounts, *, cache: bool) -> None:
    plain(mounts, image.tmp)
    slowly(image)
    before = image.snapshot()
    words = () if cache else ("--no-cache-dir",)
    done, seen = image.watched("install", "app==1.0", *words, mounts=mounts)
    assert "warning" not in done.ok().stderr
    assert len(seen["tmp"]) == 1
    assert seen["root"] == set()
    image.assert_clean(mounts, app="1.0")
    image.run("install", "-U", "app", *words, mounts=mounts).ok()
    image.assert_clean(mounts, app="2.0")
    image.run("uninstall", "app", mounts=mounts).ok()
    unchanged(before, image.venv.root)


USELESS = (
    without_bytes,
    without_inodes,
    with_room_for_a_record_only,
    with_inodes_for_a_record_only,
    read_only,
    missing,
    no_directory,
    closed,
)
BOUNDED = {
    (without_bytes, False),
    (without_inodes, True),
    (with_room_for_a_record_only, True),
    (with_inodes_for_a_record_only, False),
    (read_only, False),
    (missing, True),
}


@pytest.mark.parametrize(
    ("way", "cache"),
    [
        pytest.param(
            way,
            cache,
            id=f"{way.__name__}-{'cache' if cache else 'no-cache'}",
            marks=() if (way, cache) in BOUNDED else pytest.mark.exhaustive,
        )
        for way in USELESS
        for cache in (True, False)
    ],
)
def test_a_tmpdir_of_no_use_sends_the_work_to_a_hidden_directory_in_the_library(
    image: Image, mounts: Mounts, way: Callable[[Mounts, str], None], *, cache: bool
) -> None:
    way(mounts, image.tmp)
    slowly(image)
    before = image.snapshot()
    lain = snapshot(mounts.seen(image.tmp))
    done, seen = image.watched("install", "app==1.0", *(() if cache else ("--no-cache-dir",)), mounts=mounts)
    assert "warning" not in done.ok().stderr
    assert seen["root"] == set()
    assert len(seen["library"] - {LOCK_NAME}) == 2  # the work area and the transaction
    image.assert_clean(mounts, app="1.0")
    assert image.says("app") == "app 1.0"
    unchanged(lain, mounts.seen(image.tmp))
    image.run("uninstall", "app", mounts=mounts).ok()
    unchanged(before, image.venv.root)


def with_metadata_in_the_wheel(image: Image) -> None:
    """Whose metadata is only to be had by downloading it whole."""
    image.index.site.projects.clear()
    image.index.add(app("1.0"), sidecar=False)
    image.index.site.manners = type(image.index.site.manners)(ranges=False)


@pytest.mark.parametrize(
    "way", [with_room_for_a_record_only, pytest.param(with_inodes_for_a_record_only, marks=pytest.mark.exhaustive)]
)
def test_that_shows_while_metadata_is_fetched_too(
    image: Image, mounts: Mounts, way: Callable[[Mounts, str], None]
) -> None:
    way(mounts, image.tmp)
    with_metadata_in_the_wheel(image)
    done = image.run("install", "-v", "app", "--no-cache-dir", mounts=mounts).ok()
    assert f"is full; the work goes on in {image.venv.site_packages}/.holdfast-" in done.stderr
    image.assert_clean(mounts, app="1.0")


@pytest.mark.parametrize(
    ("way", "option"),
    [
        (without_bytes, "size=192k"),
        (missing, "nr_inodes=20"),
        pytest.param(without_bytes, "nr_inodes=20", marks=pytest.mark.exhaustive),
        pytest.param(missing, "size=192k", marks=pytest.mark.exhaustive),
    ],
)
def test_only_when_the_library_has_no_room_either_it_is_an_error_and_nothing_is_changed(
    image: Image, mounts: Mounts, way: Callable[[Mounts, str], None], option: str
) -> None:
    way(mounts, image.tmp)
    library = image.venv.site_packages
    mounts.tmpfs(library, option, f"uid={image.user.uid}", f"gid={image.user.gid}", "mode=755")
    if option.startswith("nr"):
        image.index.add(pkg("app", "3.0", files={f"app/part{n}.py": "" for n in range(40)}))
    before = image.snapshot()
    for words in ((), ("--no-cache-dir",)):
        done = image.run("install", "app", *words, mounts=mounts).returned(3)
        assert "Nothing was changed." in done.stderr
        assert library in done.stderr
        assert "room" in done.stderr or "No space left" in done.stderr
        assert "Try: " in done.stderr or done.stderr.splitlines()[-1].startswith("Make room")
        assert os.listdir(mounts.seen(library)) == []
        assert ours(image.tmp, mounts) == []
        unchanged(before, image.venv.root)


def test_the_library_may_be_another_file_system_than_the_scripts(image: Image, mounts: Mounts) -> None:
    library = image.venv.site_packages
    mounts.tmpfs(library, f"uid={image.user.uid}", f"gid={image.user.gid}", "mode=755")
    before = image.snapshot()
    image.run("install", "app==1.0", mounts=mounts).ok()
    image.run("install", "-U", "app", mounts=mounts).ok()
    assert ours(library, mounts) == ours(image.venv.bin) == ours(image.tmp) == []
    image.run("uninstall", "app", mounts=mounts).ok()
    done = image.run("install", "notebook", mounts=mounts).returned(3)
    assert f"{image.venv.root} may not be written by" in done.stderr
    assert os.listdir(mounts.seen(library)) == []
    unchanged(before, image.venv.root)


def test_data_files_that_would_need_the_root_are_refused_with_owner_path_and_command(image: Image) -> None:
    before = image.snapshot()
    done = image.run("install", "notebook==1.0", "app").returned(3)
    root = image.venv.root
    assert "Nothing was changed." in done.stderr
    assert f"{root}/etc and {root}/share cannot be made" in done.stderr
    assert f"{root} may not be written by {image.user.name}: it belongs to root and the group root " in done.stderr
    unchanged(before, root)
    assert ours(image.tmp) == []

    # The command that it names, by root, and then the same command again.
    hint = done.stderr.splitlines()[-1].partition(": install ")[2]
    assert image.user.name in hint
    subprocess.run(["install", *shlex.split(hint)], check=True)
    before = image.snapshot()
    image.run("install", "notebook==1.0", "app").ok()
    image.assert_clean(notebook="1.0", app="2.0")
    assert os.path.exists(f"{root}/share/jupyter/kernels/python3/kernel.json")
    image.run("install", "-U", "notebook").ok()
    image.assert_clean(notebook="2.0", app="2.0")
    assert sorted(os.listdir(f"{root}/share/jupyter")) == ["2.0.txt", "kernels"]
    image.run("uninstall", "notebook", "app").ok()
    unchanged(before, root)  # share and etc stay: the root is not the user's


def test_data_files_go_into_directories_that_the_user_may_write(image: Image) -> None:
    """As in that image before its root was changed: what ``fix-permissions`` had made stays the user's."""
    for path in ("share", "share/jupyter", "etc"):
        os.mkdir(os.path.join(image.venv.root, path))
    give(image.user, [os.path.join(image.venv.root, path) for path in ("share/jupyter", "etc")])
    before = image.snapshot()  # share itself is root's
    for version in ("1.0", "2.0"):
        image.run("install", f"notebook=={version}").ok()
        image.assert_clean(notebook=version)
    image.run("uninstall", "notebook").ok()
    unchanged(before, image.venv.root)


def test_scripts_that_may_not_be_placed_are_refused_and_what_has_none_is_not(image: Image) -> None:
    os.chown(image.venv.bin, 0, 0)
    before = image.snapshot()
    done = image.run("install", "app").returned(3)
    assert "Nothing was changed." in done.stderr
    assert f"{image.venv.bin} may not be written by {image.user.name}" in done.stderr
    unchanged(before, image.venv.root)
    image.run("install", "other").ok()
    image.assert_clean(other="1.0")


@pytest.mark.exhaustive
def test_kills_at_any_moment_leave_nothing_behind_the_next_one(image: Image) -> None:
    image.index.on("/files/*.whl", Delay(seconds=0.02))
    image.run("install", "app==1.0").ok()
    draw = random.Random(8)
    for _ in range(40):
        process = image.start("install", "--force-reinstall", draw.choice(["app==1.0", "app==2.0"]))
        time.sleep(draw.uniform(0.05, 0.6))
        process.kill()
        process.communicate()
    image.run("install", "app==1.0", "other").ok()
    image.assert_clean(app="1.0", other="1.0")


@pytest.mark.exhaustive
def test_many_at_once_in_a_tmpdir_that_cannot_hold_them_all(image: Image, mounts: Mounts) -> None:
    mounts.tmpfs(image.tmp, "mode=1777", "size=1300k")
    names = ("app", "bulk", "mass", "heap")
    for name in names[1:]:
        image.index.add(pkg(name, files={f"{name}/blob.bin": os.urandom(300_000)}))
    image.index.on("/files/*.whl", Throttle(bytes_per_second=2_000_000))
    moved = 0
    for _ in range(6):
        for words in (("install", "-v", "--no-cache-dir"), ("uninstall",)):
            together = [image.start(*words, name, mounts=mounts) for name in names]
            for process in together:
                _, err = process.communicate(timeout=120)
                assert process.returncode == 0, err
                moved += "the work goes on in" in err
            if words[0] == "install":
                image.assert_clean(mounts, app="2.0", **dict.fromkeys(names[1:], "1.0"))
    image.assert_clean(mounts)
    assert 0 < moved < 6 * len(names)  # both were seen


def test_two_at_once(image: Image) -> None:
    slowly(image)
    both = [image.start("install", name) for name in ("app", "other")]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    image.assert_clean(app="2.0", other="1.0")


@pytest.fixture
def killed(image: Image) -> Image:
    """An install was killed in the middle of its download."""
    image.index.on("/files/app*.whl", Throttle(bytes_per_second=50_000))
    process = image.start("install", "app")
    deadline = time.monotonic() + 30
    while not parts(image.tmp):
        assert time.monotonic() < deadline, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    image.index.behave_well()
    assert len(ours(image.tmp)) == 1
    assert len(ours(image.venv.site_packages)) == 1
    return image


def parts(tmp: str) -> list[str]:
    return [name for area in ours(tmp) for name in os.listdir(os.path.join(tmp, area)) if name.endswith(".part")]


def test_what_a_kill_leaves_in_tmpdir_that_users_next_one_with_the_same_tmpdir_removes(killed: Image) -> None:
    killed.run("install", "other").ok()
    killed.assert_clean(other="1.0")


def test_and_nobody_else(killed: Image) -> None:
    elsewhere = os.path.join(killed.home, "elsewhere")
    os.mkdir(elsewhere)
    give(killed.user, [elsewhere])
    left = ours(killed.tmp)
    killed.run("install", "other", env={"TMPDIR": elsewhere}).ok()  # who does not look there
    root = killed.people.root
    root.holdfast("uninstall", "other", "--python", killed.venv.root, env={"TMPDIR": killed.tmp}).ok()
    assert ours(killed.tmp) == left
    assert ours(killed.venv.site_packages) == []
    killed.run("install", "other").ok()
    killed.assert_clean(other="1.0")
