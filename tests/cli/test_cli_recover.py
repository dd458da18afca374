"""``holdfast recover`` shows words that others wrote: they must not reach the terminal as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.cli.main import main
from holdfast.disk import boot_id, pid_namespace
from holdfast.model.owner import LockMode, OwnerRecord
from holdfast.model.target import SchemeKey

ID = "0123456789abcdef" * 2


def dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_dead_owners_words_are_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = tmp_path / f".holdfast-{ID}"
    for name in ("new", "old"):
        (left / name).mkdir(parents=True)
    owner = OwnerRecord(
        id=ID,
        pid=dead_process(),
        pid_namespace=pid_namespace(),
        boot=boot_id(),
        started=1,
        uid=0,
        mode=LockMode.FLOCK,
        command="install \x1b]0;owned\x07",
    )
    (left / "owner").write_bytes(owner.to_bytes())
    journal = {"journal": 1, "id": ID, "rooms": [list(SchemeKey)], "names": [], "projects": [], "steps": []}
    (left / "journal").write_text(json.dumps(journal))
    assert main(["recover", "--target", str(tmp_path), "--python", sys.executable, "--no-cache"]) == 0
    out = capsys.readouterr().out
    assert "Took back" in out
    assert "\x1b" not in out
    assert "\\x1b]0;owned" in out
    assert list(tmp_path.iterdir()) == []
