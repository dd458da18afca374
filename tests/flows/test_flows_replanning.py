"""Planning again ends when the lock would not be waited for any longer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfast.errors import LockUnavailableError
from holdfast.flows.replanning import Replanning
from holdfast.flows.session import Session
from holdfast.flows.signals import Signals
from holdfast.model.changes import Moved
from holdfast.model.request import InstallPolicy, LockSettings
from holdfast.model.target import Target
from holdfast.target.installed import read_installed
from tests.support.areas import Recorder, bare_target

MOVED = Moved(why="demo is gone")


def replanning(timeout: float, recorder: Recorder) -> Replanning:
    lock = LockSettings(timeout=timeout)
    return Replanning(
        Session(policy=InstallPolicy(), lock=lock, command="install demo", signals=Signals(), reporter=recorder)
    )


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return bare_target(str(tmp_path))


@pytest.mark.parametrize("timeout", [300, -1])
def test_it_is_planned_again_while_there_is_time(timeout: float) -> None:
    recorder = Recorder()
    attempts = replanning(timeout, recorder)
    for _ in range(3):
        attempts.again(MOVED)
    assert len(recorder.events) == 3


def test_what_vanishes_under_it_is_planned_again_a_few_times(target: Target) -> None:
    """A package directory that another installer on another node takes away between a listing and a look."""
    attempts, installed, tries = replanning(300, Recorder()), read_installed(target), 0
    with pytest.raises(FileNotFoundError):
        while tries < 100:
            tries += 1
            with attempts.refusing(installed, target, readonly=False):
                os.stat(os.path.join(target.scheme.purelib, "gone"))
    assert 5 < tries < 20


def test_what_is_broken_or_comes_after_the_change_is_not_tried_again(target: Target) -> None:
    recorder = Recorder()
    attempts, installed = replanning(300, recorder), read_installed(target)
    with pytest.raises(NotADirectoryError), attempts.refusing(installed, target, readonly=True):
        os.stat("/dev/null/x")
    with pytest.raises(IsADirectoryError), attempts.refusing(installed, target, readonly=False):
        os.unlink(target.scheme.purelib)
    attempts._session.signals.state = "The change is in force."
    with pytest.raises(NotADirectoryError), attempts.refusing(installed, target, readonly=False):
        os.stat("/dev/null/x")
    assert recorder.events == []


def test_without_patience_the_first_time_is_the_last() -> None:
    with pytest.raises(LockUnavailableError, match="demo is gone") as caught:
        replanning(0, Recorder()).again(MOVED)
    assert caught.value.exit_code == 6
