"""What the lock cost is counted each time that a command takes it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from holdfast.errors import LockUnavailableError
from holdfast.events import SILENT
from holdfast.flows.recovery import locked
from holdfast.flows.session import Session
from holdfast.flows.signals import Signals
from holdfast.model.request import InstallPolicy, LockSettings
from holdfast.model.target import Target
from tests.support.areas import bare_target, begin, living_owner, plant_lock


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return bare_target(str(tmp_path))


def test_every_time_counts_also_one_that_ends_badly(target: Target) -> None:
    session = Session(
        policy=InstallPolicy(), lock=LockSettings(timeout=0), command="install a", signals=Signals(), reporter=SILENT
    )
    for _ in range(2):
        with begin(target) as tx, locked(tx, session):
            time.sleep(0.02)
    assert 0.04 <= session.times.held < 10
    with begin(target) as tx, pytest.raises(KeyError), locked(tx, session):
        time.sleep(0.02)
        raise KeyError
    held, waited = session.times.held, session.times.waited
    assert held >= 0.06
    plant_lock(target.scheme.purelib, living_owner())
    with begin(target) as tx, pytest.raises(LockUnavailableError), locked(tx, session):
        pass
    assert (session.times.held, session.times.waited) == (held, waited)
