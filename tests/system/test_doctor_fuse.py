"""What ``doctor`` says of a file system that lacks something, in user space (issue 4, number 15)."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.support.fuse import HOST_ONLY, passthrough
from tests.support.sandbox import Sandbox

MARKER = "export HOLDFAST_LOCK_MODE=marker"


def judged(
    sandbox: Sandbox,
    tmp_path: Path,
    *args: str,
    code: int = 0,
    flock: int | Literal["local"] | None = None,
    refused: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """The answer about a directory in such a file system."""
    backing = tmp_path / "backing"
    backing.mkdir()
    with passthrough(str(backing), flock=flock, refused=refused) as (mount,):
        found: dict[str, Any] = sandbox.run("doctor", "--json", *args, mount.path).returned(code).json
    assert list(backing.iterdir()) == []
    return found


def test_locks_that_only_this_host_sees_are_said_to_be_so(sandbox: Sandbox, tmp_path: Path) -> None:
    """They are granted all the same, so nothing but the kind of the file system tells."""
    found = judged(sandbox, tmp_path, flock=HOST_ONLY)
    (directory,) = found["directories"]
    assert directory["filesystem"].startswith("fuse")
    assert directory["trials"]["flock"] == {"answer": "host-only", "error": ""}
    assert found["lock_mode"] == "flock"
    (remark,) = found["remarks"]
    assert (remark["command"], remark["stops"]) == (MARKER, False)
    assert "seen by this host only" in remark["text"]


@pytest.mark.parametrize("mode", ["flock", "marker"])
def test_who_chose_a_mode_knows(sandbox: Sandbox, tmp_path: Path, mode: str) -> None:
    found = judged(sandbox, tmp_path, f"--lock-mode={mode}", flock=HOST_ONLY)
    assert (found["lock_mode"], found["remarks"]) == (mode, [])


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK], ids=errno.errorcode.get)
def test_no_locks_at_all(sandbox: Sandbox, tmp_path: Path, number: int) -> None:
    found = judged(sandbox, tmp_path, flock=number)
    assert found["directories"][0]["trials"]["flock"]["answer"] == "refused"
    assert found["lock_mode"] == "marker"
    assert [remark["command"] for remark in found["remarks"]] == [MARKER]


@pytest.mark.parametrize(
    ("refused", "trials", "stops"),
    [
        ({"LINK": errno.EPERM}, {"link"}, False),
        ({"RENAME2": errno.EINVAL}, {"exchange"}, False),
        ({"RENAME": errno.ENOSYS, "RENAME2": errno.ENOSYS}, {"rename", "onto_empty", "exchange"}, True),
    ],
    ids=["link", "exchange", "rename"],
)
def test_what_is_refused_is_named_and_stops_only_what_needs_it(
    sandbox: Sandbox, tmp_path: Path, refused: Mapping[str, int], trials: set[str], *, stops: bool
) -> None:
    found = judged(sandbox, tmp_path, "--lock-mode=marker", code=3 if stops else 0, refused=refused)
    tried = found["directories"][0]["trials"]
    assert {name for name, trial in tried.items() if trial and trial["answer"] == "refused"} - {"reflink"} == trials
    assert [remark["stops"] for remark in found["remarks"]] == [True] * stops
