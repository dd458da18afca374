"""Wheels are found by name and version, and what is not what it was is not handed out, however it looks (P8)."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.model.stored import StoredWheel
from holdfast.store.access import Access
from holdfast.store.lookup import stored_wheels
from holdfast.store.wheels import WheelStore
from tests.support.wheels import WheelSpec, build_wheel, pkg

DEMO = NormalizedName("demo")


@pytest.fixture
def store(tmp_path: Path) -> WheelStore:
    return WheelStore.open(str(tmp_path / "cache"), str(tmp_path / "fallback"))


def add(store: WheelStore, spec: WheelSpec, tmp_path: Path) -> StoredWheel:
    path = build_wheel(spec, str(tmp_path))
    sha256 = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return store.add(path, sha256=sha256, filename=os.path.basename(path))


def spoil(wheel: StoredWheel) -> None:
    """Other content, and nothing else to tell it by."""
    path = os.path.join(wheel.tree, "demo/__init__.py")
    status = os.stat(path)
    with open(path, "r+b") as file:
        file.write(b"X")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def found(store: WheelStore, name: str = "demo", version: str = "1.0") -> list[str]:
    return [each.manifest.filename for each in stored_wheels(store, NormalizedName(name), Version(version))]


def test_only_the_version_that_is_asked_for_is_found(store: WheelStore, tmp_path: Path) -> None:
    for spec in (pkg("demo"), pkg("demo", "1.0.1"), pkg("demo-more"), pkg("other")):
        add(store, spec, tmp_path)
    assert found(store) == ["demo-1.0-py3-none-any.whl"]
    assert found(store, "nothing") == []


def test_a_store_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert found(WheelStore.open(str(tmp_path / "none"), str(tmp_path / "fallback"))) == []
    assert found(WheelStore.open(None, str(tmp_path / "fallback"))) == []


def test_a_damage_that_no_time_tells_is_found_and_the_entry_goes(store: WheelStore, tmp_path: Path) -> None:
    wheel = add(store, pkg("demo", files={"demo/__init__.py": b"content"}), tmp_path)
    spoil(wheel)
    assert store.get(wheel.manifest.sha256) is not None  # it looks as it should
    assert found(store) == []
    assert store.get(wheel.manifest.sha256) is None
    add(store, pkg("demo", files={"demo/__init__.py": b"content"}), tmp_path)
    assert found(store) == ["demo-1.0-py3-none-any.whl"]


def test_a_damaged_entry_that_may_not_be_removed_is_not_used_any_more(tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    wheel = add(WheelStore.open(cache, str(tmp_path / "fallback")), pkg("demo"), tmp_path)
    spoil(wheel)
    store = WheelStore(cache=cache, access=Access(read=True, add=False), fallback=str(tmp_path / "fallback"))
    assert store.get(wheel.manifest.sha256) is not None
    assert found(store) == []
    assert os.path.isdir(wheel.tree)
    assert store.get(wheel.manifest.sha256) is None
