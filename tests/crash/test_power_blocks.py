"""Power loss on real file systems: OLD before the point of no return, NEW after it, whatever blocks were kept (P1, P8).

What a real command has the kernel write to ext4, xfs or btrfs is recorded, block by block, with the disk's flushes. The
disk is made anew as it may be at a moment: with all, some or none of what was not flushed. The file system follows its
own log, and real commands recover and go on. The environment, the store and everything else lie on that disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.power import lose_power, lose_what_the_store_holds
from tests.crash.power_cases import APART, CASES, ONES, RECOVERY, TWOS, UPGRADE, Case, specs
from tests.support.blocks.images import BTRFS, EXT4, XFS, Kind
from tests.support.faulty_main import ROOT
from tests.support.sandbox import Sandbox, command
from tests.support.timed_main import Skips
from tests.support.trees import snapshot
from tests.support.wheels import build_wheel

EVERY = 100_000
exhaustive = pytest.mark.exhaustive


@pytest.mark.parametrize(
    ("kind", "case", "limit"),
    [
        pytest.param(EXT4, UPGRADE, 6, id="ext4-upgrade"),
        pytest.param(EXT4, RECOVERY, 3, id="ext4-recovery"),
        *(
            pytest.param(kind, case, EVERY, marks=exhaustive, id=f"{kind.name}-{case.name}-every moment")
            for kind in (EXT4, XFS, BTRFS)
            for case in CASES
        ),
    ],
)
def test_power_loss_leaves_old_before_the_point_of_no_return_and_new_after_it(
    tmp_path: Path, kind: Kind, case: Case, limit: int
) -> None:
    outcome = lose_power(str(tmp_path), kind, case, limit=limit)
    assert outcome.wrong == ""
    assert outcome.new > 0 or (case is RECOVERY and outcome.old > 0)
    print(f"{kind.name}, {case.name}: {outcome}")  # noqa: T201 - the counts of an exhaustive run, with -s


@pytest.mark.parametrize(
    ("case", "skips", "limit"),
    [
        (UPGRADE, Skips.LAST, 1),
        (UPGRADE, Skips.DATA, 1),
        pytest.param(UPGRADE, Skips.ALL, 1, marks=exhaustive),
        pytest.param(APART, Skips.JOURNAL, EVERY, marks=exhaustive),
    ],
    ids=lambda value: value.name if isinstance(value, Case) else str(value),
)
def test_a_sync_that_is_left_out_is_noticed(tmp_path: Path, case: Case, skips: Skips, limit: int) -> None:
    """Each of them is needed. (Between the steps ext4 writes out in order what one disk holds, the journal or not.)"""
    places = fresh_places(tmp_path)
    assert any(lose_power(place, EXT4, case, limit=limit, skips=skips).wrong for place in places)


def test_what_was_lost_of_the_store_is_never_installed(tmp_path: Path) -> None:
    """An entry is there, and the data of its files is not: nobody has synced it (``--no-fsync``)."""
    assert any(lose_what_the_store_holds(place, EXT4) for place in fresh_places(tmp_path))


@pytest.mark.exhaustive
def test_after_a_restart_the_next_command_takes_it_back(sandbox: Sandbox) -> None:
    """Nobody can be asked whether the owner lives: the lock has its lease of 30 seconds."""
    wheels = os.path.join(sandbox.root, "wheels")
    for spec in specs():
        build_wheel(spec, wheels)
    where = ("--no-index", "--find-links", wheels)
    sandbox.venv  # noqa: B018 - made now
    sandbox.run(*ONES, *where).ok()
    old = snapshot(sandbox.venv.site_packages)
    killed = [sys.executable, "-m", "tests.support.faulty_main", "journal+9", "before", "SIGKILL", "holdfast"]
    subprocess.run([*killed, *TWOS, *where], env=sandbox.env(PYTHONPATH=ROOT), cwd=sandbox.cwd, check=False)
    assert snapshot(sandbox.venv.site_packages) != old
    other = sandbox.write("boot", "00000000-1111-2222-3333-444444444444\n")
    script = f'mount --bind {other} /proc/sys/kernel/random/boot_id && exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *command("recover")],
        env=sandbox.env(),
        cwd=sandbox.cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mounts here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert "Took back" in done.stdout
    assert snapshot(sandbox.venv.site_packages) == old


def fresh_places(root: Path) -> Iterator[str]:
    """Who syncs the whole machine in just that moment saves what nobody asked for: then again, in another one."""
    for n in range(3):
        (root / str(n)).mkdir()
        yield str(root / str(n))
