"""Every way to spoil a wheel is refused with its reason, and leaves nothing."""

from __future__ import annotations

import hashlib
import os

import pytest

from holdfast.errors import IntegrityError
from holdfast.model.stored import StoredWheel
from holdfast.store.wheels import WheelStore
from tests.support.damage import (
    Damage,
    Duplicate,
    DuplicateRow,
    FilenameSays,
    Missing,
    NoMetadata,
    NonUtf8Metadata,
    NoRecord,
    NoWheelFile,
    RottenBytes,
    SecondDistInfo,
    SymlinkEntry,
    Traversal,
    Truncated,
    Unhashed,
    Unlisted,
    WrongHash,
    WrongSize,
)
from tests.support.wheels import WheelSpec, build_wheel

CODE = "pkg/code.py"
FILES = {"pkg/__init__.py": "", CODE: "x = 1\n" * 100}


def add(spec: WheelSpec, tmp_path: object, *, allow_bad_record: bool = False) -> StoredWheel:
    path = build_wheel(spec, f"{tmp_path}/dist")
    store = WheelStore.open(f"{tmp_path}/cache", f"{tmp_path}/work")
    with open(path, "rb") as file:
        sha256 = hashlib.sha256(file.read()).hexdigest()
    return store.add(path, sha256=sha256, filename=spec.filename, allow_bad_record=allow_bad_record)


def everything(directory: str) -> list[str]:
    return [os.path.join(top, name) for top, _, names in os.walk(directory) for name in names]


RECORD_ONLY: list[tuple[Damage, str]] = [
    (WrongHash(path=CODE), "'pkg/code.py' has not the hash that its RECORD says"),
    (WrongSize(path=CODE), "'pkg/code.py' has 600 bytes, its RECORD says 601"),
    (Unlisted(path="pkg/extra.py"), "its RECORD does not list 'pkg/extra.py'"),
    (Unhashed(path=CODE), "its RECORD lists 'pkg/code.py' without a hash"),
    (Missing(path=CODE), "its RECORD lists 'pkg/code.py', which it does not hold"),
    (NoRecord(), "it has no RECORD"),
    (DuplicateRow(path=CODE), "its RECORD lists 'pkg/code.py' twice, differently"),
]
STRUCTURE: list[tuple[Damage, str]] = [
    (NoMetadata(), "it has no 'pkg-1.0.dist-info/METADATA'"),
    (NoWheelFile(), "it has no 'pkg-1.0.dist-info/WHEEL'"),
    (Truncated(), "it is not a whole ZIP file"),
    (Truncated(keep=200), "it is not a whole ZIP file"),
    (RottenBytes(path=CODE), "'pkg/code.py' is damaged"),
    (Traversal(), "the name '../../escaped.py' leads out of the wheel"),
    (Traversal(path="/etc/escaped.py"), "the name '/etc/escaped.py' leads out of the wheel"),
    (Traversal(path="pkg/../../escaped.py"), "leads out of the wheel"),
    (Traversal(path="pkg//escaped.py"), "leads out of the wheel"),
    (Traversal(path="./escaped.py"), "leads out of the wheel"),
    (Traversal(path="C:/escaped.py"), "leads out of the wheel"),
    (Traversal(path="pkg\\escaped.py"), "holds a backslash"),
    (Traversal(path="pkg/new\nline.py"), "holds a control character"),
    (Traversal(path="x" * 256), "is too long for a file system"),
    (Traversal(path="d/" * 1000 + "x"), "is too long for a file system"),
    (Traversal(path="pkg-1.0.data/../x"), "leads out of the wheel"),
    (Traversal(path="pkg/code.py/below.py"), "'pkg/code.py' is a file and a directory at once"),
    (Traversal(path="pkg-1.0.data/nowhere/x"), "is for no known part of an installation"),
    (Traversal(path="pkg-1.0.data/purelib/pkg/code.py"), "go to the same place"),
    (Traversal(path="pkg-1.0.data/platlib/other-2.dist-info/METADATA"), "would bring another dist-info directory"),
    (SecondDistInfo(), "it holds 2 dist-info directories ('pkg-1.0.dist-info', 'stowaway-6.6.dist-info')"),
    (FilenameSays(name="other"), "its METADATA says pkg 1.0"),
    (FilenameSays(version="2.0"), "its METADATA says pkg 1.0"),
    (NonUtf8Metadata(), "METADATA is not UTF-8"),
    (Duplicate(path=CODE), "it holds 'pkg/code.py' twice"),
    (SymlinkEntry(path="pkg/link", to="/etc/passwd"), "'pkg/link' is a symbolic link, and wheels hold only files"),
]


