"""Planning again ends when the lock would not be waited for any longer."""

from __future__ import annotations

import pytest

from holdfast.errors import LockUnavailableError
from holdfast.flows.replanning import Replanning
from holdfast.flows.session import Session
from holdfast.flows.signals import Signals
from holdfast.model.changes import Moved
from holdfast.model.request import InstallPolicy, LockSettings
from tests.support.areas import Recorder

MOVED = Moved(why="demo is gone")


def replanning(timeout: float, recorder: Recorder) -> Replanning:
    lock = LockSettings(timeout=timeout)
    return Replanning(
        Session(policy=InstallPolicy(), lock=lock, command="install demo", signals=Signals(), reporter=recorder)
    )


@pytest.mark.parametrize("timeout", [300, -1])
def test_it_is_planned_again_while_there_is_time(timeout: float) -> None:
    recorder = Recorder()
    attempts = replanning(timeout, recorder)
    for _ in range(3):
        attempts.again(MOVED)
    assert len(recorder.events) == 3


def test_without_patience_the_first_time_is_the_last() -> None:
    with pytest.raises(LockUnavailableError, match="demo is gone") as caught:
        replanning(0, Recorder()).again(MOVED)
    assert caught.value.exit_code == 6
