"""What ``check --files`` finds in an environment that pip or anybody made."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.model.hashes import record_text
from holdfast.model.installed import InstalledDistribution, RecordEntry
from holdfast.model.metadata import Metadata
from holdfast.model.target import SchemeKey, TargetRequest
from holdfast.target.foreign import foreign_files
from holdfast.target.installed import read_installed
from holdfast.target.integrity import FaultKind, file_faults
from holdfast.target.locate import locate
from holdfast.target.records import with_records
from tests.support.peers import Peer
from tests.support.sandbox import Sandbox
from tests.support.wheels import build_wheel, pkg


@pytest.fixture
def site(sandbox: Sandbox, uv: Peer) -> str:
    wheel = build_wheel(pkg("demo", files={"demo/data.txt": b"data"}), sandbox.tmp)
    uv.run(sandbox, "install", "--no-index", "--compile-bytecode", wheel).ok()
    return sandbox.venv.site_packages


def found(sandbox: Sandbox) -> dict[str, FaultKind]:
    target = locate(TargetRequest(virtual_env=sandbox.venv.root))
    state = read_installed(target)
    state = with_records(state, [each.name for each in state])
    base = target.scheme.directory(SchemeKey.PURELIB)
    return {os.path.relpath(fault.path, base): fault.kind for fault in file_faults(state)}


def test_what_is_whole_has_no_fault(sandbox: Sandbox, site: str) -> None:
    assert os.path.isdir(site)
    assert found(sandbox) == {}


def test_a_missing_file_is_found(sandbox: Sandbox, site: str) -> None:
    os.unlink(os.path.join(site, "demo/data.txt"))
    assert found(sandbox) == {"demo/data.txt": FaultKind.MISSING}


@pytest.mark.parametrize("content", [b"DATA", b"longer than before"])
def test_a_changed_file_is_found(sandbox: Sandbox, site: str, content: bytes) -> None:
    with open(os.path.join(site, "demo/data.txt"), "wb") as file:
        file.write(content)
    assert found(sandbox) == {"demo/data.txt": FaultKind.DAMAGED}


def test_a_file_that_became_a_directory_is_damaged(sandbox: Sandbox, site: str) -> None:
    os.unlink(os.path.join(site, "demo/data.txt"))
    os.mkdir(os.path.join(site, "demo/data.txt"))
    assert found(sandbox) == {"demo/data.txt": FaultKind.DAMAGED}


def test_bytecode_may_be_missing(sandbox: Sandbox, site: str) -> None:
    for parent, _, files in os.walk(os.path.join(site, "demo")):
        for name in files:
            if name.endswith(".pyc"):
                os.unlink(os.path.join(parent, name))
    assert found(sandbox) == {}


def test_a_distribution_without_record_has_no_faults(sandbox: Sandbox, site: str) -> None:
    state = read_installed(locate(TargetRequest(virtual_env=sandbox.venv.root)))
    assert file_faults([replace(next(iter(state)), record=None)]) == ()
    assert os.path.isdir(site)


def test_several_threads_find_what_one_finds(tmp_path: Path) -> None:
    lines = []
    for number in range(300):
        (tmp_path / f"{number}.txt").write_bytes(b"x" * number)
        content = b"y" * number if number % 7 == 0 else b"x" * number
        digest = record_text(hashlib.sha256(content).digest())
        lines.append(RecordEntry(path=f"{number}.txt", algorithm="sha256", digest=digest, size=number))
    lines.append(RecordEntry(path="gone.txt", algorithm="sha256", digest="x", size=1))
    many = InstalledDistribution(
        metadata=Metadata(name=NormalizedName("many"), display_name="many", version=Version("1")),
        location=str(tmp_path),
        info_name="many-1.dist-info",
        record=tuple(lines),
        record_digest="",
    )
    alone = file_faults([many], threads=1)
    assert file_faults([many], threads=4) == alone
    assert len(alone) == len(range(7, 300, 7)) + 1  # nothing at all is what it was: 0
    assert alone[-1].kind is FaultKind.MISSING


def test_a_pipe_is_damaged_and_stops_nobody(sandbox: Sandbox, site: str) -> None:
    os.unlink(os.path.join(site, "demo/data.txt"))
    os.mkfifo(os.path.join(site, "demo/data.txt"))
    assert found(sandbox) == {"demo/data.txt": FaultKind.DAMAGED}


def foreign(sandbox: Sandbox) -> dict[str, str]:
    target = locate(TargetRequest(virtual_env=sandbox.venv.root))
    state = read_installed(target)
    state = with_records(state, [each.name for each in state])
    base = target.scheme.directory(SchemeKey.PURELIB)
    return {os.path.relpath(fault.path, base): fault.name for fault in foreign_files(tuple(state))}


def test_a_file_that_no_record_lists_is_foreign_where_a_distribution_has_files(sandbox: Sandbox, site: str) -> None:
    assert foreign(sandbox) == {}
    for path in ("demo/notes.txt", "demo/deep/er/notes.txt", "demo-1.0.dist-info/notes.txt", "alone.pth", "own/x.py"):
        os.makedirs(os.path.dirname(os.path.join(site, path)), exist_ok=True)
        with open(os.path.join(site, path), "wb"):
            pass
    os.symlink("/nowhere", os.path.join(site, "demo/link"))
    assert foreign(sandbox) == dict.fromkeys(
        ("demo/deep/er/notes.txt", "demo/link", "demo/notes.txt", "demo-1.0.dist-info/notes.txt"), "demo"
    )


def test_bytecode_and_what_installers_write_are_not_foreign(sandbox: Sandbox, site: str) -> None:
    for path in ("demo/__pycache__/other.cpython-399.pyc", "demo-1.0.dist-info/direct_url.json"):
        with open(os.path.join(site, path), "wb"):
            pass
    assert foreign(sandbox) == {}


def test_a_file_of_another_distribution_is_not_foreign(sandbox: Sandbox, site: str, uv: Peer) -> None:
    wheel = build_wheel(pkg("other", files={"demo/plugins/other.py": b"1"}), sandbox.tmp)
    uv.run(sandbox, "install", "--no-index", wheel).ok()
    with open(os.path.join(site, "demo/plugins/nobodys.py"), "wb"):
        pass
    assert foreign(sandbox) == {"demo/plugins/nobodys.py": "other"}
