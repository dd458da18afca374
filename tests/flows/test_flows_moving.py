"""The environment changes while a command works outside of the lock: it plans again, and refuses what would harm now.

The change comes at an exact moment: when an event of the command is heard, another holdfast runs to its end.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from holdfast.envlock.acquire import acquire
from holdfast.errors import HarmError, HoldfastError, LockUnavailableError
from holdfast.events import SILENT, Detail, Event, LockWaiting, Phase, PhaseFinished
from holdfast.flows.install import install
from holdfast.flows.uninstall import uninstall
from holdfast.flows.world import facts_of
from holdfast.model.owner import LockMode
from holdfast.model.request import (
    InstallPolicy,
    InstallRequest,
    LockSettings,
    RootRequirement,
    Sources,
    UninstallRequest,
)
from holdfast.model.requirement import parse_requirement
from holdfast.model.target import TargetRequest
from holdfast.stage.area import transaction
from holdfast.target.locate import locate
from tests.support.environments import verify_record
from tests.support.index import Index
from tests.support.sandbox import Sandbox
from tests.support.trees import diff, snapshot
from tests.support.wheels import pkg

STAGED = Phase.INSTALL


@dataclass(slots=True)
class Meanwhile:
    """Does something once, when a phase has ended; keeps what it hears."""

    after: Phase
    work: Callable[[], object]
    done: bool = False
    events: list[Event] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        self.events.append(event)
        if not self.done and isinstance(event, PhaseFinished) and event.phase is self.after:
            self.done = True
            self.work()

    @property
    def planned_again(self) -> int:
        return sum(isinstance(event, Detail) and "planning again" in event.text for event in self.events)


@pytest.fixture
def stocked(sandbox: Sandbox, index: Index) -> Sandbox:
    index.add(
        pkg("alpha", "1.0", requires=("beta",)),
        pkg("alpha", "2.0", requires=("beta>=2",)),
        pkg("beta", "1.0"),
        pkg("beta", "2.0"),
        pkg("gamma", "1.0", files={"tool.py": "WHO = 'gamma'\n"}),
        pkg("delta", "1.0", files={"tool.py": "WHO = 'delta'\n"}),
        pkg("picky", "1.0", requires=("beta<2",)),
    )
    sandbox.settings["HOLDFAST_INDEX_URL"] = index.url
    assert sandbox.venv.distributions == {}
    return sandbox


def asked(sandbox: Sandbox, *words: str, timeout: float = 30) -> InstallRequest:
    return InstallRequest(
        requirements=tuple(RootRequirement(requirement=parse_requirement(word)) for word in words),
        target=TargetRequest(virtual_env=sandbox.venv.root),
        sources=Sources(indexes=(sandbox.settings["HOLDFAST_INDEX_URL"],)),
        policy=InstallPolicy(fsync=False),
        lock=LockSettings(timeout=timeout),
        cache_dir=os.path.join(sandbox.cache, "holdfast"),
    )


def removal(sandbox: Sandbox, name: str) -> UninstallRequest:
    return UninstallRequest(
        names=(parse_requirement(name).name,),
        target=TargetRequest(virtual_env=sandbox.venv.root),
        policy=InstallPolicy(fsync=False),
        cache_dir=os.path.join(sandbox.cache, "holdfast"),
    )


def nothing_left(sandbox: Sandbox) -> None:
    assert verify_record(sandbox.venv.site_packages) == ()
    assert [name for name in os.listdir(sandbox.venv.site_packages) if name.startswith((".", "~"))] == []
    assert snapshot(sandbox.tmp) == {}


def test_somebody_else_installs_the_same_meanwhile(stocked: Sandbox) -> None:
    other = Meanwhile(STAGED, lambda: stocked.run("install", "alpha").ok())
    report = install(asked(stocked, "alpha"), other)
    assert other.planned_again == 1
    assert report.actions == ()
    assert stocked.venv.distributions == {"alpha": "2.0", "beta": "2.0"}
    nothing_left(stocked)


def test_somebody_else_installs_another_version_meanwhile(stocked: Sandbox) -> None:
    other = Meanwhile(STAGED, lambda: stocked.run("install", "alpha==1.0", "beta==1.0").ok())
    report = install(asked(stocked, "alpha==2.0"), other)
    assert other.planned_again == 1
    assert sorted(action.__class__.__name__ for action in report.actions) == ["Replace", "Replace"]
    assert stocked.venv.distributions == {"alpha": "2.0", "beta": "2.0"}
    nothing_left(stocked)


def test_somebody_else_removes_what_was_to_be_upgraded(stocked: Sandbox) -> None:
    stocked.run("install", "alpha==1.0", "beta==1.0").ok()
    other = Meanwhile(STAGED, lambda: stocked.run("uninstall", "alpha", "beta").ok())
    install(asked(stocked, "alpha==2.0"), other)
    assert other.planned_again == 1
    assert stocked.venv.distributions == {"alpha": "2.0", "beta": "2.0"}
    nothing_left(stocked)


def test_what_somebody_else_does_to_other_projects_does_not_matter(stocked: Sandbox) -> None:
    other = Meanwhile(STAGED, lambda: stocked.run("install", "gamma").ok())
    install(asked(stocked, "alpha==1.0"), other)
    assert other.planned_again == 0
    assert set(stocked.venv.distributions) == {"alpha", "beta", "gamma"}
    nothing_left(stocked)


def test_a_file_that_came_meanwhile_is_a_clash_now(stocked: Sandbox) -> None:
    other = Meanwhile(STAGED, lambda: stocked.run("install", "gamma").ok())
    with pytest.raises(HarmError) as caught:
        install(asked(stocked, "delta"), other)
    assert "gamma" in caught.value.cause
    assert caught.value.state == "Nothing was changed."
    assert stocked.venv.distributions == {"gamma": "1.0"}
    nothing_left(stocked)


def test_what_another_installer_has_half_done_is_no_clash_when_it_is_gone_under_the_lock(stocked: Sandbox) -> None:
    """uv places files under its own lock: what is seen then without a lock may be taken back."""
    root, begun = stocked.venv.root, os.path.join(stocked.venv.site_packages, "tool.py")
    with open(os.path.join(root, ".lock"), "w", encoding="utf-8") as held, open(begun, "w", encoding="utf-8") as file:
        fcntl.flock(held, fcntl.LOCK_EX)
        file.write("half")

        class WhenItIsWaitedFor:
            def emit(self, event: Event) -> None:
                if isinstance(event, LockWaiting) and os.path.exists(begun):
                    os.unlink(begun)
                    fcntl.flock(held, fcntl.LOCK_UN)

        install(asked(stocked, "gamma"), WhenItIsWaitedFor())
    assert stocked.venv.distributions == {"gamma": "1.0"}
    nothing_left(stocked)


def test_a_file_that_comes_in_the_tick_of_the_look_is_seen(stocked: Sandbox) -> None:
    """The directory's mtime is then what it was; so one that young says nothing."""
    stocked.run("install", "beta").ok()
    package = os.path.join(stocked.venv.site_packages, "beta")
    os.utime(package, (time.time() + 3600,) * 2)
    status = os.stat(package)

    def write_within_the_tick() -> None:
        with open(os.path.join(package, "mine.txt"), "w", encoding="utf-8") as file:
            file.write("mine")
        os.utime(package, ns=(status.st_atime_ns, status.st_mtime_ns))

    other = Meanwhile(STAGED, write_within_the_tick)
    uninstall(removal(stocked, "beta"), other)
    assert other.planned_again == 1
    assert os.listdir(package) == ["mine.txt"]
    assert os.stat(package).st_ino == status.st_ino


