"""What pip and uv leave when they are killed, and whether running them again heals it: measured by the same tracer.

Nothing is asserted of them. The counts stand in ``docs/explanation/crash-safety.md`` beside ours.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields

import pytest

from tests.crash.conftest import COUNTED
from tests.crash.real_cases import SIMPLE, copy_tree, specs
from tests.support.environments import installed, verify_record
from tests.support.kernel import Kernel, Stop
from tests.support.peers import Peer, find_pip, find_uv
from tests.support.sandbox import Sandbox
from tests.support.trees import Entry, snapshot
from tests.support.wheels import build_wheel

SAMPLES = 24
Files = dict[str, Entry]


@dataclass(slots=True)
class Beside:
    """What became of an installer that was killed.

    Attributes:
        points: Where it was.
        old: The files of the environment were as before.
        new: They were as asked.
        half: They were neither.
        again_new: Run again, it ended with just what it was asked for.
        again_silent: Run again, it reported success, and files are missing or left over.
        again_failed: Run again, it failed.
    """

    points: int = 0
    old: int = 0
    new: int = 0
    half: int = 0
    again_new: int = 0
    again_silent: int = 0
    again_failed: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{each.name} {getattr(self, each.name)}" for each in fields(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One installer and its environment."""

    kernel: Kernel
    peer: Peer
    box: Sandbox
    wheels: str

    def run(self, *words: str, stop: Stop | None = None) -> tuple[int, tuple[tuple[str, ...], ...]]:
        """Its exit code, and its calls if it is traced."""
        options = ["--no-index", "--find-links", self.wheels]
        if self.peer.name == "pip":
            start = [*self.peer.command, "--python", self.box.venv.python, "--disable-pip-version-check", *words]
            line = [shutil.which(start[0]) or start[0], *start[1:], *options, "--no-compile"]
        else:
            line = [*self.peer.command, "pip", *words, *options, "--python", self.box.venv.python, "--offline"]
        traced = self.kernel.trace(self.box, argv=line, stop=stop)
        return traced.done.returncode, traced.calls

    def files(self) -> Files:
        """The environment's files, but for bytecode and uv's lock."""
        found = snapshot(self.box.venv.root).items()
        return {path: each for path, each in found if each.kind != "dir" and not path.endswith((".pyc", ".lock"))}

    def is_whole(self, wanted: Files) -> bool:
        """Whether it has just these files, and every RECORD is true."""
        try:
            return self.files() == wanted and verify_record(self.box.venv.site_packages) == ()
        except (OSError, AssertionError):  # a dist-info without METADATA; a project that is there twice
            return False


@pytest.mark.exhaustive
@pytest.mark.parametrize("change", ["fresh", "upgrade"])
@pytest.mark.parametrize("name", ["pip", "uv"])
def test_what_pip_and_uv_leave_is_counted(
    kernel: Kernel, name: str, change: str, tmp_path: object, record_property: Callable[[str, object], None]
) -> None:
    peer = find_pip() if name == "pip" else find_uv()
    if peer is None:
        pytest.skip(f"there is no {name} here")
    box = Sandbox(root=os.path.realpath(str(tmp_path)))
    scene = Scene(kernel=kernel, peer=peer, box=box, wheels=os.path.join(box.root, "wheels"))
    for spec in specs():
        build_wheel(spec, scene.wheels)
    kept = os.path.join(box.root, "kept")
    copy_tree(box.venv.root, kept)
    if change == "upgrade":
        assert scene.run(*SIMPLE.before[0])[0] == 0
        shutil.rmtree(kept)
        copy_tree(box.venv.root, kept)
    old = scene.files()
    for _ in ("cold", "warm"):
        shutil.rmtree(box.venv.root)
        copy_tree(kept, box.venv.root)
        code, calls = scene.run(*SIMPLE.command)
        assert code == 0
    new = scene.files()
    assert scene.is_whole(new)
    assert len(installed(box.venv.site_packages)) == 2
    within = [n for n, call in enumerate(calls) if call[-1].startswith(box.venv.root)]
    counts = Beside()
    for n in within[:: max(1, len(within) // SAMPLES)]:
        shutil.rmtree(box.venv.root)
        copy_tree(kept, box.venv.root)
        if scene.run(*SIMPLE.command, stop=Stop(n=n))[0] != -9:
            continue
        counts.points += 1
        state = "new" if scene.is_whole(new) else "old" if scene.files() == old else "half"
        setattr(counts, state, getattr(counts, state) + 1)
        again = scene.run(*SIMPLE.command)[0]
        ended = "again_failed" if again else "again_new" if scene.is_whole(new) else "again_silent"
        setattr(counts, ended, getattr(counts, ended) + 1)
    version = ".".join(map(str, peer.version))
    record_property(COUNTED, f"{name} {version} {change}, {len(within)} calls: {counts}")
