"""The rights of a new environment: the umask's, the parent's group where that is asked for, --shared."""

from __future__ import annotations

import os
import stat
from contextlib import nullcontext

import pytest

from holdfast.create.venv import create
from holdfast.disk import calls
from holdfast.events import Event, Warned
from holdfast.model.rights import Sharing
from holdfast.model.target import Interpreter
from holdfast.stage.owner import new_id
from holdfast.target.facts import load_interpreter
from tests.support.interpreters import this_interpreter

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory to any group")
GROUP, OTHER = 54321, 54322


class Ear:
    def __init__(self) -> None:
        self.warned: list[str] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Warned):
            self.warned.append(event.text)


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    return load_interpreter(this_interpreter().executable, None)


@pytest.fixture
def parent(tmp_path: object) -> str:
    path = f"{tmp_path}/p"
    os.mkdir(path)
    os.chmod(path, 0o755)
    os.chown(path, -1, GROUP)
    return path


def make(
    path: str,
    interpreter: Interpreter,
    umask: int,
    *,
    gid: int | None = None,
    shared: bool = False,
    clear: bool = False,
) -> tuple[str, int, str]:
    """Mode, group and file mode of a new environment, the same in all of it."""
    ear, kept = Ear(), os.umask(umask)
    try:
        sharing = Sharing(gid=gid) if shared else None
        create(
            path,
            interpreter,
            identifier=new_id(),
            clear=(lambda _: nullcontext()) if clear else None,
            sharing=sharing,
            reporter=ear,
        )
    finally:
        os.umask(kept)
    assert ear.warned == []
    found = {rights(f"{path}/{name}") for name in ("bin", "lib", "include")}
    files = {rights(f"{path}/{name}") for name in ("bin/activate", "pyvenv.cfg", ".gitignore")}
    assert len(found) == len(files) == 1
    ((mode, group),), ((file, files_group),) = found, files
    assert files_group == group
    return mode, group, file


def rights(path: str) -> tuple[str, int]:
    status = os.stat(path)
    return oct(stat.S_IMODE(status.st_mode)), status.st_gid


@pytest.mark.parametrize(
    ("mode", "umask", "wanted"),
    [
        (0o755, 0o022, ("0o755", 0, "0o644")),
        (0o755, 0o002, ("0o775", 0, "0o664")),
        (0o755, 0o000, ("0o775", 0, "0o664")),  # never world-writable unless the parent is
        (0o777, 0o000, ("0o777", GROUP, "0o666")),
        (0o1777, 0o000, ("0o775", 0, "0o664")),
        (0o775, 0o022, ("0o775", GROUP, "0o664")),
        (0o775, 0o077, ("0o770", GROUP, "0o660")),
        (0o2775, 0o022, ("0o2775", GROUP, "0o664")),
        (0o2755, 0o022, ("0o2775", GROUP, "0o664")),  # setgid is the request
        (0o2755, 0o077, ("0o2770", GROUP, "0o660")),
    ],
)
def test_a_new_root_follows_the_umask_and_its_parents_request(
    parent: str, interpreter: Interpreter, mode: int, umask: int, wanted: tuple[str, int, str]
) -> None:
    os.chmod(parent, mode)
    assert make(f"{parent}/venv", interpreter, umask) == wanted
    assert rights(f"{parent}/venv") == wanted[:2]


@pytest.mark.parametrize("mode", [0o755, 0o2755, 0o775])
@pytest.mark.parametrize(
    ("umask", "wanted"), [(0o022, ("0o2775", OTHER, "0o664")), (0o077, ("0o2770", OTHER, "0o660"))]
)
def test_what_is_asked_for_is_given_with_its_group(
    parent: str, interpreter: Interpreter, mode: int, umask: int, wanted: tuple[str, int, str]
) -> None:
    os.chmod(parent, mode)
    assert make(f"{parent}/venv", interpreter, umask, gid=OTHER, shared=True) == wanted


def test_missing_parents_are_shared_too(parent: str, interpreter: Interpreter) -> None:
    make(f"{parent}/a/b/venv", interpreter, 0o022, gid=OTHER, shared=True)
    assert rights(f"{parent}/a") == rights(f"{parent}/a/b") == ("0o2775", OTHER)


def test_without_a_group_it_is_that_of_who_makes_it(parent: str, interpreter: Interpreter) -> None:
    assert make(f"{parent}/venv", interpreter, 0o022, shared=True) == ("0o2775", 0, "0o664")


@pytest.mark.parametrize(
    ("mode", "wanted"), [(0o2775, ("0o2775", GROUP, "0o664")), (0o775, ("0o775", GROUP, "0o664")), (0o755, None)]
)
def test_an_empty_directory_is_filled_as_it_is(
    parent: str, interpreter: Interpreter, mode: int, wanted: tuple[str, int, str] | None
) -> None:
    os.chmod(parent, mode)
    assert make(parent, interpreter, 0o022) == (wanted or ("0o755", 0, "0o644"))


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_what_replaces_a_shared_one_is_shared_as_that_was(parent: str, interpreter: Interpreter, umask: int) -> None:
    path = f"{parent}/venv"
    make(path, interpreter, 0o022, gid=OTHER, shared=True)
    assert make(path, interpreter, umask, clear=True) == ("0o2775", OTHER, "0o664")


class Refusing(calls.Calls):
    """No group may be given."""

    def __init__(self) -> None:
        def fchown(fd: int, uid: int, gid: int) -> None:
            raise PermissionError(1, f"Operation not permitted: {fd} {uid} {gid}")

        self.fchown = fchown


def test_a_group_that_is_refused_is_said_once_and_gets_no_more_than_everybody(
    parent: str, interpreter: Interpreter
) -> None:
    ear, path = Ear(), f"{parent}/venv"
    with calls.using(Refusing()):
        create(path, interpreter, identifier=new_id(), sharing=Sharing(gid=OTHER), reporter=ear)
    assert ear.warned == [f"The group could not be given to {path}: it is not shared."]
    assert {rights(f"{path}/{name}")[0] for name in ("bin", "lib")} == {"0o755"}