def test_a_distribution_that_came_meanwhile_must_not_be_broken(stocked: Sandbox) -> None:
    stocked.run("install", "beta==1.0").ok()
    other = Meanwhile(STAGED, lambda: stocked.run("install", "picky").ok())
    with pytest.raises(HarmError) as caught:
        install(asked(stocked, "beta==2.0"), other)
    assert "picky" in caught.value.cause
    assert stocked.venv.distributions == {"beta": "1.0", "picky": "1.0"}
    nothing_left(stocked)


def test_what_a_plan_counts_on_must_still_be_there(stocked: Sandbox) -> None:
    stocked.run("install", "beta==1.0").ok()
    other = Meanwhile(STAGED, lambda: stocked.run("install", "beta==2.0").ok())
    install(asked(stocked, "picky"), other)
    assert other.planned_again == 1
    assert stocked.venv.distributions == {"beta": "1.0", "picky": "1.0"}
    nothing_left(stocked)


def test_what_was_broken_by_somebody_else_alone_is_not_this_commands_business(stocked: Sandbox) -> None:
    stocked.run("install", "picky").ok()
    other = Meanwhile(STAGED, lambda: stocked.run("uninstall", "beta", "--allow-breaking=picky").ok())
    install(asked(stocked, "gamma"), other)
    assert other.planned_again == 0
    assert stocked.venv.distributions == {"gamma": "1.0", "picky": "1.0"}


