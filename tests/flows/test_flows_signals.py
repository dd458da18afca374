"""Signals stop holdfast where nothing is at stake, and nowhere else."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from holdfast.errors import InterruptedBySignal
from holdfast.flows.signals import Signals


def send(signum: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), signum)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_raises_at_once_with_its_exit_code(signum: int) -> None:
    with pytest.raises(InterruptedBySignal) as caught, Signals():
        send(signum)
    assert caught.value.exit_code == 128 + signum


def test_a_second_signal_repeats_nothing() -> None:
    with Signals() as signals:
        with pytest.raises(InterruptedBySignal):
            send()
        send()
        send(signal.SIGTERM)
        assert signals.received == signal.SIGINT


def test_whoever_is_stopped_says_how_the_environment_is() -> None:
    with pytest.raises(InterruptedBySignal) as caught, Signals() as signals:
        signals.state = "The change is in force."
        send()
    assert caught.value.state == "The change is in force."


def test_a_deferred_signal_waits_for_the_end_of_the_block() -> None:
    seen = []
    with pytest.raises(InterruptedBySignal), Signals() as signals, signals.deferred():
        send()
        seen.append(signals.stop_asked())
    assert seen == [True]


def test_a_shielded_context_is_entered_and_left_whole() -> None:
    steps = []

    @contextmanager
    def area() -> Iterator[str]:
        send()
        steps.append("entered")
        try:
            yield "area"
        finally:
            send()
            steps.append("left")

    with pytest.raises(InterruptedBySignal), Signals() as signals, signals.shield(area()):
        steps.append("inside")
    assert steps == ["entered", "left"]


def test_a_signal_while_leaving_is_raised_after_it() -> None:
    steps = []

    @contextmanager
    def area() -> Iterator[None]:
        yield
        send()
        steps.append("left")

    with pytest.raises(InterruptedBySignal), Signals() as signals, signals.shield(area()):
        steps.append("inside")
    assert steps == ["inside", "left"]


def test_an_error_inside_a_shield_passes_through_the_context() -> None:
    seen = []

    @contextmanager
    def area() -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            seen.append(str(error))
            raise

    with pytest.raises(ValueError, match="inside"), Signals() as signals, signals.shield(area()):
        raise ValueError("inside")
    assert seen == ["inside"]


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals() as signals:
            send(signal.SIGHUP)
            assert signals.received is None
    finally:
        signal.signal(signal.SIGHUP, before)
