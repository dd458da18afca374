from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from installer.sources import WheelFile
from packaging.metadata import Metadata
from packaging.utils import parse_wheel_filename

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
from tests.support.sdists import SdistSpec, build_sdist, sdist_bytes
from tests.support.wheels import WheelSpec, build_wheel, metadata_bytes, pkg, wheel_bytes

CODE = "apple/__init__.py"


def full() -> WheelSpec:
    return WheelSpec(
        name="Full.House",
        version="1.0+local.1",
        files={"full_house/__init__.py": "", "full_house/run.sh": "#!/bin/sh\n", "odd, name.txt": b"\0"},
        requires=("apple>=1; extra == 'fruit'",),
        requires_python=">=3.8",
        extras=("fruit",),
        console_scripts={"house": "full_house:main"},
        gui_scripts={"house-gui": "full_house:main"},
        entry_points={"full.plugins": {"one": "full_house:one"}},
        data={"scripts/house.sh": "#!/bin/sh\n", "headers/house.h": "", "data/share/house": "x"},
        dist_info={"licenses/LICENSE": "free"},
        headers=(("Summary", "Everything"),),
        description="All of it.",
        tags=("py2-none-any", "py3-none-any"),
        build="2a",
        executable=frozenset({"full_house/run.sh"}),
    )


def validate(spec: WheelSpec, directory: str) -> None:
    """What the `installer` project, which is not ours, says of a wheel."""
    with WheelFile.open(Path(build_wheel(spec, directory))) as wheel:
        wheel.validate_record(validate_contents=True)


def opened(spec: WheelSpec) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(wheel_bytes(spec)))


@pytest.mark.parametrize("spec", [pkg("apple"), full()], ids=lambda spec: spec.name)
def test_an_undamaged_wheel_is_valid(tmp_path: object, spec: WheelSpec) -> None:
    validate(spec, str(tmp_path))


def test_the_file_name_says_name_version_build_and_tags() -> None:
    name, version, build, tags = parse_wheel_filename(full().filename)

    assert (name, str(version), build) == ("full-house", "1.0+local.1", (2, "a"))
    assert {str(tag) for tag in tags} == {"py2-none-any", "py3-none-any"}


def test_metadata_is_what_was_asked_for() -> None:
    metadata = Metadata.from_email(metadata_bytes(full()))

    assert metadata.name == "Full.House"
    assert str(metadata.requires_python) == ">=3.8"
    assert [str(each) for each in metadata.requires_dist or ()] == ['apple>=1; extra == "fruit"']
    assert metadata.provides_extra == ["fruit"]
    assert metadata.summary == "Everything"


def test_programs_carry_the_x_bits() -> None:
    with opened(full()) as archive:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in archive.infolist()}

    assert modes["full_house/run.sh"] == 0o755
    assert modes["full_house-1.0+local.1.data/scripts/house.sh"] == 0o755
    assert modes["full_house/__init__.py"] == 0o644


def test_the_same_specification_gives_the_same_bytes() -> None:
    assert wheel_bytes(full()) == wheel_bytes(full())
    assert sdist_bytes(SdistSpec(name="a", version="1")) == sdist_bytes(SdistSpec(name="a", version="1"))


@pytest.mark.parametrize(
    "damage",
    [
        WrongHash(path=CODE),
        WrongSize(path=CODE),
        Unlisted(path="apple/extra.py"),
        Unhashed(path=CODE),
        NoRecord(),
        Truncated(),
        RottenBytes(path=CODE),
        FilenameSays(name="pear"),
        SecondDistInfo(),
        Duplicate(path=CODE),
    ],
    ids=lambda damage: type(damage).__name__,
)
def test_damage_is_seen_by_a_checker_that_is_not_ours(tmp_path: object, damage: Damage) -> None:
    spec = WheelSpec(name="apple", version="1.0", files={CODE: "x = 1\n"}, damage=(damage,))

    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever installer and zipfile say
        validate(spec, str(tmp_path))


def test_damage_that_installer_lets_pass_is_in_the_archive() -> None:
    def damaged(damage: Damage) -> zipfile.ZipFile:
        return opened(WheelSpec(name="apple", version="1.0", files={CODE: "x = 1\n"}, damage=(damage,)))

    def record(archive: zipfile.ZipFile) -> str:
        return archive.read("apple-1.0.dist-info/RECORD").decode()

    with damaged(Missing(path=CODE)) as archive:
        assert CODE not in archive.namelist()
        assert CODE in record(archive)
    with damaged(Traversal()) as archive:
        assert "../../escaped.py" in archive.namelist()
        assert "../../escaped.py," in record(archive)
    with damaged(NoMetadata()) as archive:
        assert "apple-1.0.dist-info/METADATA" not in archive.namelist()
    with damaged(NoWheelFile()) as archive:
        assert "apple-1.0.dist-info/WHEEL" not in archive.namelist()
    with damaged(NonUtf8Metadata()) as archive, pytest.raises(UnicodeDecodeError):
        archive.read("apple-1.0.dist-info/METADATA").decode()
    with damaged(DuplicateRow(path=CODE)) as archive:
        assert record(archive).count(f"{CODE},") == 2
    with damaged(SymlinkEntry(path="apple/link", to="/etc/passwd")) as archive:
        assert archive.getinfo("apple/link").external_attr >> 28 == 0o12
    with damaged(Duplicate(path=CODE)) as archive:
        assert archive.namelist().count(CODE) == 2


def test_a_file_name_may_claim_another_version() -> None:
    spec = WheelSpec(name="apple", version="1.0", damage=(FilenameSays(version="2.0"),))

    assert spec.filename == "apple-2.0-py3-none-any.whl"
    with opened(spec) as archive:
        assert "apple-1.0.dist-info/METADATA" in archive.namelist()


def test_damage_that_misses_is_a_mistake_in_the_test() -> None:
    with pytest.raises((KeyError, StopIteration)):
        wheel_bytes(WheelSpec(name="apple", version="1.0", damage=(WrongHash(path="no/such.py"),)))


def test_versions_of_a_higher_major_are_what_the_files_say() -> None:
    with opened(WheelSpec(name="a", version="1", wheel_version="2.0", metadata_version="3.0")) as archive:
        assert b"Wheel-Version: 2.0\n" in archive.read("a-1.dist-info/WHEEL")
        assert b"Metadata-Version: 3.0\n" in archive.read("a-1.dist-info/METADATA")


def test_an_sdist_has_one_directory(tmp_path: object) -> None:
    with tarfile.open(build_sdist(SdistSpec(name="Old.Ware", version="3"), str(tmp_path))) as archive:
        assert archive.getnames() == ["old_ware-3/PKG-INFO", "old_ware-3/pyproject.toml"]
