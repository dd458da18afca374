"""A program: workers that take one environment's lock in changing modes and are killed, counted in shared memory.

It imports the product once and forks its workers, so that a killed one is replaced in a millisecond. Each acquisition
chooses its mode anew. Inside the lock a worker looks whether somebody else is inside: a process that is ending counts
as dead (the kernel closes its files, which gives up its flock, before it becomes a zombie). Then it adds one to a
number, with a pause between reading and writing.

Usage: python -m tests.race.lock_nursery '{"root": ..., "workers": 8, "acquisitions": 1000, "kills": 50, ...}'
Prints one line of JSON, see `Tally`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import mmap
import os
import random
import signal
import sys
import time
from collections.abc import Iterator

from holdfast import disk
from holdfast.disk import calls
from holdfast.disk.process import parse_stat
from holdfast.envlock import acquire
from holdfast.errors import LockUnavailableError
from holdfast.model.owner import LockMode
from holdfast.model.request import LockSettings
from holdfast.stage.litter import sweep
from tests.support.areas import Recorder, bare_target, begin

MODES = (None, LockMode.FLOCK, LockMode.MARKER)
NAMES = ("default", "flock", "marker")
_WORD = 8
_PF_EXITING = 0x4
_FLAGS = 6  # field 9 of /proc/<pid>/stat, counted after the command's closing parenthesis
_SLOT, _STARTED, _LAST, _NUMBER, _STOP, _OVERLAPS, _REFUSED = range(7)
_FOLLOWED, _BROKEN, _ENDED = 10, 20, 30  # nine counters, nine counters, one for each worker


class Refusing(calls.Calls):
    """A system that has no lock to give for a random third of the flock calls."""

    def __init__(self, seed: int) -> None:
        chosen = random.Random(seed)

        def flock(fd: int, operation: int) -> None:
            if chosen.random() < 1 / 3:
                raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
            fcntl.flock(fd, operation)

        setattr(self, "flock", flock)  # noqa: B010 - on the instance: a method would not be the seam's static one


class Shared:
    """Words that parent and workers share."""

    def __init__(self) -> None:
        self._memory = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("q")

    def __getitem__(self, word: int) -> int:
        return int(self._memory[word])

    def __setitem__(self, word: int, value: int) -> None:
        self._memory[word] = value


def lives(pid: int, started: int) -> bool:
    """Whether that process can still do something: it is not gone, not another, no zombie, and not ending."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            content = file.read()
    except OSError:
        return False
    seen = parse_stat(content)
    ending = int(content[content.rindex(b")") + 1 :].split()[_FLAGS]) & _PF_EXITING
    return seen.started == started and seen.state not in {"Z", "X"} and not ending


def work(shared: Shared, number: int, task: dict[str, object]) -> None:
    """One worker, until it is told to stop or killed, or its parent is gone."""
    parent = os.getppid()
    target = bare_target(str(task["root"]), made=False)
    chosen = random.Random()
    if task["refusing"]:
        calls.current = Refusing(chosen.randrange(1 << 30))
    me = os.getpid()
    started = disk.sight(me).started or 0
    sweep(target)
    while not shared[_STOP] and os.getppid() == parent:
        kind = chosen.randrange(len(MODES))
        try:
            with (
                begin(target, mode=MODES[kind] or LockMode.FLOCK) as tx,
                held(tx, MODES[kind], working=task["working"]),
            ):
                inside(shared, me, started, kind)
                shared[_ENDED + number] += 1
        except LockUnavailableError as error:
            if "no file locks" not in error.cause:
                raise
            shared[_REFUSED] += 1


@contextlib.contextmanager
def held(tx: object, mode: LockMode | None, *, working: object) -> Iterator[None]:
    """The product's lock, or none at all to show that the detector fires."""
    if not working:
        yield
        return
    with acquire(tx, LockSettings(mode=mode, timeout=120), Recorder(), sync=False):  # type: ignore[arg-type]
        yield


def inside(shared: Shared, me: int, started: int, kind: int) -> None:
    """What must never be done by two at a time."""
    before, last = shared[_SLOT], shared[_LAST]
    if before and before != me:
        if lives(before, shared[_STARTED]):
            shared[_OVERLAPS] += 1
        else:
            shared[_BROKEN + 3 * last + kind] += 1
    shared[_STARTED], shared[_LAST], shared[_SLOT] = started, kind, me
    shared[_FOLLOWED + 3 * last + kind] += 1
    number = shared[_NUMBER]
    time.sleep(0.0005)
    shared[_NUMBER] = number + 1
    if shared[_SLOT] != me:
        shared[_OVERLAPS] += 1
    shared[_SLOT] = 0


def holder(shared: Shared, running: list[int]) -> int:
    """The number of who is inside; anybody's when nobody is for a while."""
    for _ in range(1000):
        pid = shared[_SLOT]
        if pid in running:
            return running.index(pid)
        time.sleep(0.0001)
    return 0


def nurse(task: dict[str, object]) -> dict[str, object]:
    """Keep that many workers alive, and kill that many at random times."""
    shared = Shared()
    chosen = random.Random(int(str(task["seed"])))
    workers, wanted, kills = (int(str(task[key])) for key in ("workers", "acquisitions", "kills"))

    def start(number: int) -> int:
        pid = os.fork()
        if not pid:
            code = 1
            try:
                work(shared, number, task)
                code = 0
            except BaseException:  # noqa: BLE001 - whatever it is: the exit code tells, and the trace is on stderr
                sys.excepthook(*sys.exc_info())
            os._exit(code)
        return pid

    def taken() -> int:
        return sum(shared[_ENDED + number] for number in range(workers))

    running = [start(number) for number in range(workers)]
    killed, failed = 0, 0
    while taken() < wanted or killed < kills:
        time.sleep(chosen.uniform(0, 0.004))
        for number, pid in enumerate(running):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                failed += 1
                sys.stderr.write(f"worker {number} ended by itself: {status}\n")
                running[number] = start(number)
        if killed < kills and taken() * kills >= killed * wanted:
            victim = holder(shared, running) if chosen.random() < 1 / 2 else chosen.randrange(workers)
            os.kill(running[victim], signal.SIGKILL)
            os.waitpid(running[victim], 0)
            running[victim] = start(victim)
            killed += 1
        if failed > workers:
            break
    shared[_STOP] = 1
    failed += sum(os.waitpid(pid, 0)[1] != 0 for pid in running)
    sweep(bare_target(str(task["root"]), made=False))
    return {
        "acquisitions": taken(),
        "number": shared[_NUMBER],
        "kills": killed,
        "failed": failed,
        "overlaps": shared[_OVERLAPS],
        "refused": shared[_REFUSED],
        "followed": [shared[_FOLLOWED + pair] for pair in range(9)],
        "broken": [shared[_BROKEN + pair] for pair in range(9)],
    }


if __name__ == "__main__":
    print(json.dumps(nurse(json.loads(sys.argv[1]))))  # noqa: T201 - its result
