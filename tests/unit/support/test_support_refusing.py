"""The filter that refuses flock: for every process below, and for nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.refusing import NO_LOCKS, name_of, refusing

ASK = """
import fcntl, sys
with open(sys.argv[1]) as file:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        print(error.errno)
    else:
        print("granted")
"""


@pytest.mark.parametrize("number", NO_LOCKS, ids=name_of)
def test_flock_answers_the_errno_to_all_that_is_started(number: int) -> None:
    ask = [sys.executable, "-c", ASK, __file__]
    assert subprocess.run(ask, check=True, capture_output=True, text=True).stdout == "granted\n"
    for command in (ask, ["sh", "-c", '"$@"; true', "sh", *ask]):
        done = subprocess.run(refusing(number, command), check=True, capture_output=True, text=True)
        assert done.stdout == f"{number}\n"
