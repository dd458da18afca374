from __future__ import annotations

import threading
from functools import partial
from operator import floordiv

import pytest

from holdfast.fetch.pool import Cancelled, Pool, Task


def test_results_and_errors_come_back() -> None:
    pool = Pool(3, "test")
    tasks = [pool.submit(partial(floordiv, 10, number)) for number in (1, 2, 0)]
    assert [task.result() for task in tasks[:2]] == [10, 5]
    with pytest.raises(ZeroDivisionError):
        tasks[2].result()
    assert pool.close()


def test_no_more_threads_than_asked_for_and_none_before_there_is_work() -> None:
    before = threading.active_count()
    pool = Pool(2, "test")
    assert threading.active_count() == before
    gate = threading.Event()
    tasks = [pool.submit(gate.wait) for _ in range(10)]
    assert threading.active_count() == before + 2
    gate.set()
    assert all(task.result() for task in tasks)
    assert pool.close()
    assert threading.active_count() == before


def test_an_idle_thread_is_used_again() -> None:
    pool = Pool(8, "test")
    names = set()
    for _ in range(20):
        names.add(pool.submit(lambda: threading.current_thread().ident).result())
    pool.close()
    assert len(names) <= 2


def test_closing_drops_what_waits_and_waits_for_what_runs() -> None:
    pool = Pool(1, "test")
    begun, gate, done = threading.Event(), threading.Event(), list[int]()

    def work() -> None:
        begun.set()
        gate.wait()
        done.append(1)

    running = pool.submit(work)
    waiting = pool.submit(work)
    begun.wait()
    assert not pool.close(0.01)
    gate.set()
    assert pool.close()
    running.result()
    with pytest.raises(Cancelled):
        waiting.result()
    with pytest.raises(Cancelled):
        pool.submit(work).result()
    assert done == [1]


def test_waiting_may_have_an_end() -> None:
    with pytest.raises(TimeoutError):
        Task(lambda: 1).result(0.01)


def test_a_signal_before_a_thread_is_started_does_not_hinder_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(1, "test")

    def interrupted(_: threading.Thread) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool.submit(int)
    assert pool.close(1)
