"""overlayfs: real commands on an environment of a lower layer do what they do anywhere, and say what it cost.

Every kind of file is there: packages that go whole and some with foreign files in them, a namespace of two projects,
single modules, scripts, data files, headers, dist-infos.
"""

from __future__ import annotations

import glob
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.crash.real_cases import FOREIGN, specs
from tests.support.environments import verify_record
from tests.support.faulty_main import CALLS_TO, ROOT
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
    memory: str

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

    def faulty(self, n: int, *args: str, calls_to: str | None = None) -> Completed:
        """Run a command in the upper layer that kills itself before its n-th disk call."""
        python, _, *words = self.line(*args)
        line = [*self.mounts.enter, python, "-m", "tests.support.faulty_main", str(n), "before", "SIGKILL", *words]
        return self._run(line, **{"PYTHONPATH": ROOT, CALLS_TO: calls_to})

    def elsewhere(self, *args: str) -> Completed:
        """Run it there in another container: with other processes to see."""
        return self._run([*self.mounts.enter, "unshare", "--pid", "--fork", "--mount-proc", *self.line(*args)])

    def layers(self, *names: str) -> None:
        """Put layers above the environment, the last one to be written; they are made if they are not there."""
        above = self.mounts.run("sh", "-c", f"umount {self.box.venv.root} 2> /dev/null; echo {self.memory}").strip()
        self.mounts.run("mkdir", "-p", *(f"{above}/{name}" for name in names), f"{above}/{names[-1]}.work")
        lower = ":".join([*(f"{above}/{name}" for name in reversed(names[:-1])), self.box.venv.root])
        options = f"lowerdir={lower},upperdir={above}/{names[-1]},workdir={above}/{names[-1]}.work,redirect_dir=off"
        self.mounts.run("mount", "-t", "overlay", "-o", options, "overlay", self.box.venv.root)

    def _run(self, line: list[str], **more: str | None) -> Completed:
        done = subprocess.run(
            line, env=self.box.env(**more), cwd=self.box.cwd, capture_output=True, text=True, check=False, timeout=120
        )
        return Completed(args=tuple(line), returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture
def image(sandbox: Sandbox, tmp_path: Path) -> Iterator[Image]:
    wheels = str(tmp_path / "links")
    for spec in specs():
        build_wheel(spec, wheels)
    venv = sandbox.venv
    with private_mounts() as mounts:
        memory = tmp_path / "memory"
        made = Image(box=sandbox, mounts=mounts, wheels=wheels, memory=str(memory))
        made.below(*ONES).ok()
        for each in FOREIGN:
            path = os.path.join(venv.site_packages, each)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            Path(path).write_text("mine\n")
        memory.mkdir()
        mounts.tmpfs(str(memory))
        try:
            made.layers("up")
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
    small = tmp_path / "small"
    small.mkdir()
    image.mounts.tmpfs(str(small), "size=1m")
    replace(image, memory=str(small)).layers("up")
    seen = image.mounts.seen(image.box.venv.root)
    before = snapshot(seen)
    done = image.above("uninstall", "-y", "big").returned(7)
    assert "Everything was taken back" in done.stderr
    assert "No space left on device" in done.stderr
    assert not diff(before, snapshot(seen))


def test_what_it_cost_is_said(image: Image) -> None:
    done = image.above(*TWOS, "-v").ok()
    (said,) = [line for line in done.stderr.splitlines() if "the lock was held" in line]
    assert "files moved one by one (their directory cannot be renamed)" in said
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


def test_what_died_in_a_layer_is_recovered_in_the_next_by_another_container(image: Image) -> None:
    """Its lock, its journal and a package that was half carried away are part of the image then."""
    root, site = image.box.venv.root, image.mounts.seen(image.box.venv.site_packages)
    before = snapshot(image.mounts.seen(root))
    for layer in ("cold", "warm"):
        image.layers(layer)
        image.faulty(-1, *TWOS, calls_to=f"{image.box.root}/calls").ok()
    with open(f"{image.box.root}/calls", encoding="utf-8") as file:
        rows = [line.rstrip().split("\t") for line in file]
    at = next(n for n, row in enumerate(rows) if row[0] == "rename" and ".part/" in row[2])
    for n in range(at + 1, at + 40):  # threads make some calls more or fewer while they prepare
        image.layers(f"died-{n}")
        assert image.faulty(n, *TWOS).returncode == -signal.SIGKILL
        if glob.glob(f"{site}/.holdfast-*/old/*.part/*"):
            break
    image.layers(f"died-{n}", "next")
    assert glob.glob(f"{site}/.holdfast.lock/*")
    done = image.elsewhere("list").returned(8)
    assert "holdfast recover" in done.stderr
    image.elsewhere("recover").ok()
    assert not diff(before, snapshot(image.mounts.seen(root)))
