"""The files of the history: two processes that append at once, lines that were cut off, files that grow long."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from holdfast.disk import calls
from holdfast.history import ledger
from holdfast.history.ledger import append, read_lines
from tests.support.faulty_disk import Fail, FaultyDisk, Kill, Killed, Point, When


@pytest.fixture
def path(tmp_path: object) -> str:
    return f"{tmp_path}/state/history/env.jsonl"


def test_a_line_that_was_cut_off_does_not_spoil_the_next(path: str) -> None:
    append(path, b"first")
    with open(path, "ab") as file:
        file.write(b"cut o")
    append(path, b"second")
    assert list(read_lines(path)) == [b"first", b"cut o", b"second"]


def test_what_is_not_there_has_no_lines(path: str) -> None:
    assert list(read_lines(path)) == []
    assert not os.path.exists(os.path.dirname(path))


def test_it_stays_bounded_and_keeps_what_came_last(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "LIMIT", 1000)
    for n in range(200):
        append(path, b"%03d" % n + b"." * 30)
        assert os.stat(path).st_size <= 1000
    kept = [int(line[:3]) for line in read_lines(path)]
    assert kept == list(range(kept[0], 200))
    assert len(kept) >= 10
    assert os.listdir(os.path.dirname(path)) == ["env.jsonl"]
    append(path, b"x" * 5000)
    assert list(read_lines(path)) == [b"x" * 5000]


def test_a_shortening_that_was_killed_is_no_obstacle(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "LIMIT", 100)
    append(path, b"first")
    with open(f"{path}.new", "wb") as file:
        file.write(b"half")
    append(path, b"x" * 200)
    assert list(read_lines(path)) == [b"x" * 200]
    assert os.listdir(os.path.dirname(path)) == ["env.jsonl"]


def test_as_many_environments_are_remembered_and_no_more(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "FILES", 3)
    directory = os.path.dirname(path)
    for n in range(5):
        append(f"{directory}/{n}", b"line")
        os.utime(f"{directory}/{n}", (n, n))
    assert sorted(os.listdir(directory)) == ["2", "3", "4"]


def test_what_somebody_else_put_there_is_neither_read_nor_written(path: str, tmp_path: object) -> None:
    append(path, b"mine")
    os.link(path, f"{tmp_path}/second-name")
    append(path, b"more")
    assert list(read_lines(path)) == []
    os.unlink(path)
    with open(f"{tmp_path}/second-name", "rb") as file:
        assert file.read() == b"\nmine\n"
    os.symlink(f"{tmp_path}/second-name", path)
    with pytest.raises(OSError, match=r"symbolic links"):
        append(path, b"more")
    with pytest.raises(OSError, match=r"symbolic links"):
        list(read_lines(path))


def test_several_threads_at_once_lose_nothing(path: str) -> None:
    class Slow(calls.Calls):
        """Lets others in between looking for the end and writing there."""

        def pwrite(self, fd: int, data: object, offset: int) -> int:
            time.sleep(0.001)
            return os.pwrite(fd, data, offset)  # type: ignore[arg-type]

    def work(number: int) -> None:
        for n in range(20):
            append(path, b"%d-%d" % (number, n))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    with calls.using(Slow()):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(read_lines(path))) == 80


def test_two_processes_that_append_and_shorten_at_once_lose_nothing_of_the_end(path: str) -> None:
    code = (
        "import sys\n"
        "from holdfast.history import ledger\n"
        "ledger.LIMIT = 4000\n"
        "for n in range(300):\n"
        "    ledger.append(sys.argv[1], f'{sys.argv[2]} {n:03d} {\"x\" * 30}'.encode())\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, path, name]) for name in "ab"]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    lines = [line.split() for line in read_lines(path)]
    assert all(len(line) == 3 and len(line[2]) == 30 for line in lines)
    for name in (b"a", b"b"):
        numbers = [int(line[1]) for line in lines if line[0] == name]
        assert numbers == list(range(300 - len(numbers), 300))
    assert os.stat(path).st_size <= 4000
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


def filled(path: str) -> list[bytes]:
    """A file that the next line makes too long."""
    shutil.rmtree(os.path.dirname(path), ignore_errors=True)
    lines = [b"%02d" % n + b"." * 18 for n in range(10)]
    for line in lines:
        append(path, line)
    return lines


@pytest.mark.parametrize("short", [True, False], ids=["grows", "is-shortened"])
@pytest.mark.parametrize("when", list(When))
def test_killed_at_every_disk_call_it_keeps_whole_lines_and_goes_on(
    path: str, when: When, monkeypatch: pytest.MonkeyPatch, *, short: bool
) -> None:
    monkeypatch.setattr(ledger, "LIMIT", 1000 if short else 225)
    before = filled(path)
    with FaultyDisk() as disk:
        append(path, b"last")
    assert ("rename" in {call.name for call in disk.made}) is not short
    for n in range(len(disk.made)):
        before = filled(path)
        with suppress(Killed), FaultyDisk(Point(n=n, when=when), Kill()) as dying:
            append(path, b"last")
        assert dying.fired or disk.made[n].name == "mkdir"  # of what is there already, there is no "after"
        append(path, b"next")
        lines = list(read_lines(path))
        assert lines[-1] == b"next"
        whole = [line for line in lines if line in {*before, b"last", b"next"}]
        assert len(lines) - len(whole) <= 1  # one that was cut off
        assert whole[:-1] in ([*before, b"last"][-(len(whole) - 1) :], before[-(len(whole) - 1) :])
        assert len(whole) >= 5
        assert set(os.listdir(os.path.dirname(path))) <= {"env.jsonl", "env.jsonl.new"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES], ids=errno.errorcode.get)
def test_an_error_at_every_disk_call_loses_no_earlier_line(
    path: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "LIMIT", 225)
    before = filled(path)
    with FaultyDisk() as disk:
        append(path, b"last")
    for n in range(len(disk.made)):
        before = filled(path)
        with FaultyDisk(Point(n=n), Fail(number=number)), pytest.raises(OSError, match=os.strerror(number)):
            append(path, b"last")
        lines = list(read_lines(path))
        assert lines[-1] in {b"last", before[-1]}
        assert len(lines) >= 5


def test_who_waited_while_the_file_was_shortened_writes_into_the_new_one(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "LIMIT", 225)
    filled(path)

    class Overtaken(calls.Calls):
        """Between our opening the file and our turn one shortens it, and another one writes into the new one."""

        overtaken = False

        def flock(self, fd: object, operation: int) -> None:
            if not self.overtaken:
                self.overtaken = True
                append(path, b"first")
                append(path, b"second")
            fcntl.flock(fd, operation)  # type: ignore[arg-type]  # as above

    with calls.using(Overtaken()):
        append(path, b"ours")
    assert list(read_lines(path))[-3:] == [b"first", b"second", b"ours"]
