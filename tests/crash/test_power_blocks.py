"""Power loss on real file systems: OLD before the point of no return, NEW after it, whatever blocks were kept (P1, P8).

What a real command has the kernel write to ext4, xfs or btrfs is recorded, block by block, with the disk's flushes. The
disk is made anew as it may be at a moment: with all, some or none of what was not flushed. The file system follows its
own log, and real commands recover and go on. The environment, the store and everything else lie on that disk.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.power import lose_power
from tests.crash.power_cases import CASES, RECOVERY, UPGRADE, Case
from tests.support.blocks.images import BTRFS, EXT4, XFS, Kind
from tests.support.timed_main import Skips

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
    ("skips", "limit"),
    [
        (Skips.LAST, 1),
        (Skips.DATA, 1),
        pytest.param(Skips.JOURNAL, EVERY, marks=exhaustive),
        pytest.param(Skips.ALL, 1, marks=exhaustive),
    ],
)
def test_a_sync_that_is_left_out_is_noticed(tmp_path: Path, skips: Skips, limit: int) -> None:
    assert lost(tmp_path, skips, limit)


def lost(tmp_path: Path, skips: Skips, limit: int) -> bool:
    """Whether the power loss did harm; who syncs the whole machine in that moment saves what nobody asked for."""
    for n in range(3):
        place = tmp_path / str(n)
        place.mkdir()
        if lose_power(str(place), EXT4, UPGRADE, limit=limit, skips=skips).wrong:
            return True
    return False
