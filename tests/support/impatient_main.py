"""Run a module in a process that waits for silent holders of the environment lock for a few seconds only.

``python -m tests.support.impatient_main SECONDS MODULE ARGS``: the lease is SECONDS, and a holder says that he works
four times as often. Processes with different leases must not meet.
"""

from __future__ import annotations

import runpy
import sys

from holdfast.envlock import lease


def main() -> None:
    """Run the module."""
    seconds, module, *args = sys.argv[1:]
    lease.LEASE = float(seconds)
    lease.REFRESH = lease.LEASE / 4
    sys.argv[1:] = args
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
