"""/proc shows nobody else's processes (hidepid=2, really mounted): who holds the lock is waited for, or taken over.

Two users of one shared environment (issue 4, number 2).
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.race.marker_scene import is_publishing
from tests.support import hasty_main
from tests.support.environments import Venv, make_venv
from tests.support.hosts import HERE, Holder, Point
from tests.support.sandbox import Completed
from tests.support.users import People, User, public_directory
from tests.support.wheels import build_wheel, pkg

HIDDEN = 'mount -t proc -o hidepid=2 proc /proc && exec "$@"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """An environment of the group's, in which ``a`` changes version 1 to 2."""

    people: People
    root: str
    venv: Venv

    def env(self, user: User) -> dict[str, str]:
        return user.env(VIRTUAL_ENV=self.venv.root, HOLDFAST_LOCK_MODE="marker")

    def install(self, version: str, stop: Point | None = None) -> Holder:
        python, wheels = self.people.holdfast.python, f"{self.root}/wheels"
        line = [python, "-m", "holdfast", "install", f"alpha=={version}", "--no-index", "--find-links", wheels]
        return Holder(
            [*becoming(self.people.a), *line],
            place=HERE,
            env=self.env(self.people.a),
            cwd=self.people.a.home,
            trace=f"{self.root}/trace",
            stop=stop,
        )

    def recover(self, *options: str, lease: float) -> Completed:
        """As ``b``, who sees nobody else's processes."""
        line = [self.people.holdfast.python, f"{self.root}/hasty_main.py", str(lease), "5", "0", "holdfast", "recover"]
        return self.hidden(*line, *options)

    def hidden(self, *command: str) -> Completed:
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", HIDDEN, "sh", *becoming(self.people.b), *command],
            env=self.env(self.people.b),
            cwd=self.people.b.home,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Completed(args=command, returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def left(self) -> list[str]:
        places = (self.venv.site_packages, self.venv.root)
        return [name for place in places for name in os.listdir(place) if "holdfast" in name]


def becoming(user: User) -> list[str]:
    groups = ",".join(map(str, user.groups))
    return ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", f"--groups={groups}"]


@pytest.fixture
def shared(crowd: People) -> Iterator[Shared]:
    if tuple(map(int, platform.release().split(".")[:2])) < (5, 8):
        pytest.skip("before Linux 5.8 hidepid is not of one mount: it would be the machine's")
    with public_directory() as root:
        venv = make_venv(f"{root}/venv", crowd.interpreter)
        subprocess.run(["chgrp", "-R", crowd.group, venv.root], check=True)
        subprocess.run(["chmod", "-R", "g+w", venv.root], check=True)
        subprocess.run(["find", venv.root, "-type", "d", "-exec", "chmod", "g+s", "{}", "+"], check=True)
        for version in ("1.0", "2.0"):
            build_wheel(pkg("alpha", version), f"{root}/wheels")
        shutil.copy(hasty_main.__file__, root)
        made = Shared(people=crowd, root=root, venv=venv)
        if made.hidden("true").returncode:
            pytest.skip("no /proc with hidepid can be mounted here")
        yield made


def middle(points: tuple[Point, ...]) -> Point:
    """A call between the journal and its end."""
    (held,) = (n for n, point in enumerate(points) if is_publishing(point))
    renames = [point for point in points[held + 1 :] if point.name == "renameat"]
    return renames[1]  # the first was the journal's


def test_who_is_hidden_is_waited_for_and_taken_over_after_his_lease_and_at_once_when_gone(shared: Shared) -> None:
    for version in ("2.0", "1.0", "2.0"):  # the store has both, and what is traced is the same next time
        with shared.install(version) as holder:
            holder.end().ok()
    stop = middle(holder.calls())
    with shared.install("1.0") as holder:
        holder.end().ok()

    with shared.install("2.0", stop) as holder:
        assert holder.is_stopped()
        assert shared.hidden("test", "-e", f"/proc/{holder.pid}").returncode == 1
        done = shared.recover("--lock-timeout=1", lease=1000).returned(6)
        assert f"process {holder.pid} of {shared.people.a.name}" in done.stderr
        shared.recover(lease=0.5).ok()
        holder.go_on()
        assert "Another process took over" in holder.end().returned(8).stderr
    assert shared.venv.distributions == {"alpha": "1.0"}
    assert shared.left() == []

    with shared.install("2.0", stop) as holder:
        assert holder.is_stopped()
        holder.kill()
    shared.recover("--lock-timeout=0", lease=1000).ok()
    assert shared.venv.distributions == {"alpha": "1.0"}
    assert shared.left() == []
