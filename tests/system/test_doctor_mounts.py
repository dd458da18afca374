"""What ``doctor`` says of real file systems, each in a mount namespace of its own (issue 4, number 15)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.mounts import Mounts, private_mounts
from tests.support.sandbox import Completed, Sandbox, command
from tests.support.wheels import build_wheel, pkg

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An empty directory in a namespace, to mount something on; ``spare`` is another one."""

    box: Sandbox
    mounts: Mounts
    path: str
    spare: str

    def run(self, *args: str) -> Completed:
        """Run holdfast in the namespace."""
        line = [*self.mounts.enter, *command(*args)]
        done = subprocess.run(
            line, env=self.box.env(), cwd=self.box.cwd, capture_output=True, text=True, timeout=60, check=False
        )
        return Completed(args=args, returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def judged(self, path: str = "", *, code: int = 0) -> dict[str, Any]:
        """The answer about a path in it; nothing is left there."""
        path = path or self.path
        before = self.mounts.run("find", self.path)
        found: dict[str, Any] = self.run("doctor", "--json", path).returned(code).json
        assert self.mounts.run("find", self.path) == before
        assert all(remark["command"] for remark in found["remarks"])
        return found

    def image(self, kind: str, size: int) -> None:
        """Mount a new file system of this kind; skips where the machine has none."""
        program = f"mkfs.{kind}"
        if shutil.which(program, path="/usr/sbin:/sbin:/usr/bin") is None:
            pytest.skip(f"{program} is not here")
        file = os.path.join(self.spare, "image")
        with open(file, "wb") as made:
            made.truncate(size)
        force = "-F" if kind == "ext4" else "-f"
        subprocess.run(
            [program, "-q", force, file], capture_output=True, check=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin"}
        )
        line = [*self.mounts.enter, "mount", "-t", kind, "-o", "loop", file, self.path]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no {kind} can be mounted: {done.stderr.strip()}")


@pytest.fixture
def place(sandbox: Sandbox) -> Iterator[Place]:
    with private_mounts() as mounts:
        found = Place(
            box=sandbox,
            mounts=mounts,
            path=os.path.join(sandbox.root, "place"),
            spare=os.path.join(sandbox.root, "spare"),
        )
        os.mkdir(found.path)
        os.mkdir(found.spare)
        yield found


def answers(found: dict[str, Any]) -> dict[str, str]:
    """What came of each trial."""
    (directory,) = found["directories"]
    return {name: trial["answer"] for name, trial in directory["trials"].items() if trial is not None}


ALL = {**dict.fromkeys(("flock", "link", "rename", "onto_empty", "exchange", "group"), "works"), "reflink": "refused"}


def test_tmpfs(place: Place) -> None:
    place.mounts.tmpfs(place.path, "mode=755", f"size={MIB}", "nr_inodes=100")
    found = place.judged()
    (directory,) = found["directories"]
    assert (directory["filesystem"], directory["bytes"], directory["inodes"]) == ("tmpfs", MIB, 99)
    assert "rw" in directory["options"]
    assert (answers(found), found["remarks"]) == (ALL, [])
    assert found["link_mode"] == "copy"  # the cache lies elsewhere
    refused = place.run("doctor", "--json", "--link-mode=hardlink", place.path).returned(3).json
    (stop,) = refused["remarks"]
    wheel = build_wheel(pkg("alpha"), place.spare)
    line = ("install", "--json", "--link-mode=hardlink", "--no-index", "--target", place.path, wheel)
    failed = place.run(*line).returned(3).json["error"]
    assert (stop["text"], stop["command"], stop["stops"]) == (failed["cause"], failed["hint"], True)


@pytest.mark.parametrize(
    ("kind", "size", "reflink"), [("ext4", 16, "refused"), ("xfs", 320, "works"), ("btrfs", 120, "works")]
)
def test_file_systems_on_a_disk(place: Place, kind: str, size: int, reflink: str) -> None:
    place.image(kind, size * MIB)
    found = place.judged()
    (directory,) = found["directories"]
    assert directory["filesystem"] == kind
    assert 0 < directory["bytes"] < size * MIB
    assert (answers(found), found["remarks"]) == ({**ALL, "reflink": reflink}, [])


@pytest.mark.parametrize("redirect", ["off", "on"])
def test_a_lower_layer_of_an_overlay(place: Place, redirect: str) -> None:
    """Seen where its directories cannot be renamed; what is only in the upper layer is no such thing."""
    lower = os.path.join(place.spare, "lower")
    os.makedirs(os.path.join(lower, "pkg"))
    layers = os.path.join(place.spare, "layers")
    os.mkdir(layers)
    place.mounts.tmpfs(layers)
    place.mounts.run("mkdir", f"{layers}/upper", f"{layers}/work")
    options = f"lowerdir={lower},upperdir={layers}/upper,workdir={layers}/work,redirect_dir={redirect}"
    place.mounts.run("mount", "-t", "overlay", "-o", options, "overlay", place.path)
    found = place.judged()
    assert found["directories"][0]["filesystem"] == "overlay"
    seen = {"lower_layer": "refused"} if redirect == "off" else {}
    assert (answers(found), found["remarks"]) == ({**ALL, **seen}, [])
    assert place.mounts.run("find", f"{layers}/upper", "-mindepth", "1") == ""  # nothing was copied up
    if redirect == "off":
        text = place.run("doctor", place.path).ok().stdout
        assert "renaming its directories refused (EXDEV: Invalid cross-device link): they are replaced" in text
        place.mounts.run("rmdir", f"{place.path}/pkg")
        place.mounts.run("mkdir", f"{place.path}/mine")
        assert answers(place.judged()) == ALL


def test_a_read_only_mount(place: Place) -> None:
    place.mounts.tmpfs(place.path)
    place.mounts.run("mount", "-o", "remount,ro", place.path)
    found = place.judged(code=3)
    (directory,) = found["directories"]
    assert (directory["writable"], directory["trials"], found["lock_mode"]) == (False, None, None)
    ((text, stops),) = [(remark["text"], remark["stops"]) for remark in found["remarks"]]
    assert (text, stops) == (f"{place.path} lies in a read-only file system.", True)
    missing = place.judged(f"{place.path}/new", code=3)
    assert missing["missing"]


@pytest.mark.parametrize(("option", "unit"), [("size=8k", "bytes"), ("nr_inodes=3", "inodes")])
def test_a_file_system_without_any_room(place: Place, option: str, unit: str) -> None:
    place.mounts.tmpfs(place.path, option)
    fill = ("dd", "if=/dev/zero", f"of={place.path}/full", "bs=8k", "count=1") if unit == "bytes" else ()
    place.mounts.run(*(fill or ("touch", f"{place.path}/one", f"{place.path}/two")))
    found = place.judged(code=3)
    ((text, command),) = [(remark["text"], remark["command"]) for remark in found["remarks"]]
    assert text == f"There is no room in {place.path}: 0 {unit} are available."
    assert command == f"df {'-h' if unit == 'bytes' else '-i'} {place.path}"
    assert found["directories"][0]["trials"] is None


def test_a_file_system_that_is_full_soon(place: Place) -> None:
    """Some room, too little to try anything: said in the system's words."""
    place.mounts.tmpfs(place.path, "mode=755", "size=4k")
    found = place.judged(code=3)
    assert [remark["stops"] for remark in found["remarks"]] == [True]
    assert "No space left on device" in found["remarks"][0]["text"]


def test_scripts_in_another_mount_and_a_read_only_one(place: Place) -> None:
    """They get a transaction directory of their own; where they may not be written, what has scripts is refused."""
    scripts = os.path.join(place.path, "bin")
    os.mkdir(scripts)
    place.mounts.tmpfs(scripts, "mode=755")
    found = place.judged()
    assert {each["scheme"]: each["by_rename"] for each in found["schemes"]} == {
        "scripts": False,
        "headers": True,
        "data": True,
    }
    assert found["remarks"] == []
    place.mounts.run("mount", "-o", "remount,ro", scripts)
    found = place.judged()
    (remark,) = found["remarks"]
    assert not remark["stops"]
    assert remark["text"] == f"{scripts} lies in a read-only file system. Packages with scripts are refused."
    wheel = build_wheel(pkg("alpha"), place.spare)
    place.run("install", "--target", place.path, "--no-index", wheel).ok()


def test_where_downloads_go_when_the_root_may_not_be_written(place: Place) -> None:
    """To the system's temporary directory; that full: to the libraries, and it is said."""
    venv = place.box.venv
    lib = os.path.join(venv.root, "lib")
    place.mounts.run("mount", "--bind", lib, lib)
    place.mounts.run("mount", "--bind", venv.root, venv.root)
    place.mounts.run("mount", "--bind", lib, lib)
    place.mounts.run("mount", "-o", "remount,bind,ro", venv.root)
    found = place.judged(venv.root)
    assert found["work_area"] == {"path": place.box.tmp, "place": "temporary"}
    place.mounts.tmpfs(place.box.tmp, "nr_inodes=1")
    found = place.judged(venv.root)
    assert found["work_area"] == {"path": venv.site_packages, "place": "library"}
    (text,) = [remark["text"] for remark in found["remarks"] if "downloads go to" in remark["text"]]
    assert venv.site_packages in text
