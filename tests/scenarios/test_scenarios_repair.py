"""``check --files`` finds what is damaged, missing or broken, and ``repair`` restores it: one transaction, exactly OLD.

Broken environments are made as pip and uv leave them, by construction; `tests/system/test_repair_peers.py` lets the two
be killed.
"""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.scenarios.world import World, told
from tests.support.environments import verify_record
from tests.support.sandbox import Completed
from tests.support.trees import diff, snapshot
from tests.support.wheels import WheelSpec, pkg, wheel_bytes

DEMO = WheelSpec(
    name="demo",
    version="1.0",
    files={"demo/__init__.py": "VALUE = 1\n", "demo/data.txt": "data\n", "demo/sub/deep.py": "DEEP = 1\n"},
    console_scripts={"demo": "demo:main"},
    data={"data/etc/demo.conf": "x = 1\n"},
)
OTHER = pkg("other", files={"other/data.txt": b"other\n"})
OFFLINE = ("--offline", "--no-index")


@pytest.fixture
def furnished(world: World) -> World:
    """``demo`` 1.0 and ``other``; the index has ``demo`` 2.0 too."""
    world.add(DEMO, pkg("demo", "2.0", files={"demo/__init__.py": b"VALUE = 2\n", "demo/new.py": b"2\n"}), OTHER)
    world.install("demo==1.0", "other")
    return world


def files(world: World, *, code: int = 5) -> dict[str, str]:
    """What ``check --files`` says: path below site-packages to kind."""
    found = world.sandbox.run("check", "--files", "--json").returned(code).json
    faults = [*found["files"], *found["foreign"], *found["environment"]]
    return {os.path.relpath(each["path"], world.site): each["kind"] for each in faults}


def spoil(path: str, content: bytes = b"spoilt\n") -> None:
    """Give a file other content; the store's file is left alone."""
    os.unlink(path)
    with open(path, "wb") as file:
        file.write(content)


def repair(world: World, *args: str, code: int = 0) -> Completed:
    return world.run("repair", *args, code=code, env=world.from_index())


def assert_whole(world: World) -> None:
    assert files(world, code=0) == {}
    assert verify_record(world.site) == ()
    assert repair(world).stdout == "Nothing to repair.\n"


def test_damaged_and_missing_files_are_found_and_restored_without_network(furnished: World) -> None:
    before = snapshot(furnished.sandbox.venv.root)
    spoil(furnished.path("demo/data.txt"))
    spoil(os.path.join(furnished.sandbox.venv.bin, "demo"))
    os.unlink(furnished.path("other/data.txt"))
    shutil.rmtree(furnished.path("demo/sub"))
    assert files(furnished) == {
        "demo/data.txt": "damaged",
        "demo/sub/deep.py": "missing",
        "../../../bin/demo": "damaged",
        "other/data.txt": "missing",
    }
    done = repair(furnished, *OFFLINE)
    assert done.stdout == "Successfully repaired demo-1.0 other-1.0\n"
    assert " ~ demo 1.0 (3 files)" in done.stderr
    assert "repair" in furnished.sandbox.run("history").ok().stdout
    assert not diff(before, snapshot(furnished.sandbox.venv.root))
    assert_whole(furnished)


def test_what_the_store_has_not_comes_from_the_index_in_the_installed_version(furnished: World) -> None:
    os.unlink(furnished.path("demo/data.txt"))
    shutil.rmtree(furnished.sandbox.cache)
    told(repair(furnished, *OFFLINE, code=1))
    repair(furnished)
    assert furnished.packages == {"demo": "1.0", "other": "1.0"}
    assert_whole(furnished)


def test_a_damage_that_is_in_the_store_too_is_healed_and_not_installed(furnished: World) -> None:
    path = furnished.path("demo/data.txt")
    status = os.stat(path)
    assert status.st_nlink > 1
    with open(path, "r+b") as file:  # in place: the store's file is the same inode
        file.write(b"DATA")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    told(repair(furnished, *OFFLINE, code=1))
    repair(furnished)
    with open(path, "rb") as file:
        assert file.read() == b"data\n"
    assert_whole(furnished)
    os.unlink(path)
    repair(furnished, *OFFLINE)  # the store has it again, as it should be
    assert_whole(furnished)


def test_named_projects_alone_are_repaired(furnished: World) -> None:
    os.unlink(furnished.path("demo/data.txt"))
    os.unlink(furnished.path("other/data.txt"))
    furnished.sandbox.run("repair", "Other", *OFFLINE).ok()
    assert files(furnished) == {"demo/data.txt": "missing"}
    told(repair(furnished, "nothing", code=1), cause="Not installed: nothing.")


