"""Who is dead: the rule of one boot and one pid namespace, on values."""

from __future__ import annotations

import pytest

from holdfast.disk import Sight
from holdfast.model.owner import LockMode, OwnerRecord, Verdict, judge

RECORD = OwnerRecord(
    id="0" * 32, pid=7, pid_namespace=1, boot="this", started=100, uid=0, mode=LockMode.FLOCK, host="", user=""
)


@pytest.mark.parametrize(
    ("boot", "namespace", "sight", "verdict"),
    [
        ("this", 1, Sight(exists=False), Verdict.DEAD),
        ("this", 1, Sight(exists=True, state="S", started=100), Verdict.ALIVE),
        ("this", 1, Sight(exists=True, state="T", started=100), Verdict.ALIVE),
        ("this", 1, Sight(exists=True, state="S", started=101), Verdict.DEAD),
        ("this", 1, Sight(exists=True, state="Z", started=100), Verdict.DEAD),
        ("this", 1, Sight(exists=True, state="X", started=100), Verdict.DEAD),
        ("this", 1, Sight(exists=True), Verdict.UNKNOWN),
        ("this", 2, Sight(exists=False), Verdict.UNKNOWN),
        ("other", 1, Sight(exists=False), Verdict.UNKNOWN),
        ("", 1, Sight(exists=False), Verdict.UNKNOWN),
    ],
)
def test_an_owner_is_judged(boot: str, namespace: int, sight: Sight, verdict: Verdict) -> None:
    assert judge(RECORD, boot=boot, pid_namespace=namespace, sight=sight) is verdict


def test_a_record_without_a_start_time_cannot_be_compared() -> None:
    record = OwnerRecord(id="0" * 32, pid=7, pid_namespace=1, boot="this", started=0, uid=0, mode=LockMode.FLOCK)
    sight = Sight(exists=True, state="S", started=100)
    assert judge(record, boot="this", pid_namespace=1, sight=sight) is Verdict.UNKNOWN
