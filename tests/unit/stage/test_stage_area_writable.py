"""The early refusal: path, owner and a command, before anything is downloaded."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.disk import calls
from holdfast.errors import TargetError
from holdfast.model.target import Target, TargetKind
from holdfast.stage.people import group_word
from holdfast.stage.writable import check_writable
from tests.support.areas import bare_target
from tests.support.trees import snapshot


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return bare_target(str(tmp_path / "env"))


class NotMine(calls.Calls):
    """Some directories may not be written: root's tests need to be told so."""

    def __init__(self, *directories: str) -> None:
        self.access = lambda path, *_, **__: path not in directories


def test_what_may_be_written_is_fine_and_nothing_is_changed(target: Target, tmp_path: Path) -> None:
    before = snapshot(str(tmp_path))
    check_writable(target, [target.scheme.purelib, os.path.join(target.scheme.purelib, "a", "b")])
    assert snapshot(str(tmp_path)) == before


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (TargetKind.SYSTEM, "sudo holdfast"),
        (TargetKind.VENV, "holdfast venv .venv"),
        (TargetKind.TARGET, "--target"),
        (TargetKind.PREFIX, "--prefix"),
        (TargetKind.VENV, f"ENV HOLDFAST_SHARED={group_word(os.getegid())}"),
        (TargetKind.TARGET, f"ENV HOLDFAST_SHARED={group_word(os.getegid())}"),
    ],
)
def test_a_directory_that_may_not_be_written_is_named_with_its_owner(
    target: Target, kind: TargetKind, word: str
) -> None:
    with calls.using(NotMine(target.scheme.purelib)), pytest.raises(TargetError) as caught:
        check_writable(replace(target, kind=kind), [target.scheme.scripts, target.scheme.purelib])
    assert caught.value.exit_code == 3
    assert f"{target.scheme.purelib} may not be written" in caught.value.cause
    assert "it belongs to" in caught.value.cause
    assert "drwx" in caught.value.cause
    assert word in (caught.value.hint or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory to any group")
@pytest.mark.parametrize("kind", [TargetKind.VENV, TargetKind.PREFIX])
def test_who_is_not_in_the_group_is_told_how_to_become_one_of_it(target: Target, kind: TargetKind) -> None:
    os.chown(target.scheme.purelib, -1, 54321)
    os.chmod(target.scheme.purelib, 0o2775)
    with calls.using(NotMine(target.scheme.purelib)), pytest.raises(TargetError) as caught:
        check_writable(replace(target, kind=kind), [target.scheme.purelib])
    assert "it belongs to root and the group gid 54321 (drwxrwsr-x)" in caught.value.cause
    assert (caught.value.hint or "").startswith("sudo usermod -aG 54321 root, then log in again; or ")


def test_a_missing_directory_is_judged_by_its_nearest_parent(target: Target) -> None:
    with calls.using(NotMine(target.scheme.purelib)), pytest.raises(TargetError, match="may not be written"):
        check_writable(target, [os.path.join(target.scheme.purelib, "not", "yet")])


class Vanishing(calls.Calls):
    """A directory is removed by somebody else while it is looked at."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self.access = lambda path, *_, **__: self._look(str(path))

    def _look(self, path: str) -> bool:
        if path == self._directory:
            os.rmdir(path)
        return os.path.isdir(path)


def test_what_may_not_be_looked_into_is_named_itself(target: Target) -> None:
    """Whether there is anything below cannot be told."""
    private = os.path.join(target.root, "private")
    os.mkdir(private)

    class Closed(NotMine):
        def stat(self, path: str | int, **how: Any) -> os.stat_result:  # type: ignore[override] # noqa: ANN401 - as os.stat
            if str(path).startswith(f"{private}/"):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            return os.stat(path, **how)

    with calls.using(Closed(private)), pytest.raises(TargetError) as caught:
        check_writable(target, [os.path.join(private, "lib")])
    assert caught.value.cause.startswith(f"{private} may not be written")


def test_a_directory_that_vanishes_meanwhile_is_left_to_the_commit(target: Target) -> None:
    info = os.path.join(target.scheme.purelib, "demo-1.dist-info")
    os.mkdir(info)
    with calls.using(Vanishing(info)):
        check_writable(target, [info, target.scheme.purelib])
    assert not os.path.exists(info)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_elses_file_in_a_sticky_directory_is_refused(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(target.root)  # whose parents are closed to others
    path = Path("lib", "module.py")
    path.touch()
    os.chmod(target.scheme.purelib, 0o1777)
    check_writable(target, [], leaving=[str(path)])
    os.seteuid(4242)
    try:
        with pytest.raises(TargetError, match="sticky"):
            check_writable(target, [], leaving=[str(path)])
        check_writable(target, [], leaving=[str(path) + "-gone"])
    finally:
        os.seteuid(0)