def test_an_unowned_file_that_came_meanwhile_is_not_overwritten(stocked: Sandbox) -> None:
    mine = os.path.join(stocked.venv.site_packages, "tool.py")

    def write() -> None:
        with open(mine, "w", encoding="utf-8") as file:
            file.write("MINE = 1\n")

    with pytest.raises(HoldfastError) as caught:
        install(asked(stocked, "gamma"), Meanwhile(STAGED, write))
    assert "tool.py" in caught.value.cause
    with open(mine, encoding="utf-8") as file:
        assert file.read() == "MINE = 1\n"
    assert stocked.venv.distributions == {}
    nothing_left(stocked)


def test_somebody_else_uninstalls_the_same_meanwhile(stocked: Sandbox) -> None:
    stocked.run("install", "gamma").ok()
    other = Meanwhile(STAGED, lambda: stocked.run("uninstall", "gamma").ok())
    report = uninstall(removal(stocked, "gamma"), other)
    assert other.planned_again == 1
    assert report.actions == ()
    assert stocked.venv.distributions == {}
    nothing_left(stocked)


def test_the_lock_is_waited_for_and_named_when_it_stays_busy(stocked: Sandbox) -> None:
    target = locate(TargetRequest(virtual_env=stocked.venv.root), facts_of(os.path.join(stocked.cache, "holdfast")))
    before = snapshot(stocked.venv.root)
    with (
        transaction(target, mode=LockMode.FLOCK, command="install slowly", reporter=SILENT) as tx,
        acquire(tx, LockSettings(), SILENT, sync=False),
    ):
        for words in (["install", "alpha"], ["install", "alpha", "-q"]):
            done = stocked.run(*words, "--lock-timeout=1.5").returned(6)
            assert str(os.getpid()) in done.stderr
            assert "install slowly" in done.stderr
            assert "Waiting for the environment lock" in done.stderr
            assert "Nothing was changed." in done.stderr
        at_once = stocked.run("install", "alpha", "--lock-timeout=0").returned(6)
        assert "Waiting" not in at_once.stderr
        assert stocked.run("list").ok().stdout == ""  # readers need no lock
        with pytest.raises(LockUnavailableError):
            install(asked(stocked, "alpha", timeout=0), SILENT)
        unlocked = stocked.run("install", "gamma", "--lock-mode=none").ok()
        assert "lock" in unlocked.stderr
        stocked.run("uninstall", "gamma", "--lock-mode=none").ok()
    assert not diff(before, snapshot(stocked.venv.root))
