"""Who works for hours is not taken for dead by those who cannot see him."""

from __future__ import annotations

import os
from pathlib import Path

from holdfast.events import Detail, Event
from holdfast.flows.heartbeat import Heartbeat

LONG_AGO = 1_000_000_000


class Listening:
    def __init__(self) -> None:
        self.heard: list[Event] = []

    def emit(self, event: Event) -> None:
        self.heard.append(event)


def owned(path: Path) -> Path:
    path.mkdir()
    (path / "owner").write_bytes(b"{}")
    os.utime(path / "owner", (LONG_AGO, LONG_AGO))
    return path


def test_events_touch_every_owners_record(tmp_path: Path) -> None:
    one, two = owned(tmp_path / "one"), owned(tmp_path / "two")
    listening = Listening()
    beat = Heartbeat(listening, lambda: (str(one), str(two), str(tmp_path / "gone")), pause=0)
    beat.emit(Detail(text="x"))
    assert listening.heard == [Detail(text="x")]
    assert all((each / "owner").stat().st_mtime > LONG_AGO for each in (one, two))


def test_not_more_often_than_needed(tmp_path: Path) -> None:
    one = owned(tmp_path / "one")
    Heartbeat(Listening(), lambda: (str(one),)).emit(Detail(text="x"))
    assert (one / "owner").stat().st_mtime == LONG_AGO
