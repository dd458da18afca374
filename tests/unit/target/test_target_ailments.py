"""Broken dist-infos and leftovers are told apart from what is whole, and from what is somebody's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfast.model.ailments import Ailment, AilmentKind
from holdfast.model.target import TargetRequest
from holdfast.target.ailments import find_ailments
from holdfast.target.installed import read_installed
from holdfast.target.locate import locate
from holdfast.target.records import with_records
from tests.support.sandbox import Sandbox

METADATA = "Metadata-Version: 2.1\nName: demo\nVersion: {}\n"


@pytest.fixture
def site(sandbox: Sandbox) -> Path:
    return Path(sandbox.venv.site_packages)


def put(site: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(content, encoding="utf-8")


def installed_as(version: str, *, info: str = "") -> dict[str, str]:
    info = info or f"demo-{version}.dist-info"
    record = f"demo/__init__.py,,\ndemo-{version}.dist-info/METADATA,,\ndemo-{version}.dist-info/RECORD,,\n"
    return {
        f"{info}/METADATA": METADATA.format(version),
        f"{info}/RECORD": record,
        f"{info}/INSTALLER": "pip\n",
    }


def find(sandbox: Sandbox) -> dict[str, Ailment]:
    target = locate(TargetRequest(virtual_env=sandbox.venv.root))
    state = read_installed(target)
    state = with_records(state, [each.name for each in state])
    return {os.path.basename(each.path): each for each in find_ailments(target, state)}


def kinds(sandbox: Sandbox) -> dict[str, AilmentKind]:
    return {name: each.kind for name, each in find(sandbox).items()}


def test_a_whole_environment_has_none(sandbox: Sandbox, site: Path) -> None:
    put(site, installed_as("1.0"))
    assert kinds(sandbox) == {}


def test_a_dist_info_without_record_is_found(sandbox: Sandbox, site: Path) -> None:
    put(site, installed_as("1.0"))
    (site / "demo-1.0.dist-info/RECORD").unlink()
    assert kinds(sandbox) == {"demo-1.0.dist-info": AilmentKind.NO_RECORD}


@pytest.mark.parametrize("installer", ["debian", "rpm", "conda"])
def test_a_system_package_without_record_is_as_it_should_be(sandbox: Sandbox, site: Path, installer: str) -> None:
    put(site, installed_as("1.0") | {"demo-1.0.dist-info/INSTALLER": f"{installer}\n"})
    (site / "demo-1.0.dist-info/RECORD").unlink()
    assert kinds(sandbox) == {}


@pytest.mark.parametrize("record", ["", "\n", "a,b,c,d,e\n"])
def test_a_record_that_is_none_counts_as_missing(sandbox: Sandbox, site: Path, record: str) -> None:
    put(site, installed_as("1.0") | {"demo-1.0.dist-info/RECORD": record})
    assert kinds(sandbox) == {"demo-1.0.dist-info": AilmentKind.NO_RECORD}


@pytest.mark.parametrize("metadata", [None, "", "not metadata"])
def test_a_dist_info_without_metadata_is_told_by_its_name(sandbox: Sandbox, site: Path, metadata: str | None) -> None:
    put(site, installed_as("1.0"))
    (site / "demo-1.0.dist-info/METADATA").unlink()
    put(site, {"demo-1.0.dist-info/METADATA": metadata} if metadata is not None else {})
    found = find(sandbox)["demo-1.0.dist-info"]
    assert found.kind is AilmentKind.NO_METADATA
    assert found.distribution is not None
    assert (found.distribution.name, str(found.distribution.version)) == ("demo", "1.0")
    assert found.distribution.record_digest


@pytest.mark.parametrize("installer", ["", "pip\n"])
@pytest.mark.parametrize("script", ["", "../../../bin/demo,,\n"])
def test_a_dist_info_whose_installer_did_not_come_to_the_scripts_is_unfinished(
    sandbox: Sandbox, site: Path, installer: str, script: str
) -> None:
    info = "demo-1.0.dist-info"
    files = installed_as("1.0") | {f"{info}/entry_points.txt": "[console_scripts]\ndemo = demo:main\n[other]\nx = y\n"}
    put(site, files | {f"{info}/INSTALLER": installer, f"{info}/RECORD": files[f"{info}/RECORD"] + script})
    assert kinds(sandbox) == ({} if installer or script else {info: AilmentKind.UNFINISHED})


def test_a_dist_info_without_files_is_empty(sandbox: Sandbox, site: Path) -> None:
    (site / "demo-1.0.dist-info/licenses").mkdir(parents=True)
    assert kinds(sandbox) == {"demo-1.0.dist-info": AilmentKind.EMPTY}


def test_the_second_dist_info_of_a_project_is_found(sandbox: Sandbox, site: Path) -> None:
    put(site, installed_as("1.0") | installed_as("2.0"))
    assert kinds(sandbox) == {"demo-1.0.dist-info": AilmentKind.DUPLICATE}


def test_what_pip_renamed_on_its_way_out_is_found(sandbox: Sandbox, site: Path) -> None:
    put(site, installed_as("1.0", info="~emo-1.0.dist-info") | {"~emo/__init__.py": "", "~emo/sub/x.py": ""})
    (site / "~emo/empty").mkdir()
    found = find(sandbox)
    assert {name: each.kind for name, each in found.items()} == {
        "~emo": AilmentKind.LEFTOVER,
        "~emo-1.0.dist-info": AilmentKind.LEFTOVER,
    }
    code, info = found["~emo"].distribution, found["~emo-1.0.dist-info"]
    assert code is not None
    assert code.record is not None
    assert {"~emo/__init__.py", "~emo/sub/x.py"} < {each.path for each in code.record}
    assert info.stashed is not None
    assert (info.stashed.name, str(info.stashed.version)) == ("demo", "1.0")
    assert info.stashed.record is not None


@pytest.mark.parametrize("name", ["~emo", "~-mo", "~%3o", "~demo", "~=demo"])
def test_a_leftover_without_dist_info_is_told_by_what_is_installed(sandbox: Sandbox, site: Path, name: str) -> None:
    put(site, installed_as("2.0") | {f"{name}/__init__.py": ""})
    assert kinds(sandbox) == {name: AilmentKind.LEFTOVER}


@pytest.mark.parametrize("name", ["~backup", "~dem", "~mo", "~xmo", "~xdemo", "~"])
def test_a_directory_that_pip_would_not_name_so_is_nobodys(sandbox: Sandbox, site: Path, name: str) -> None:
    put(site, installed_as("2.0") | {f"{name}/__init__.py": ""})
    assert kinds(sandbox) == {name: AilmentKind.UNKNOWN}


def test_a_link_or_a_file_is_nobodys(sandbox: Sandbox, site: Path) -> None:
    put(site, installed_as("2.0") | {"~emo": "a file"})
    (site / "~-mo").symlink_to(site / "demo-2.0.dist-info")
    assert kinds(sandbox) == {"~emo": AilmentKind.UNKNOWN, "~-mo": AilmentKind.UNKNOWN}
