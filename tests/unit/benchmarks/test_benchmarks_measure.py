from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.machine import filesystem_of
from benchmarks.measure import measure


def test_a_program_is_measured_whole_with_what_it_started(tmp_path: Path) -> None:
    inner = (
        "import os; b = bytearray(150_000_000); b[::4096] = b'x' * len(b[::4096])\nwhile os.times().user < 0.2: pass"
    )
    outer = f"import subprocess, sys; print('said'); subprocess.run([sys.executable, '-c', {inner!r}]); sys.exit(3)"
    done = measure((sys.executable, "-c", outer), env={"PATH": os.defpath}, directory=str(tmp_path))
    assert (done.code, done.stdout) == (3, "said\n")
    assert done.user >= 0.2
    assert done.wall >= done.user / 2
    assert done.peak_mb > 150


def test_a_program_that_does_not_end_is_killed(tmp_path: Path) -> None:
    line = (sys.executable, "-c", "import time; time.sleep(60)")
    done = measure(line, env={}, directory=str(tmp_path), longest=0.3)
    assert done.code == -9
    assert done.wall < 30


def test_the_environment_is_only_what_is_given(tmp_path: Path) -> None:
    line = (sys.executable, "-c", "import os; print(sorted(set(os.environ) - {'LC_CTYPE'}))")
    assert measure(line, env={"ONE": "1"}, directory=str(tmp_path)).stdout == "['ONE']\n"


def test_the_filesystem_is_that_of_the_nearest_mount() -> None:
    assert filesystem_of("/proc/self").startswith("proc (")
