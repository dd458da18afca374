from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.errors import TargetError
from holdfast.model.target import Target, TargetKind, TargetRequest
from holdfast.target.locate import locate
from holdfast.target.policy import refuse_unwelcome
from tests.support.environments import make_venv
from tests.support.interpreters import this_interpreter

MESSAGE = "Use the package manager.\n\nOr a virtual environment."


@pytest.fixture(scope="module")
def system() -> Target:
    target = locate(TargetRequest(python=this_interpreter().executable))
    return replace(target, interpreter=replace(target.interpreter, externally_managed=MESSAGE))


def test_a_managed_python_is_refused_with_the_distributions_words(system: Target) -> None:
    with pytest.raises(TargetError) as caught:
        refuse_unwelcome(system, TargetRequest())
    assert caught.value.exit_code == 3
    assert "\n".join(caught.value.details) == MESSAGE
    assert "--break-system-packages" in str(caught.value.hint)
    assert "holdfast venv" in str(caught.value.hint)


def test_a_marker_without_words_refuses_too(system: Target) -> None:
    silent = replace(system, interpreter=replace(system.interpreter, externally_managed=""))
    with pytest.raises(TargetError, match="managed by the operating system"):
        refuse_unwelcome(silent, TargetRequest())


def test_break_system_packages(system: Target) -> None:
    refuse_unwelcome(system, TargetRequest(break_system_packages=True))


@pytest.mark.parametrize("kind", [TargetKind.TARGET, TargetKind.PREFIX])
def test_other_places_are_free(system: Target, kind: TargetKind) -> None:
    refuse_unwelcome(replace(system, kind=kind), TargetRequest())


def test_another_root_is_free(system: Target) -> None:
    refuse_unwelcome(replace(system, relocation="/image"), TargetRequest())


def test_user_is_not_free(system: Target) -> None:
    with pytest.raises(TargetError):
        refuse_unwelcome(replace(system, kind=TargetKind.USER), TargetRequest())


def test_an_environment_of_a_managed_python_is_free(tmp_path: object) -> None:
    venv = make_venv(f"{tmp_path}/venv")
    target = locate(TargetRequest(virtual_env=venv.root))
    assert target.interpreter.externally_managed is None
    refuse_unwelcome(target, TargetRequest(require_virtualenv=True))


def test_a_required_environment(system: Target) -> None:
    with pytest.raises(TargetError, match="--require-virtualenv"):
        refuse_unwelcome(system, TargetRequest(require_virtualenv=True, break_system_packages=True))