def test_dry_run_and_check_change_nothing(furnished: World) -> None:
    os.unlink(furnished.path("demo/data.txt"))
    before = snapshot(furnished.sandbox.venv.root)
    assert furnished.sandbox.run("repair", "--dry-run", *OFFLINE).ok().stdout == "Would repair demo-1.0\n"
    assert furnished.sandbox.run("repair", "--check", "-q", *OFFLINE).returned(10).stdout == ""
    assert furnished.sandbox.run("repair", "--check", "--json", *OFFLINE).returned(10).json["files"] == {"demo": 1}
    assert not diff(before, snapshot(furnished.sandbox.venv.root))
    repair(furnished, *OFFLINE)
    assert furnished.sandbox.run("repair", "--check", *OFFLINE).ok().stdout == "Nothing to repair.\n"


def test_foreign_files_are_reported_are_no_fault_and_stay(furnished: World) -> None:
    own = furnished.path("demo/sub/settings.ini")
    with open(own, "w", encoding="utf-8") as file:
        file.write("mine")
    furnished.settle(own)
    assert files(furnished, code=0) == {"demo/sub/settings.ini": "foreign"}
    os.unlink(furnished.path("demo/sub/deep.py"))
    repair(furnished, *OFFLINE)
    assert files(furnished, code=0) == {"demo/sub/settings.ini": "foreign"}


def test_requested_and_direct_urls_are_kept(world: World) -> None:
    world.add(pkg("alpha", requires=("beta",)), pkg("beta"))
    wheel = os.path.join(world.sandbox.cwd, "demo-1.0-py3-none-any.whl")
    with open(wheel, "wb") as file:
        file.write(wheel_bytes(DEMO))
    world.install("alpha", wheel)
    before = snapshot(world.sandbox.venv.root)
    for path in ("alpha/__init__.py", "beta/__init__.py", "demo/data.txt"):
        spoil(world.path(path))
    repair(world, *OFFLINE)
    assert not diff(before, snapshot(world.sandbox.venv.root))


def broken(world: World) -> dict[str, str]:
    """What ``check --files`` says of dist-infos and leftovers, and that it names the command."""
    found = world.sandbox.run("check", "--files", "--json").returned(5).json["environment"]
    assert all(each["command"].startswith("holdfast repair") for each in found)
    return {os.path.relpath(each["path"], world.site): each["kind"] for each in found}


def test_a_missing_record_is_recognised_explained_and_repaired(furnished: World) -> None:
    before = snapshot(furnished.sandbox.venv.root)
    os.unlink(furnished.path("demo-1.0.dist-info/RECORD"))
    spoil(furnished.path("demo/data.txt"))
    spoil(os.path.join(furnished.sandbox.venv.bin, "demo"))
    os.unlink(furnished.path("demo/sub/deep.py"))
    assert broken(furnished) == {"demo-1.0.dist-info": "no-record"}
    said = furnished.sandbox.run("check", "--files").returned(5)
    assert (
        "has no RECORD that can be read, so nobody knows the files of demo 1.0 (holdfast repair demo)." in said.stdout
    )
    done = repair(furnished, *OFFLINE)
    assert " ~ demo 1.0 (dist-info)" in done.stderr
    assert not diff(before, snapshot(furnished.sandbox.venv.root))
    assert_whole(furnished)


def test_a_missing_metadata_is_recognised_and_repaired(furnished: World) -> None:
    before = snapshot(furnished.sandbox.venv.root)
    os.unlink(furnished.path("demo-1.0.dist-info/METADATA"))
    spoil(furnished.path("demo/data.txt"))
    assert broken(furnished) == {"demo-1.0.dist-info": "no-metadata"}
    repair(furnished, *OFFLINE)
    assert not diff(before, snapshot(furnished.sandbox.venv.root))
    assert_whole(furnished)


def test_a_dist_info_without_files_is_recognised_and_filled_again(furnished: World) -> None:
    info = furnished.path("demo-1.0.dist-info")
    shutil.rmtree(info)
    os.mkdir(info)
    os.unlink(furnished.path("demo/sub/deep.py"))
    assert broken(furnished) == {"demo-1.0.dist-info": "empty"}
    repair(furnished, *OFFLINE)
    assert furnished.packages == {"demo": "1.0", "other": "1.0"}
    assert_whole(furnished)


def test_what_differs_and_is_in_no_record_is_refused_with_what_to_type(furnished: World) -> None:
    info = furnished.path("demo-1.0.dist-info")
    shutil.rmtree(info)
    os.mkdir(info)
    spoil(furnished.path("demo/data.txt"), b"whose is it?\n")
    told(repair(furnished, *OFFLINE, code=9), cause="demo/data.txt is in the way of demo", hint="--replace-unowned")
    repair(furnished, "--replace-unowned")
    assert_whole(furnished)


@pytest.mark.parametrize("whole", ["1.0", "2.0"])
def test_of_two_dist_infos_the_one_whose_files_are_there_is_kept(furnished: World, whole: str) -> None:
    kept = os.path.join(furnished.sandbox.root, "kept")
    first, second = ("2.0", "1.0") if whole == "1.0" else ("1.0", "2.0")
    furnished.install(f"demo=={first}")
    shutil.copytree(furnished.path(f"demo-{first}.dist-info"), kept)
    furnished.install(f"demo=={second}")
    before = snapshot(furnished.sandbox.venv.root)
    shutil.copytree(kept, furnished.path(f"demo-{first}.dist-info"))
    found = broken(furnished)
    assert found == {"demo-1.0.dist-info": "duplicate"}
    done = repair(furnished)
    assert f" - {furnished.path(f'demo-{first}.dist-info')}" in done.stderr
    assert furnished.packages == {"demo": whole, "other": "1.0"}
    assert not diff(before, snapshot(furnished.sandbox.venv.root))
    assert_whole(furnished)