@pytest.mark.parametrize(("damage", "reason"), RECORD_ONLY + STRUCTURE, ids=str)
def test_damage_is_refused_with_its_reason_and_leaves_nothing(damage: Damage, reason: str, tmp_path: object) -> None:
    spec = WheelSpec(name="pkg", version="1.0", files=FILES, damage=(damage,))
    with pytest.raises(IntegrityError) as caught:
        add(spec, tmp_path)
    assert reason in caught.value.cause
    assert caught.value.cause.startswith(f"{spec.filename} is not a valid wheel: ")
    assert everything(f"{tmp_path}/cache") == everything(f"{tmp_path}/work") == []
    assert not os.path.exists(f"{tmp_path}/escaped.py")


@pytest.mark.parametrize(("damage", "reason"), RECORD_ONLY, ids=str)
def test_a_bad_record_can_be_let_pass_and_stays_apart(damage: Damage, reason: str, tmp_path: object) -> None:
    del reason
    spec = WheelSpec(name="pkg", version="1.0", files=FILES, damage=(damage,))
    stored = add(spec, tmp_path, allow_bad_record=True)
    store = WheelStore.open(f"{tmp_path}/cache", f"{tmp_path}/work")
    assert store.get(stored.manifest.sha256) is None
    again = store.get(stored.manifest.sha256, allow_bad_record=True)
    assert again is not None
    assert again.manifest == stored.manifest
    members = {file.member for file in again.manifest.files}
    assert (CODE in members) is not isinstance(damage, Missing)
    assert "pkg-1.0.dist-info/RECORD" not in members


@pytest.mark.parametrize(("damage", "reason"), STRUCTURE, ids=str)
def test_nothing_else_can_be_let_pass(damage: Damage, reason: str, tmp_path: object) -> None:
    spec = WheelSpec(name="pkg", version="1.0", files=FILES, damage=(damage,))
    with pytest.raises(IntegrityError) as caught:
        add(spec, tmp_path, allow_bad_record=True)
    assert reason in caught.value.cause


def test_letting_pass_what_is_right_changes_nothing(tmp_path: object) -> None:
    stored = add(WheelSpec(name="pkg", version="1.0", files=FILES), tmp_path, allow_bad_record=True)
    store = WheelStore.open(f"{tmp_path}/cache", f"{tmp_path}/work")
    assert store.get(stored.manifest.sha256) is not None


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (WheelSpec(name="pkg", version="1.0", wheel_version="2.0"), "its Wheel-Version is 2.0"),
        (WheelSpec(name="pkg", version="1.0", wheel_version="new"), "its WHEEL file says no Wheel-Version"),
        (WheelSpec(name="pkg", version="1.0", metadata_version="3.0"), "Metadata-Version '3.0' is newer than 2.x"),
        (WheelSpec(name="pkg", version="1.0", metadata="Metadata-Version: 2.1\nName: pkg\n\n"), "no Version field"),
        (WheelSpec(name="pkg", version="1.0", console_scripts={"../x": "pkg:f"}), "'../x' is no name for a script"),
        (WheelSpec(name="pkg", version="1.0", console_scripts={"x": "pkg"}), "'pkg', which is no function"),
        (WheelSpec(name="pkg", version="1.0", console_scripts={"x": "pkg:f;rm"}), "which is no function"),
        (WheelSpec(name="pkg", version="1.0", dist_info={"entry_points.txt": "no section"}), "entry_points.txt"),
    ],
)
def test_what_it_says_of_itself_is_checked(spec: WheelSpec, reason: str, tmp_path: object) -> None:
    with pytest.raises(IntegrityError) as caught:
        add(spec, tmp_path)
    assert reason in caught.value.cause
    assert everything(f"{tmp_path}/cache") == []


def test_a_weak_hash_proves_nothing(tmp_path: object) -> None:
    info = "pkg-1.0.dist-info"
    spec = WheelSpec(
        name="pkg", version="1.0", dist_info={"RECORD": f"{info}/METADATA,md5=1B2M2Y8AsgTpgAmY7PhCfg,0\n"}, damage=()
    )
    spoilt = WheelSpec(name="pkg", version="1.0", dist_info=spec.dist_info, damage=(NoRecord(),))
    with pytest.raises(IntegrityError, match=r"md5|does not list"):
        add(spoilt, tmp_path)
