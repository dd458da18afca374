"""Default, flock and marker exclude each other in all nine pairings, killed and refused as they may be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.model.transaction import LOCK_NAME
from tests.race.lock_nursery import NAMES
from tests.support.areas import bare_target

PAIRS = [f"{after} after {before}" for before in NAMES for after in NAMES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What came of a race.

    Attributes:
        acquisitions: That ended inside the lock.
        number: What all of them have added up to; a kill between the two makes it one more.
        kills: Workers that were killed.
        failed: Workers that ended by themselves.
        overlaps: Two were inside at a time.
        refused: Explicit flock, where flock was refused three times.
        followed: Acquisitions by pairing.
        broken: A dead holder's leftover broken, by pairing.
    """

    acquisitions: int
    number: int
    kills: int
    failed: int
    overlaps: int
    refused: int
    followed: list[int]
    broken: list[int]

    def __str__(self) -> str:
        pairs = ", ".join(
            f"{name} {n} ({m} broken)" for name, n, m in zip(PAIRS, self.followed, self.broken, strict=True)
        )
        return (
            f"{self.acquisitions} acquisitions, {self.kills} kills, {self.overlaps} overlaps, "
            f"{self.refused} refused; {pairs}"
        )


def race(
    root: Path, *, acquisitions: int, kills: int, workers: int = 8, refusing: bool, working: bool = True, seed: int = 1
) -> Tally:
    bare_target(str(root))
    task = {
        "root": str(root),
        "workers": workers,
        "acquisitions": acquisitions,
        "kills": kills,
        "refusing": refusing,
        "working": working,
        "seed": seed,
    }
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tests.race.lock_nursery", json.dumps(task)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=7200)
    assert done.returncode == 0, done.stderr
    result = Tally(**json.loads(done.stdout))
    print(result)  # noqa: T201 - the counts, shown with -s or after a failure
    assert result.failed == 0, done.stderr
    return result


def assert_exclusive(result: Tally, root: Path) -> None:
    assert result.overlaps == 0
    assert result.acquisitions <= result.number <= result.acquisitions + result.kills
    assert min(result.followed) > 0, PAIRS[result.followed.index(0)]
    left = os.listdir(root / "lib")
    assert [name for name in left if name != LOCK_NAME] == []  # the last killed holder's lock goes with the next taker


@pytest.mark.parametrize("refusing", [False, True], ids=["flock-works", "a-third-of-flocks-is-refused"])
def test_all_nine_pairings_exclude_each_other(tmp_path: Path, *, refusing: bool) -> None:
    result = race(tmp_path, acquisitions=600, kills=60, refusing=refusing)
    assert_exclusive(result, tmp_path)
    assert result.kills == 60
    assert sum(result.broken) > 0
    assert (result.refused > 0) is refusing


def test_without_a_lock_the_detector_fires(tmp_path: Path) -> None:
    result = race(tmp_path, acquisitions=600, kills=0, workers=4, refusing=False, working=False)
    assert result.overlaps > 0


@pytest.mark.exhaustive
@pytest.mark.parametrize("refusing", [False, True], ids=["flock-works", "a-third-of-flocks-is-refused"])
def test_100_000_acquisitions_and_5_000_kills_without_one_overlap(tmp_path: Path, *, refusing: bool) -> None:
    result = race(tmp_path, acquisitions=100_000, kills=5_000, refusing=refusing, seed=2)
    assert_exclusive(result, tmp_path)
    assert min(result.broken) > 0, "a leftover of each mode was broken by each mode"
