"""holdfast with a shorter lease, and with a wall clock that is off: constants of the product that are no settings.

``python -m tests.support.hasty_main LEASE REFRESH SKEW MODULE ARGS``: seconds of the lease, seconds between two signs
of life, seconds that the wall clock is ahead.
"""

from __future__ import annotations

import runpy
import sys
import time
from collections.abc import Sequence

from holdfast.envlock import lease


def hasty(
    *args: str, seconds: float, refresh: float = 5.0, skew: float = 0.0, module: str = "holdfast"
) -> Sequence[str]:
    """The argument list; it needs the repository's root on ``PYTHONPATH``.

    No bytecode is written, so that every run makes the same calls.
    """
    return [sys.executable, "-B", "-m", __name__, str(seconds), str(refresh), str(skew), module, *args]


def main() -> None:
    """Run the module."""
    lease.LEASE, lease.REFRESH, skew = map(float, sys.argv[1:4])
    if skew:
        real, real_ns = time.time, time.time_ns
        time.time = lambda: real() + skew
        time.time_ns = lambda: real_ns() + int(skew * 1_000_000_000)
    module, sys.argv[1:] = sys.argv[4], sys.argv[5:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
