from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from holdfast.create import venv as room
from holdfast.disk import calls
from holdfast.errors import HarmError, HoldfastError, TargetError, UsageError
from holdfast.events import SILENT, Event, Reporter
from holdfast.model.target import Interpreter, TargetRequest
from holdfast.stage.owner import new_id
from holdfast.target.facts import load_interpreter
from holdfast.target.locate import locate
from tests.support.environments import make_venv
from tests.support.interpreters import Interpreter as Python
from tests.support.interpreters import interpreters, this_interpreter


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    return load_interpreter(this_interpreter().executable, None)


def create(
    path: str,
    interpreter: Interpreter,
    *,
    prompt: str | None = None,
    system_site_packages: bool = False,
    clear: bool = False,
    reporter: Reporter = SILENT,
) -> str:
    return room.create(
        path,
        interpreter,
        identifier=new_id(),
        prompt=prompt,
        system_site_packages=system_site_packages,
        clear=(lambda _: nullcontext()) if clear else None,
        reporter=reporter,
    )


@pytest.fixture
def here(tmp_path: object) -> Iterator[str]:
    yield str(tmp_path)
    assert not [name for name in os.listdir(str(tmp_path)) if name.startswith(".holdfast")], "litter"


def asked(root: str, expression: str) -> str:
    command = f"import sys, site, os, json; print({expression})"
    done = subprocess.run([f"{root}/bin/python", "-I", "-c", command], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def listing(root: str) -> dict[str, str]:
    """Relative path to kind, what only one of the tools makes left out."""
    found = {}
    for parent, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            kind = "link" if os.path.islink(path) else "directory" if os.path.isdir(path) else "file"
            found[os.path.relpath(path, root)] = kind
    return {
        path: kind
        for path, kind in found.items()
        if not path.startswith(("include/", "include/site")) and path not in {".gitignore", "bin/𝜋thon"}
    }


@pytest.mark.parametrize("python", interpreters(), ids=str)
def test_it_is_what_venv_makes_for_every_python(python: Python, here: str) -> None:
    root = create(f"{here}/ours", load_interpreter(python.executable, None))
    theirs = make_venv(f"{here}/theirs", python)
    assert listing(root) == listing(theirs.root)
    assert asked(root, "sys.prefix") == root
    assert asked(root, "sys.base_prefix") == asked(theirs.root, "sys.base_prefix")
    seen = asked(root, "site.getsitepackages()")
    assert seen == asked(theirs.root, "site.getsitepackages()").replace(theirs.root, root)
    assert seen.startswith(f"['{root}/lib/python{python.minor}/site-packages'")
    assert asked(root, "sys.version") == asked(theirs.root, "sys.version")
    target = locate(TargetRequest(virtual_env=root))
    assert target.scheme.purelib == target.scheme.platlib == f"{root}/lib/python{python.minor}/site-packages"


def test_of_debians_own_python(here: str) -> None:
    python = "/usr/bin/python3"
    if not os.path.exists("/etc/debian_version") or not os.path.exists(python):
        pytest.skip("not Debian with its own Python")
    system = load_interpreter(python, None)
    root = create(f"{here}/ours", system)
    assert asked(root, "sys.prefix") == root
    minor = ".".join(system.version.split(".")[:2])
    target = locate(TargetRequest(virtual_env=root))
    assert target.scheme.purelib == target.scheme.platlib == f"{root}/lib/python{minor}/site-packages"
    assert target.interpreter.externally_managed is None
    subprocess.run([python, "-I", "-m", "venv", "--without-pip", f"{here}/theirs"], check=True, capture_output=True)
    assert listing(root) == listing(f"{here}/theirs")


def test_pip_can_be_put_into_it(here: str, interpreter: Interpreter) -> None:
    root = create(f"{here}/venv", interpreter)
    done = subprocess.run(
        [f"{root}/bin/python", "-I", "-m", "ensurepip"], capture_output=True, text=True, check=False, timeout=100
    )
    if "No module named ensurepip" in done.stderr:
        pytest.skip("this Python comes without ensurepip")
    assert done.returncode == 0, done.stderr
    assert os.access(f"{root}/bin/pip3", os.X_OK)


def test_an_environment_of_an_environment_is_made_from_the_python_below(here: str) -> None:
    outer = make_venv(f"{here}/outer")
    root = create(f"{here}/inner", load_interpreter(outer.python, None))
    shutil.rmtree(outer.root)
    assert asked(root, "sys.prefix") == root
    assert os.path.realpath(f"{root}/bin/python") == os.path.realpath(this_interpreter().executable)


def test_pyvenv_cfg(here: str, interpreter: Interpreter) -> None:
    root = create(f"{here}/venv", interpreter, prompt="my env", system_site_packages=True)
    with open(f"{root}/pyvenv.cfg", encoding="utf-8") as file:
        config = dict(line.rstrip("\n").split(" = ", 1) for line in file)
    assert config["home"] == os.path.dirname(interpreter.base_executable)
    assert config["include-system-site-packages"] == "true"
    assert config["version"] == interpreter.version
    assert config["prompt"] == "'my env'"
    assert interpreter.scheme.purelib in asked(root, "site.getsitepackages()")


def test_gitignore(here: str, interpreter: Interpreter) -> None:
    root = create(f"{here}/venv", interpreter)
    with open(f"{root}/.gitignore", encoding="utf-8") as file:
        assert "*" in file.read().splitlines()


def test_missing_parents_are_made_and_a_relative_path_is_from_here(
    here: str, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here)
    assert create("a/b/venv", interpreter) == f"{here}/a/b/venv"
    assert asked(f"{here}/a/b/venv", "sys.prefix") == f"{here}/a/b/venv"


def test_an_empty_directory_stays_the_same_directory(here: str, interpreter: Interpreter) -> None:
    os.mkdir(f"{here}/venv")
    inode = os.stat(f"{here}/venv").st_ino
    root = create(f"{here}/venv", interpreter)
    assert os.stat(root).st_ino == inode
    assert asked(root, "sys.prefix") == root
    assert not [name for name in os.listdir(root) if name.startswith(".holdfast")]


def test_a_link_to_an_empty_directory(here: str, interpreter: Interpreter) -> None:
    os.mkdir(f"{here}/real")
    os.symlink("real", f"{here}/link")
    root = create(f"{here}/link", interpreter)
    assert root == f"{here}/link"
    assert os.path.isfile(f"{here}/real/pyvenv.cfg")


def test_an_existing_environment_is_refused_with_the_way_to_replace_it(here: str, interpreter: Interpreter) -> None:
    root = create(f"{here}/venv", interpreter)
    with pytest.raises(TargetError, match="is a virtual environment already") as caught:
        create(root, interpreter)
    assert caught.value.hint == f"holdfast venv --clear {root}"


@pytest.mark.parametrize("clear", [False, True])
def test_a_directory_with_something_else_in_it_is_left_alone(
    here: str, interpreter: Interpreter, *, clear: bool
) -> None:
    os.mkdir(f"{here}/photos")
    with open(f"{here}/photos/cat.jpg", "w", encoding="utf-8"):
        pass
    with pytest.raises(HarmError if clear else TargetError):
        create(f"{here}/photos", interpreter, clear=clear)
    assert os.listdir(f"{here}/photos") == ["cat.jpg"]


def test_a_file_is_in_the_way(here: str, interpreter: Interpreter) -> None:
    with open(f"{here}/venv", "w", encoding="utf-8"):
        pass
    with pytest.raises(TargetError, match="is not a directory"):
        create(f"{here}/venv", interpreter, clear=True)
    with pytest.raises(TargetError):
        create(f"{here}/venv/below", interpreter)


def test_clear_replaces_everything(here: str, interpreter: Interpreter) -> None:
    venv = make_venv(f"{here}/venv")
    with open(f"{venv.site_packages}/old.py", "w", encoding="utf-8"):
        pass
    create(venv.root, interpreter, clear=True)
    assert not os.path.exists(f"{venv.site_packages}/old.py")
    assert asked(venv.root, "sys.prefix") == venv.root
    assert os.listdir(here) == ["venv"]


def test_clear_of_a_broken_environment(here: str, interpreter: Interpreter) -> None:
    venv = make_venv(f"{here}/venv")
    os.unlink(venv.python)
    os.symlink("/no/such/python", venv.python)
    create(venv.root, interpreter, clear=True)
    assert asked(venv.root, "sys.prefix") == venv.root


def test_clear_of_nothing_and_of_an_empty_directory(here: str, interpreter: Interpreter) -> None:
    os.mkdir(f"{here}/empty")
    for name in ("nothing", "empty"):
        assert asked(create(f"{here}/{name}", interpreter, clear=True), "sys.prefix") == f"{here}/{name}"


def test_holdfast_does_not_saw_off_its_own_branch(interpreter: Interpreter) -> None:
    if sys.prefix == sys.base_prefix:
        pytest.skip("the tests do not run in a virtual environment")
    with pytest.raises(HarmError, match="holdfast itself runs from"):
        create(sys.prefix, interpreter, clear=True)


@pytest.mark.parametrize("path", ["a:b", "a\nb"])
def test_paths_that_no_environment_can_have(here: str, interpreter: Interpreter, path: str) -> None:
    with pytest.raises(UsageError):
        create(f"{here}/{path}", interpreter)
    assert not os.listdir(here)


class Failing(calls.Calls):
    """Fails at the n-th call that changes something, once.

    Args:
        n: Which.
        lower: A directory that cannot be renamed: it lies in a lower layer of an overlay.
    """

    def __init__(self, n: int, lower: str = "") -> None:
        self.left = n
        self.lower = lower
        for name in calls.MUTATING:
            setattr(self, name, self.counted(getattr(calls.Calls, name)))

    def counted(self, call: object) -> object:
        def wrapper(*args: object, **kwargs: object) -> object:
            self.left -= 1
            if self.left == 0:
                raise OSError(28, "No space left on device", args[0] if isinstance(args[0], str) else None)
            names = args[:2] if call is calls.Calls.rename_exchange else args[:1] if call is calls.Calls.rename else ()
            if self.lower in names:
                raise OSError(18, "Invalid cross-device link", args[0])
            return call(*args, **kwargs)  # type: ignore[operator]

        return wrapper


class Listening:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[Event] = []

    def emit(self, event: Event) -> None:
        self.heard.append(event)


def made(
    root: str, interpreter: Interpreter, backend: calls.Calls, told: Listening, *, clear: bool
) -> HoldfastError | None:
    try:
        with calls.using(backend):
            create(root, interpreter, clear=clear, reporter=told)
    except HoldfastError as error:
        return error
    return None


@pytest.mark.parametrize("kind", ["absent", "empty", "clear", "lower"])
def test_whatever_fails_leaves_everything_as_it_was(here: str, interpreter: Interpreter, kind: str) -> None:
    root = f"{here}/parent/venv"
    for n in range(1, 200):
        shutil.rmtree(f"{here}/parent", ignore_errors=True)
        if kind == "empty":
            os.makedirs(root)
        elif kind in {"clear", "lower"}:
            os.mkdir(f"{here}/parent")
            make_venv(root)
        before = sorted(os.walk(here))
        backend, told = Failing(n, root if kind == "lower" else ""), Listening()
        fault = made(root, interpreter, backend, told, clear=kind in {"clear", "lower"})
        if fault is not None:
            assert (fault.exit_code, "No space left" in fault.cause) == (3, True)
            assert sorted(os.walk(here)) == before, f"call {n}"
        elif backend.left > 0:
            assert n > 20
            break
        else:  # it was the sweep that failed
            assert asked(root, "sys.prefix") == root
            assert len(told.heard) == 1
    else:
        pytest.fail("never came to the end")
    assert asked(root, "sys.prefix") == root


@pytest.mark.parametrize(
    ("umask", "parent", "modes"),
    [
        (0o022, 0o755, (0o755, 0o644)),
        (0o077, 0o755, (0o700, 0o600)),
        (0o022, 0o775, (0o775, 0o664)),
        (0o077, 0o775, (0o770, 0o660)),
    ],
)
def test_rights(here: str, interpreter: Interpreter, umask: int, parent: int, modes: tuple[int, int]) -> None:
    os.mkdir(f"{here}/p")
    os.chmod(f"{here}/p", parent)
    kept = os.umask(umask)
    try:
        root = create(f"{here}/p/venv", interpreter)
    finally:
        os.umask(kept)
    for path, mode in ((root, modes[0]), (f"{root}/bin", modes[0]), (f"{root}/pyvenv.cfg", modes[1])):
        assert oct(stat.S_IMODE(os.stat(path).st_mode)) == oct(mode), path


def test_below_a_setgid_directory_the_group_writes(here: str, interpreter: Interpreter) -> None:
    os.mkdir(f"{here}/p")
    os.chmod(f"{here}/p", 0o2755)
    root = create(f"{here}/p/venv", interpreter)
    mode = os.stat(f"{root}/bin").st_mode
    assert mode & stat.S_IWGRP
    if sys.platform == "linux":
        assert mode & stat.S_ISGID


def test_a_sticky_directory_is_not_a_groups(here: str, interpreter: Interpreter) -> None:
    os.mkdir(f"{here}/p")
    os.chmod(f"{here}/p", 0o1777)
    assert not os.stat(create(f"{here}/p/venv", interpreter)).st_mode & stat.S_IWGRP


def test_a_parent_that_may_not_be_written(here: str, interpreter: Interpreter) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    os.mkdir(f"{here}/p", 0o555)
    with pytest.raises(TargetError, match="Permission denied"):
        create(f"{here}/p/venv", interpreter)
