"""``doctor`` where this user may not write: said, and not one call that would change anything is made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

import pytest

from holdfast.disk import calls
from holdfast.events import SILENT
from holdfast.flows.doctor import doctor
from holdfast.model.diagnosis import Diagnosis
from holdfast.model.request import InstallPolicy, LockSettings
from holdfast.model.target import TargetRequest
from tests.support.areas import dead_owner, living_owner, plant_lock, plant_transaction
from tests.support.sandbox import Sandbox
from tests.support.trees import snapshot, unchanged


class NotYours(calls.Calls):
    """Nothing below a directory may be written, and nobody tries to."""

    def __init__(self, root: str) -> None:
        self._root = root
        for name in calls.MUTATING:
            setattr(self, name, self._tried)

    def access(self, path: str, mode: int, **how: Any) -> bool:  # type: ignore[override] # noqa: ANN401 - as os.access
        return not path.startswith(self._root) and os.access(path, mode, **how)

    def _tried(self, *args: object, **_how: object) -> NoReturn:
        raise AssertionError(f"a call that changes something: {args}")


def judged(path: str, cwd: str) -> Diagnosis:
    return doctor(path, TargetRequest(cwd=cwd), LockSettings(), SILENT, policy=InstallPolicy(), cache_dir=None)


@pytest.mark.parametrize("kind", ["environment", "directory", "missing"])
def test_who_may_not_write_makes_no_call_that_writes(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    """Whatever lies there: locks, transactions at work and dead, uv's lock."""
    lib = tmp_path / "lib"
    lib.mkdir()
    site = sandbox.venv.site_packages if kind == "environment" else str(lib)
    plant_lock(site, dead_owner())
    plant_transaction(site, living_owner())
    plant_transaction(site, dead_owner())
    plant_transaction(site, dead_owner(), "journal")
    root = sandbox.venv.root if kind == "environment" else str(lib)
    (Path(root) / ".lock").write_bytes(b"")
    before = snapshot(str(tmp_path))
    with calls.using(NotYours(str(tmp_path))):
        found = judged(f"{lib}/new" if kind == "missing" else root, str(tmp_path))
    unchanged(before, str(tmp_path))
    assert found.stopped
    assert found.remarks[0].text.startswith(f"{site} may not be written by ")
    (directory,) = found.directories
    assert (directory.writable, directory.trials, found.work, found.lock_mode) == (False, None, None, None)
    assert directory.filesystem
    assert directory.bytes
    assert len(found.transactions) == (0 if kind == "missing" else 3)
    assert (found.uv_lock.exists, found.uv_lock.held) == (kind != "missing", None)
