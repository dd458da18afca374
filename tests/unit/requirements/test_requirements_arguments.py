"""One requirement as a person writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import HoldfastError, UnsatisfiableError, UsageError
from holdfast.model.hashes import Hash
from holdfast.model.request import RootRequirement
from holdfast.model.requirement import Requirement
from holdfast.requirements.arguments import parse_argument

WHEEL = "Some_Pkg-1.0-py3-none-any.whl"
SHA = "a" * 64


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / WHEEL).touch()
    (tmp_path / "sub dir").mkdir()
    (tmp_path / "sub dir" / WHEEL).touch()
    (tmp_path / "pkg-1.0.tar.gz").touch()
    (tmp_path / "requirements.txt").touch()
    return tmp_path


def url_of(requirement: Requirement) -> str:
    assert requirement.url is not None
    return requirement.url.url


def refused(text: str, *, constraint: bool = False) -> HoldfastError:
    with pytest.raises(HoldfastError) as caught:
        parse_argument(text, origin="r.txt:3", constraint=constraint)
    assert caught.value.cause.startswith("r.txt:3: ")
    return caught.value


def test_names() -> None:
    found = parse_argument(" Requests[Security,socks] >=2 ; python_version > '3' ")
    assert found.origin == "command line"
    assert found.requirement.name == "requests"
    assert found.requirement.extras == {"security", "socks"}
    assert str(found.requirement.specifier) == ">=2"
    assert str(found.requirement.marker) == 'python_version > "3"'


@pytest.mark.parametrize("text", [WHEEL, f"./{WHEEL}", f"sub dir/{WHEEL}", f"./sub dir/../{WHEEL}"])
def test_paths(text: str, folder: Path) -> None:
    requirement = parse_argument(text).requirement
    assert requirement.name == "some-pkg"
    assert url_of(requirement).startswith(folder.as_uri())
    assert url_of(requirement).endswith(WHEEL)
    assert ".." not in url_of(requirement)
    assert " " not in url_of(requirement)
    assert requirement.text == text


@pytest.mark.usefixtures("folder")
def test_a_path_with_extras_and_a_marker() -> None:
    requirement = parse_argument(f"./{WHEEL}[a,B] ; python_version > '3'").requirement
    assert requirement.extras == {"a", "b"}
    assert requirement.marker is not None
    assert url_of(requirement).endswith(WHEEL)


@pytest.mark.parametrize("scheme", ["https://h/", "http://h:8080/a/", "file:///srv/"])
def test_urls(scheme: str) -> None:
    requirement = parse_argument(f"{scheme}{WHEEL}#sha256={SHA}").requirement
    assert requirement.name == "some-pkg"
    assert url_of(requirement) == f"{scheme}{WHEEL}"
    assert requirement.url is not None
    assert requirement.url.hashes == (Hash(algorithm="sha256", digest=SHA),)


def test_a_url_with_a_quoted_file_name() -> None:
    assert parse_argument("https://h/torch-2.0%2Bcpu-cp311-cp311-linux_x86_64.whl").requirement.name == "torch"


def test_a_url_with_a_marker() -> None:
    requirement = parse_argument(f"https://h/a;b/{WHEEL} ; sys_platform == 'linux'").requirement
    assert url_of(requirement) == f"https://h/a;b/{WHEEL}"
    assert str(requirement.marker) == 'sys_platform == "linux"'


def test_a_named_url() -> None:
    requirement = parse_argument(f"some-pkg[x] @ https://h/{WHEEL}").requirement
    assert requirement.name == "some-pkg"
    assert url_of(requirement) == f"https://h/{WHEEL}"
    assert parse_argument(f"some-pkg@https://h/{WHEEL}").requirement.url == requirement.url


def test_a_name_wins_over_a_directory_of_that_name(folder: Path) -> None:
    (folder / "requests").mkdir()
    assert parse_argument("requests").requirement.url is None


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "text",
    [
        ".",
        "./sub dir",
        "pkg-1.0.tar.gz",
        "./pkg-1.0.tar.gz",
        "https://h/pkg-1.0.tar.gz",
        "https://h/pkg.zip",
        "git+https://h/pkg.git",
        "git+ssh://git@h/pkg.git@main#egg=pkg",
        "pkg @ git+https://h/pkg.git",
        "pkg @ https://h/pkg-1.0.tar.gz",
    ],
)
def test_sources_are_refused(text: str) -> None:
    error = refused(text)
    assert isinstance(error, UnsatisfiableError)
    assert "wheels only" in error.cause


def test_sources_that_a_marker_may_exclude_are_left_to_the_resolver() -> None:
    assert parse_argument("pkg @ git+https://h/pkg.git ; sys_platform == 'win32'").requirement.name == "pkg"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("requests==", "is not a requirement"),
        ("two words", "is not a requirement"),
        ("a ; nonsense == 1", "is not a requirement"),
        ("./absent-1-py3-none-any.whl", "does not exist"),
        ("absent-1-py3-none-any.whl", "does not exist"),
        ("./requirements.txt", "is not a wheel"),
        ("https://h/bad.whl", "wheel"),
        (f"./{WHEEL}[a", "does not exist"),
        (f"./{WHEEL} ; nonsense", "is not a requirement"),
        ("", "is not a requirement"),
    ],
)
def test_what_is_wrong_is_named(text: str, says: str) -> None:
    error = refused(text)
    assert isinstance(error, UsageError)
    assert says in error.cause.lower()


def test_the_fault_is_pointed_at() -> None:
    assert any("^" in line for line in refused("requests>>1").details)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", ["requirements.txt", "./requirements.txt"])
def test_a_forgotten_r(text: str) -> None:
    assert refused(text).hint == f"holdfast install -r {text}"


def test_a_single_equals_sign() -> None:
    assert "'a==1.0'" in (refused("a=1.0").hint or "")


def test_credentials_are_not_shown() -> None:
    error = refused("git+https://user:secret@h/pkg.git")
    assert "secret" not in error.cause
    assert "secret" not in parse_argument(f"https://user:secret@h/{WHEEL}").requirement.text


def test_constraints_have_no_extras() -> None:
    assert "extras" in refused("a[b]==1", constraint=True).cause
    assert isinstance(parse_argument("a==1", constraint=True), RootRequirement)
