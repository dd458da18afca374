"""A real holdfast that takes the environment lock and stops there, by SIGSTOP.

`hold` starts ``python -m tests.support.holding ARGS``; SIGCONT lets it go on, as if nothing had been.
"""

from __future__ import annotations

import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from holdfast.model.transaction import LOCK_NAME
from tests.support.faulty_disk import FaultyDisk, Point, Signal, When

SUPPORT = os.path.dirname(os.path.abspath(__file__))
CODE = os.path.dirname(os.path.dirname(SUPPORT))
"""For ``PYTHONPATH``: where ``tests`` lies."""
NEEDED = ("holding.py", "faulty_disk.py")


@contextmanager
def hold(
    *args: str, python: str, env: Mapping[str, str], cwd: str, user: tuple[int, int, tuple[int, ...]] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Start holdfast and wait until it stands still with the lock in its hand; it is killed in the end.

    Args:
        args: After ``holdfast``.
        python: That has it; ``tests`` is found below `code_for` or the checkout.
        env: The whole environment.
        cwd: Where it runs.
        user: uid, gid and further groups of another user.
    """
    uid, gid, groups = user or (None, None, None)
    process = subprocess.Popen(
        [python, "-m", "tests.support.holding", *args],
        env=dict(env),
        cwd=cwd,
        user=uid,
        group=gid,
        extra_groups=groups,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 30
        while not _is_stopped(process.pid):
            assert process.poll() is None, f"it did not stop: {process.communicate()}"
            assert time.monotonic() < deadline, "it did not come to the lock"
            time.sleep(0.01)
        yield process
    finally:
        process.kill()
        process.communicate()


def code_for(directory: str) -> str:
    """What `hold` needs of the tests, copied into a directory: for ``PYTHONPATH`` of users who cannot see these."""
    package = os.path.join(directory, "tests", "support")
    os.makedirs(package)
    for name in NEEDED:
        shutil.copy(os.path.join(SUPPORT, name), package)
    for name in (os.path.join(directory, "tests"), package):
        with open(os.path.join(name, "__init__.py"), "w", encoding="utf-8"):
            pass
    return directory


def _is_stopped(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"
    except FileNotFoundError:
        return False


def main() -> None:
    """Run holdfast; stop after the rename that publishes the lock."""
    stop = FaultyDisk(
        Point(n=0, when=When.AFTER),
        Signal(number=signal.SIGSTOP),
        names=["rename"],
        only=lambda call: os.path.basename(call.paths[1]) == LOCK_NAME,
    )
    with stop:
        runpy.run_module("holdfast", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    sys.argv[0] = "holdfast"
    main()
