from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from holdfast.errors import NetworkError
from holdfast.events import Retrying
from holdfast.fetch.retry import LONGEST_DELAY, LONGEST_RETRY_AFTER, Attempts, backoff, parse_retry_after
from tests.support.hearing import Heard


def test_delays_double_with_jitter_up_to_a_bound() -> None:
    for attempt in range(1, 40):
        full = min(LONGEST_DELAY, 0.25 * 2 ** (attempt - 1))
        assert full / 2 <= backoff(attempt) <= full


def test_retry_after_in_seconds_and_as_a_date() -> None:
    assert parse_retry_after("7") == 7.0
    assert parse_retry_after(" 0 ") == 0.0
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    seconds = parse_retry_after(later)
    assert seconds is not None
    assert 27 < seconds <= 30
    assert parse_retry_after("Wed, 01 Jan 2020 00:00:00 GMT") == 0.0


@pytest.mark.parametrize("value", [None, "", "soon", "-1", "1.5", "\u0663", "Wed, 99 Foo 2020"])
def test_a_retry_after_that_is_neither(value: str | None) -> None:
    assert parse_retry_after(value) is None


def test_the_tries_are_counted_announced_and_end_with_the_failure() -> None:
    heard, waits, failure = Heard(), list[float](), NetworkError("down")
    attempts = Attempts(2, heard, waits.append)
    attempts.again("https://u:secret@h/x", failure, "why")
    attempts.again("https://u:secret@h/x", failure, "why", 1e9)
    with pytest.raises(NetworkError, match="down"):
        attempts.again("https://u:secret@h/x", failure, "why")
    assert waits[1] == LONGEST_RETRY_AFTER
    assert [event.attempt for event in heard.of(Retrying)] == [1, 2]
    assert "secret" not in heard.words


def test_progress_counts_from_the_beginning() -> None:
    attempts = Attempts(1, Heard(), lambda _: None)
    for _ in range(5):
        attempts.again("https://h/x", NetworkError("down"), "why")
        attempts.progressed()
