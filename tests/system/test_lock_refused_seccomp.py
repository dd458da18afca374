"""flock is refused by a seccomp filter, on the environment and on the store (issue 4, number 1).

Every command works and says so once, or, with an explicit ``flock``, ends with exit 6 and the advice;
``HOLDFAST_LOCK_MODE=marker`` is silent.
"""

from __future__ import annotations

import os

import pytest

from tests.support.refusing import NO_LOCKS, name_of, refusing
from tests.support.sandbox import Sandbox
from tests.system.lockless import Lockless, live, live_shortly

REFUSED = pytest.mark.parametrize("number", NO_LOCKS, ids=name_of)
ONE_AND_ALL = pytest.mark.parametrize(
    "number", [NO_LOCKS[-1], *(pytest.param(n, marks=pytest.mark.exhaustive) for n in NO_LOCKS[:-1])], ids=name_of
)


def lockless(sandbox: Sandbox, number: int) -> Lockless:
    return Lockless(box=sandbox, wrap=lambda line: refusing(number, line))


@REFUSED
def test_who_has_no_locks_is_told_once_and_works(sandbox: Sandbox, number: int) -> None:
    live_shortly(lockless(sandbox, number))


@ONE_AND_ALL
def test_every_command_in_each_of_its_moods(sandbox: Sandbox, number: int) -> None:
    live(lockless(sandbox, number))


@ONE_AND_ALL
def test_a_store_without_locks_fails_nobody(sandbox: Sandbox, number: int) -> None:
    """Filled, used and emptied, also where the lock itself needs none."""
    here = lockless(sandbox, number)
    here.is_silent("install", "alpha==1.0", "--lock-mode=marker")
    assert os.listdir(os.path.join(sandbox.cache, "holdfast"))
    here.is_silent("cache", "clean")
    assert not os.path.exists(os.path.join(sandbox.cache, "holdfast"))
