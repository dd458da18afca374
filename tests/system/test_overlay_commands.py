"""overlayfs: real commands on an environment of a lower layer do what they do anywhere, and say what it cost.

Every kind of file is there: packages that go whole and some with foreign files in them, a namespace of two projects,
single modules, scripts, data files, headers, dist-infos.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.real_cases import FOREIGN, specs
from tests.support.environments import verify_record
from tests.support.mounts import Mounts, private_mounts
from tests.support.sandbox import Completed, Sandbox, command
from tests.support.trees import diff, snapshot
from tests.support.wheels import build_wheel, pkg

ONES = ("install", "alpha==1.0", "beta==1.0", "--compile-bytecode")
TWOS = ("install", "alpha==2.0", "beta==2.0", "--compile-bytecode")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An environment in a lower layer, and a mount namespace in which it lies below an upper one."""

    box: Sandbox
    mounts: Mounts
    wheels: str

    def line(self, *args: str) -> list[str]:
        """What is run for a command."""
        more = ("--no-index", "--find-links", self.wheels) if args[0] == "install" else ()
        return command(*args, *more)

    def above(self, *args: str) -> Completed:
        """Run a command in the upper layer."""
        line = [*self.mounts.enter, *self.line(*args)]
        return self._run(line)

    def below(self, *args: str) -> Completed:
        """Run it where there are no layers."""
        return self._run(self.line(*args))

    def _run(self, line: list[str]) -> Completed:
        done = subprocess.run(
            line, env=self.box.env(), cwd=self.box.cwd, capture_output=True, text=True, check=False, timeout=120
        )
        return Completed(args=tuple(line), returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture
def image(sandbox: Sandbox, tmp_path: Path) -> Iterator[Image]:
    wheels = str(tmp_path / "links")
    for spec in specs():
        build_wheel(spec, wheels)
    venv = sandbox.venv
    with private_mounts() as mounts:
        made = Image(box=sandbox, mounts=mounts, wheels=wheels)
        made.below(*ONES).ok()
        for each in FOREIGN:
            path = os.path.join(venv.site_packages, each)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            Path(path).write_text("mine\n")
        memory = tmp_path / "memory"
        memory.mkdir()
        mounts.tmpfs(str(memory))
        mounts.run("mkdir", f"{memory}/up", f"{memory}/work")
        options = f"lowerdir={venv.root},upperdir={memory}/up,workdir={memory}/work,redirect_dir=off"
        try:
            mounts.run("mount", "-t", "overlay", "-o", options, "overlay", venv.root)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no overlay can be mounted: {error.stderr.strip()}")
        yield made


@pytest.mark.parametrize(
    "line",
    [
        TWOS,
        ("uninstall", "-y", "alpha", "beta"),
        pytest.param((*ONES, "--force-reinstall"), marks=pytest.mark.exhaustive),
        pytest.param((*TWOS, "--link-mode=copy"), marks=pytest.mark.exhaustive),
    ],
    ids=["upgrade", "uninstall", "reinstall", "copies"],
)
def test_a_command_in_an_upper_layer_does_what_it_does_anywhere(image: Image, line: tuple[str, ...]) -> None:
    root = image.box.venv.root
    before = snapshot(root)
    done = image.above(*line, "--json").ok()
    assert json.loads(done.stdout)["lock"]["carried"] > 0
    assert snapshot(root) == before, "the lower layer was changed"
    seen = image.mounts.seen(root)
    found = snapshot(seen)
    assert verify_record(image.mounts.seen(image.box.venv.site_packages)) == ()
    done = image.below(*line, "--json").ok()
    assert json.loads(done.stdout)["lock"]["carried"] == 0
    assert not diff(snapshot(root), found)
    for each in FOREIGN:
        assert Path(seen, os.path.relpath(image.box.venv.site_packages, root), each).read_text() == "mine\n"


def test_where_the_old_version_finds_no_room_above_everything_is_taken_back(image: Image, tmp_path: Path) -> None:
    """A file of a lower layer is copied when it is moved, and the way back needs no room."""
    build_wheel(pkg("big", files={f"big/{n}.bin": os.urandom(300_000) for n in range(8)}), image.wheels)
    image.below("install", "big").ok()
    small, root = tmp_path / "small", image.box.venv.root
    small.mkdir()
    image.mounts.tmpfs(str(small), "size=1m")
    image.mounts.run("mkdir", f"{small}/up", f"{small}/work")
    options = f"lowerdir={root},upperdir={small}/up,workdir={small}/work,redirect_dir=off"
    image.mounts.run("umount", root)
    image.mounts.run("mount", "-t", "overlay", "-o", options, "overlay", root)
    seen = image.mounts.seen(root)
    before = snapshot(seen)
    done = image.above("uninstall", "-y", "big").returned(7)
    assert "Everything was taken back" in done.stderr
    assert "No space left on device" in done.stderr
    assert not diff(before, snapshot(seen))


def test_what_it_cost_is_said(image: Image) -> None:
    done = image.above(*TWOS, "-v").ok()
    (said,) = [line for line in done.stderr.splitlines() if "the lock was held" in line]
    assert "files moved one by one out of a lower layer" in said
    again = image.above(*ONES, "-v").ok()  # what this layer placed is renamed whole
    assert "one by one" not in again.stderr


@pytest.mark.exhaustive
def test_up_and_down_in_one_layer(image: Image) -> None:
    """And away and back again."""
    for line in (TWOS, ONES, ("uninstall", "-y", "alpha"), TWOS, (*TWOS, "--force-reinstall")):
        image.above(*line).ok()
        assert verify_record(image.mounts.seen(image.box.venv.site_packages)) == ()
    names = os.listdir(image.mounts.seen(image.box.venv.site_packages))
    assert [name for name in names if name.startswith(".holdfast")] == []


def test_an_environment_of_a_lower_layer_is_cleared(image: Image, tmp_path: Path) -> None:
    place = tmp_path / "place"
    env = place / "env"
    image.below("venv", str(env)).ok()
    bare = snapshot(str(env))
    image.below("install", "--python", str(env / "bin/python"), "alpha==1.0").ok()
    image.mounts.run("mkdir", f"{tmp_path}/memory/up2", f"{tmp_path}/memory/work2")
    options = f"lowerdir={place},upperdir={tmp_path}/memory/up2,workdir={tmp_path}/memory/work2,redirect_dir=off"
    image.mounts.run("mount", "-t", "overlay", "-o", options, "overlay", str(place))
    image.above("venv", "--clear", str(env)).ok()
    seen = image.mounts.seen(str(place))
    assert os.listdir(seen) == ["env"]
    assert not diff(bare, snapshot(f"{seen}/env"))
