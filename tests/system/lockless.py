"""A life of commands where flock is refused: which of them say so, and how."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.scenarios.world import told
from tests.support.environments import verify_record
from tests.support.sandbox import Completed, Sandbox, command
from tests.support.trees import diff, snapshot
from tests.support.wheels import build_wheel, pkg

SAID = "HOLDFAST_LOCK_MODE=marker says you know"
Wrap = Callable[[list[str]], list[str]]


def as_it_is(line: list[str]) -> list[str]:
    """No wrapper."""
    return line


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockless:
    """An environment, wheels, and what each command is wrapped in.

    Args:
        box: Holds the environment.
        wrap: Makes the argument list that is run.
        settings: Further environment variables.
    """

    box: Sandbox
    wrap: Wrap = as_it_is
    settings: Mapping[str, str] | None = None

    @property
    def wheels(self) -> str:
        """Where they lie; filled when first asked for."""
        path = os.path.join(self.box.root, "wheels")
        if not os.path.isdir(path):
            for version in ("1.0", "2.0"):
                build_wheel(pkg("alpha", version), path)
        return path

    def run(self, *args: str, **settings: str) -> Completed:
        """One real process."""
        if args[0] == "install":
            args = (*args, "--no-index", "--find-links", self.wheels)
        self.box.venv  # noqa: B018 - made now
        done = subprocess.run(
            self.wrap(command(*args)),
            env=self.box.env(**{**(self.settings or {}), **settings}),
            cwd=self.box.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Completed(args=("holdfast", *args), returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def says_so(self, *args: str, root: str = "", **settings: str) -> Completed:
        """It works, and one line says that there are no file locks, what is used instead, and how to silence it."""
        done = self.run(*args, **settings).ok()
        lines = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
        assert len(lines) == 1, done.stderr
        assert "has no file locks" in lines[0]
        assert lines[0].endswith(SAID), lines[0]
        assert (root or self.box.venv.site_packages) in lines[0]
        self.assert_whole()
        return done

    def is_silent(self, *args: str, **settings: str) -> Completed:
        """It works, and says nothing of locks."""
        done = self.run(*args, **settings).ok()
        assert "lock" not in done.stderr.lower(), done.stderr
        assert "warning" not in done.stderr, done.stderr
        self.assert_whole()
        return done

    def refuses(self, *args: str, **settings: str) -> Completed:
        """It changes nothing and ends with exit 6, naming ``marker``."""
        before = snapshot(self.box.venv.root)
        done = self.run(*args, **settings).returned(6)
        told(done, cause="has no file locks", hint="--lock-mode=marker")
        changed = diff(before, snapshot(self.box.venv.root))
        assert not changed, changed
        self.assert_whole()
        return done

    def assert_whole(self) -> None:
        """Every RECORD is true and nothing of holdfast's is left anywhere."""
        assert verify_record(self.box.venv.site_packages) == ()
        for directory in (self.box.venv.site_packages, self.box.venv.root, self.box.tmp, self.box.cwd):
            assert [name for name in os.listdir(directory) if "holdfast" in name or name.startswith("~")] == []

    @property
    def alpha(self) -> str:
        """The installed version; empty: none."""
        return self.box.venv.distributions.get("alpha", "")


def live(here: Lockless) -> None:
    """Every command, once in each of its moods."""
    here.refuses("install", "alpha==1.0", "--lock-mode=flock")
    here.says_so("install", "alpha==1.0")
    assert here.alpha == "1.0"
    here.is_silent("install", "alpha==1.0", "--lock-mode=flock")  # satisfied: takes no lock
    here.refuses("install", "alpha==2.0", HOLDFAST_LOCK_MODE="flock")
    here.says_so("install", "--upgrade", "alpha", "-q")
    assert here.alpha == "2.0"
    here.is_silent("install", "--upgrade", "alpha==1.0", HOLDFAST_LOCK_MODE="marker")
    here.refuses("uninstall", "-y", "alpha", "--lock-mode=flock")
    here.says_so("uninstall", "-y", "alpha")
    assert here.alpha == ""
    here.refuses("recover", "--lock-mode=flock")
    here.says_so("recover")
    here.is_silent("recover", "--lock-mode=marker")
    another = os.path.join(here.box.root, "another")
    here.is_silent("venv", another)
    here.refuses("venv", "--clear", another, "--lock-mode=flock")
    here.says_so("venv", "--clear", another, root=another)
    here.is_silent("venv", "--clear", another, "--lock-mode=marker")
    here.is_silent("cache", "clean")


def live_shortly(here: Lockless) -> None:
    """What each way of refusing must be seen with."""
    here.says_so("install", "alpha==1.0")
    here.refuses("uninstall", "-y", "alpha", "--lock-mode=flock")
    assert here.alpha == "1.0"