def test_what_is_missing_with_its_directory_can_be_removed(furnished: World) -> None:
    shutil.rmtree(os.path.join(furnished.sandbox.venv.root, "etc"))
    furnished.run("uninstall", "demo", "--lock-timeout", "0")
    assert furnished.packages == {"other": "1.0"}


def stash(world: World, *names: str) -> None:
    """Rename as pip does on its way out."""
    for name in names:
        os.rename(world.path(name), world.path(f"~{name[1:]}"))


def test_leftovers_of_a_finished_upgrade_are_removed(furnished: World) -> None:
    before = snapshot(furnished.sandbox.venv.root)
    for name in ("demo", "demo-1.0.dist-info"):
        shutil.copytree(furnished.path(name), furnished.path(f"~{name[1:]}"))
    os.mkdir(furnished.path("~emo/empty"))
    own = furnished.path("~mine")
    os.mkdir(own)
    assert {name for name, kind in files(furnished).items() if kind == "leftover"} == {"~emo", "~emo-1.0.dist-info"}
    done = furnished.sandbox.run("repair", *OFFLINE).ok()
    assert done.stdout == "Successfully removed 2 leftovers\n"
    assert f"{own} is no distribution, and nothing tells whose it is: it is left alone" in done.stderr
    assert "repair" not in furnished.sandbox.run("history").ok().stdout  # no distribution was changed
    os.rmdir(own)
    assert not diff(before, snapshot(furnished.sandbox.venv.root))
    assert_whole(furnished)


def test_leftovers_of_an_upgrade_that_ended_before_the_new_version_came_bring_the_old_one_back(
    furnished: World,
) -> None:
    before = snapshot(furnished.sandbox.venv.root)
    stash(furnished, "demo", "demo-1.0.dist-info")
    os.unlink(os.path.join(furnished.sandbox.venv.bin, "demo"))
    repair(furnished, *OFFLINE)
    assert not diff(before, snapshot(furnished.sandbox.venv.root))
    assert_whole(furnished)


def test_leftovers_beside_half_of_the_new_version_bring_the_old_one_back(furnished: World) -> None:
    stash(furnished, "demo", "demo-1.0.dist-info")
    os.makedirs(furnished.path("demo"))
    spoil_new(furnished.path("demo/__init__.py"), b"VALUE = 2\n")
    os.makedirs(furnished.path("demo-2.0.dist-info"))
    spoil_new(furnished.path("demo-2.0.dist-info/WHEEL"), b"Wheel-Version: 1.0\n")
    assert broken(furnished) == {
        "demo-2.0.dist-info": "no-metadata",
        "~emo": "leftover",
        "~emo-1.0.dist-info": "leftover",
    }
    repair(furnished, *OFFLINE)
    assert furnished.packages == {"demo": "1.0", "other": "1.0"}
    assert_whole(furnished)


def spoil_new(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def test_half_a_renaming_is_repaired(furnished: World) -> None:
    """pip was killed after it had renamed the package, and before the dist-info."""
    before = snapshot(furnished.sandbox.venv.root)
    stash(furnished, "demo")
    assert files(furnished)["~emo"] == "leftover"
    repair(furnished, *OFFLINE)
    assert not diff(before, snapshot(furnished.sandbox.venv.root))


def test_the_only_copy_stays_when_its_version_is_not_to_be_had(furnished: World) -> None:
    stash(furnished, "demo", "demo-1.0.dist-info")
    shutil.rmtree(furnished.sandbox.cache)
    told(repair(furnished, *OFFLINE, code=1))
    assert os.path.isfile(furnished.path("~emo/__init__.py"))


def test_a_damaged_editable_is_refused_with_what_to_type(furnished: World) -> None:
    furnished.add(pkg("ed", files={"__editable__.ed.pth": b"/home/me/ed/src\n"}))
    furnished.install("ed")
    direct = furnished.path("ed-1.0.dist-info/direct_url.json")
    with open(direct, "w", encoding="utf-8") as file:
        json.dump({"url": "file:///home/me/ed", "dir_info": {"editable": True}}, file)
    assert files(furnished, code=0) == {}
    spoil(furnished.path("__editable__.ed.pth"))
    os.unlink(furnished.path("other/data.txt"))
    refused = furnished.sandbox.run("repair", *OFFLINE).returned(9)
    assert "pip install --no-deps -e /home/me/ed; and the others: holdfast repair other" in refused.stderr
    furnished.sandbox.run("repair", "other", *OFFLINE).ok()
    assert files(furnished) == {"__editable__.ed.pth": "damaged"}
