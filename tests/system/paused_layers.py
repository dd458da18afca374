"""Holders on a real overlayfs who are stopped past their lease and taken over; run in a mount namespace of its own.

`main` runs as `tests.system.layers` does::

    python -m tests.system.paused_layers ORDER MODE DIRECTORY LIMIT
"""

from __future__ import annotations

import os
import subprocess
import sys

from holdfast.envlock import lease
from holdfast.model.owner import LockMode
from tests.crash.world import change
from tests.support.mounts import Mounts
from tests.support.paused import OLD, Container
from tests.system.layers import CHECKOUT, mount
from tests.unit.commit.test_commit_fence_paused import interrupted, take_over

MOST = 240
"""More calls than any order makes."""


def main() -> None:
    """Stop an order at its calls, each on an overlay of its own; print its last words."""
    order, mode, home, limit = sys.argv[1], LockMode(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    lease.LEASE = 0.1
    low = f"{home}/low"
    os.makedirs(f"{low}/lib/python3/site-packages")
    change(low, (), OLD, fsync=False)
    points = range(0, MOST, max(MOST // limit, 1))
    roots = {n: f"{home}/{n}/env" for n in points}
    for n, root in roots.items():
        mount(root, low, upper=f"{home}/{n}/upper")
        if order == "recover":
            interrupted(root)
    words = set()
    with Container() as container:  # sees what is mounted now, and nothing later
        for n, root in roots.items():
            answer = container.ask(order, root, mode, n)
            if not answer.stopped:
                assert answer.rest == "past", answer
                break
            words.add(take_over(container, root, mode))
        else:
            raise AssertionError("it never ended")
    for root in roots.values():
        subprocess.run(["umount", "-l", root], check=True)
    sys.stdout.write(" ".join(words))


def paused_in(mounts: Mounts, order: str, mode: LockMode, home: str, limit: int) -> set[str]:
    """Run it in a namespace; the last words."""
    line = [*mounts.enter, sys.executable, "-m", "tests.system.paused_layers", order, mode, home, str(limit)]
    environment = {**os.environ, "PYTHONPATH": CHECKOUT}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


if __name__ == "__main__":
    main()
