"""What ``check --files`` finds in an environment that pip or anybody made."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from holdfast.model.target import SchemeKey, TargetRequest
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
    return {os.path.relpath(fault.path, base): fault.kind for each in state for fault in file_faults(each)}


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


def test_a_distribution_without_record_is_named(sandbox: Sandbox, site: str) -> None:
    state = read_installed(locate(TargetRequest(virtual_env=sandbox.venv.root)))
    without = replace(next(iter(state)), record=None)
    assert [fault.kind for fault in file_faults(without)] == [FaultKind.NO_RECORD]
    assert os.path.isdir(site)
