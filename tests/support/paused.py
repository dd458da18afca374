"""Processes in a pid namespace of their own (another container) that stop themselves at a chosen call.

The server is forked once, with everything imported; it forks one child for each order that it gets on its input::

    upgrade ROOT MODE N     an upgrade from OLD to NEW that stops (SIGSTOP) before its n-th change after the publish
    give-up ROOT MODE N     the same, but asked to stop after the last step: everything is taken back
    recover ROOT MODE N     a recovery, likewise
    continue                SIGCONT for the child that stopped
    kill                    SIGKILL for it

and answers with one line: ``stopped``, ``killed``, or ``ended WORD`` (committed, moved, recovered, taken-over, past:
there is no such call; or what went wrong).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from typing import Self

import pytest

from holdfast.commit.recover import recover
from holdfast.envlock import acquire
from holdfast.errors import InterruptedTransactionError
from holdfast.events import SILENT
from holdfast.model.changes import Committed
from holdfast.model.owner import LockMode
from holdfast.model.request import LockSettings
from holdfast.model.transaction import LOCK_NAME
from holdfast.stage.area import transaction
from tests.crash.world import Dist, change, target_at
from tests.support.faulty_disk import Call, FaultyDisk, Point, Signal

OLD = (
    Dist(name="a", version="1", files={"a/__init__.py": "1", "a/x.py": "x", "ns/a.py": "1", "bin:a": "1"}),
    Dist(name="b", version="1", files={"b/__init__.py": "b"}),
)
NEW = (
    Dist(name="a", version="2", files={"a/__init__.py": "2", "a/y.py": "y", "ns/a.py": "2", "bin:a": "2"}),
    Dist(name="c", version="1", files={"c/__init__.py": "c"}),
)


class Container:
    """The server, in its namespace.

    Args:
        boot: A file with the boot id that it shall see: it is another host then.
    """

    def __init__(self, *, boot: str = "") -> None:
        if (
            shutil.which("unshare") is None
            or subprocess.run(
                ["unshare", "-m", "-p", "-f", "--mount-proc", "true"], check=False, capture_output=True
            ).returncode
        ):
            pytest.skip("no pid namespace can be made here (unshare -p -f --mount-proc)")
        # The shell is the namespace's first process: SIGSTOP from inside does nothing to that one.
        first = f"mount --bind {boot} /proc/sys/kernel/random/boot_id || exit 9; " if boot else ""
        command = ["unshare", "-m", "-p", "-f", "--mount-proc", "sh", "-c", first + '"$@"; exit $?', "sh"]
        command += [sys.executable, "-m", __name__]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ, bufsize=1
        )

    def ask(self, *words: object) -> Answer:
        """Give one order."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(" ".join(map(str, words)) + "\n")
        line = self._server.stdout.readline()
        assert line, "the server ended"
        word, _, rest = line.strip().partition(" ")
        return Answer(word=word, rest=rest)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server said."""

    word: str
    rest: str

    @property
    def stopped(self) -> bool:
        """Whether a child stands still now."""
        return self.word == "stopped"


def _work(order: str, root: str, mode: LockMode) -> str:
    try:
        if order == "recover":
            with (
                transaction(target_at(root), mode=mode, command="recover") as tx,
                acquire(tx, LockSettings(mode=mode, timeout=5), SILENT) as held,
            ):
                recover(tx.target, held)
            return "recovered"
        asked = [False]

        def stop() -> bool:  # asked after the last step only
            placed = os.path.exists(os.path.join(target_at(root).scheme.purelib, "c-1.dist-info"))
            asked[0] = asked[0] or (order == "give-up" and placed)
            return asked[0]

        outcome = change(root, OLD, NEW, mode=mode, stop=stop, fsync=False)
    except InterruptedTransactionError as error:
        return "taken-over" if "took over" in error.cause else f"error {error.cause}"
    except BaseException:  # noqa: BLE001 - said to the test
        return "error " + traceback.format_exc().replace("\n", " | ")
    return "committed" if isinstance(outcome, Committed) else "moved"


def _child(order: str, root: str, mode: LockMode, n: int, answers: int) -> None:
    published = False

    def counts(call: Call) -> bool:
        nonlocal published
        before, published = published, published or (call.name == "rename" and call.paths[1].endswith(LOCK_NAME))
        return before

    with FaultyDisk(Point(n=n), Signal(number=signal.SIGSTOP), only=counts) as disk:
        disk_stopped = disk
        word = _work(order, root, mode)
    os.write(answers, f"ended {word if disk_stopped.fired else 'past'}\n".encode())


def _wait(pid: int, answers: int) -> int:
    """Wait until the child stops or ends; returns it while it lives."""
    _, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        os.write(answers, b"stopped\n")
        return pid
    if os.WIFSIGNALED(status):
        os.write(answers, b"killed\n")
    return 0


def _serve() -> None:
    pid = 0
    for line in sys.stdin:
        order, *words = line.split()
        if order in {"continue", "kill"}:
            os.kill(pid, signal.SIGCONT if order == "continue" else signal.SIGKILL)
        else:
            root, mode, n = words
            pid = os.fork()
            if pid == 0:
                try:
                    _child(order, root, LockMode(mode), int(n), 1)
                finally:
                    os._exit(0)
        pid = _wait(pid, 1)
    if pid:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    _serve()
