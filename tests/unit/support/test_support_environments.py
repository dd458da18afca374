from __future__ import annotations

import io
import os
import zipfile

import pytest

from tests.support.environments import Venv, make_venv, unowned, verify_record
from tests.support.interpreters import Interpreter, interpreters, this_interpreter
from tests.support.wheels import pkg, wheel_bytes


@pytest.fixture
def venv(tmp_path: object) -> Venv:
    return make_venv(f"{tmp_path}/venv")


@pytest.fixture
def apple(venv: Venv) -> str:
    """An environment with a wheel unpacked: near enough to installed for checkers. Returns site-packages."""
    with zipfile.ZipFile(io.BytesIO(wheel_bytes(pkg("apple")))) as archive:
        archive.extractall(venv.site_packages)
    return venv.site_packages


def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def append(path: str, text: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


@pytest.mark.parametrize("interpreter", interpreters(), ids=str)
def test_an_environment_runs_the_python_it_was_made_for(tmp_path: object, interpreter: Interpreter) -> None:
    venv = make_venv(f"{tmp_path}/venv", interpreter)

    done = venv.run("-c", "import sys, sysconfig; print(sys.prefix); print(sysconfig.get_path('purelib'))")

    assert done.stdout.splitlines() == [venv.root, venv.site_packages], done.stderr


def test_an_environment_names_only_its_own_root(tmp_path: object) -> None:
    first, second = make_venv(f"{tmp_path}/first"), make_venv(f"{tmp_path}/second")

    assert first.root in read(f"{first.root}/bin/activate")
    for name in ("pyvenv.cfg", "bin/activate", "bin/activate.csh"):
        assert first.root not in read(f"{second.root}/{name}")


def test_this_interpreter_is_outside_of_environments() -> None:
    above = os.path.dirname(os.path.dirname(this_interpreter().executable))

    assert not os.path.exists(os.path.join(above, "pyvenv.cfg"))


def test_a_fresh_environment_has_no_distributions(venv: Venv) -> None:
    assert venv.distributions == {}


def test_what_is_installed_is_seen_and_verified(venv: Venv, apple: str) -> None:
    assert venv.distributions == {"apple": "1.0"}
    assert verify_record(apple) == ()
    assert unowned(apple) == ()
    assert venv.imported("apple.__version__", "apple") == "1.0"


def test_a_changed_file_is_a_fault(apple: str) -> None:
    append(f"{apple}/apple/__init__.py", "# edited\n")

    assert {(each.path, each.fault) for each in verify_record(apple)} == {
        ("apple/__init__.py", "hash differs"),
        ("apple/__init__.py", "size differs"),
    }


def test_a_missing_file_is_a_fault(apple: str) -> None:
    os.remove(f"{apple}/apple/__init__.py")

    assert [(each.distribution, each.fault) for each in verify_record(apple)] == [("apple", "missing")]


def test_a_row_twice_and_a_row_without_hash_are_faults(apple: str) -> None:
    append(f"{apple}/apple-1.0.dist-info/RECORD", "apple/__init__.py,,\n")

    assert {each.fault for each in verify_record(apple)} == {"listed twice", "listed without hash"}


def test_a_file_that_no_record_lists_is_seen(apple: str) -> None:
    append(f"{apple}/foreign.py", "")
    append(f"{apple}/apple-1.0.dist-info/INSTALLER", "somebody")

    assert unowned(apple) == ("apple-1.0.dist-info/INSTALLER", "foreign.py")
    assert [each.fault for each in verify_record(apple)] == ["not listed"]


def test_one_name_installed_twice_is_a_failure(venv: Venv, apple: str) -> None:
    with zipfile.ZipFile(io.BytesIO(wheel_bytes(pkg("Apple", "2.0")))) as archive:
        archive.extractall(apple)

    with pytest.raises(AssertionError, match="twice"):
        assert venv.distributions
