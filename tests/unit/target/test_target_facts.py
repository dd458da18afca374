from __future__ import annotations

import os
import shutil

import pytest

from holdfast.store.facts import StoredFacts
from holdfast.target import facts, probe
from holdfast.target.facts import load_interpreter
from tests.support.environments import Venv, make_venv
from tests.support.interpreters import this_interpreter


class Counting:
    """A memory that tells how often it was asked in vain."""

    def __init__(self, directory: str) -> None:
        self.kept = StoredFacts(directory)
        self.misses = 0

    def get(self, key: str) -> bytes | None:
        found = self.kept.get(key)
        self.misses += found is None
        return found

    def put(self, key: str, data: bytes) -> None:
        self.kept.put(key, data)


@pytest.fixture
def venv(tmp_path: object) -> Venv:
    return make_venv(f"{tmp_path}/venv")


@pytest.fixture
def cache(tmp_path: object) -> Counting:
    return Counting(f"{tmp_path}/cache")


def test_a_warm_run_starts_no_subprocess(venv: Venv, cache: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_interpreter(venv.python, cache)

    def forbidden(executable: str) -> None:
        raise AssertionError(f"asked {executable} again")

    monkeypatch.setattr(probe, "probe", forbidden)
    assert load_interpreter(venv.python, cache) == first
    assert cache.misses == 1


def test_without_a_cache_it_is_asked(venv: Venv) -> None:
    assert load_interpreter(venv.python, None).prefix == venv.root


def test_another_environment_of_the_same_python_is_another_answer(cache: Counting, tmp_path: object) -> None:
    first, second = make_venv(f"{tmp_path}/first"), make_venv(f"{tmp_path}/second")
    assert load_interpreter(first.python, cache).prefix == first.root
    assert load_interpreter(second.python, cache).prefix == second.root
    assert cache.misses == 2


def test_a_changed_pyvenv_cfg_is_noticed(venv: Venv, cache: Counting) -> None:
    alone = load_interpreter(venv.python, cache)
    with open(f"{venv.root}/pyvenv.cfg", encoding="utf-8") as file:
        text = file.read()
    with open(f"{venv.root}/pyvenv.cfg", "w", encoding="utf-8") as file:
        file.write(text.replace("include-system-site-packages = false", "include-system-site-packages = true"))
    together = load_interpreter(venv.python, cache)
    assert set(alone.site_packages) < set(together.site_packages)
    assert alone.user_scheme is None
    assert together.user_scheme is not None


def test_what_an_environment_said_while_it_came_and_went_is_not_remembered(venv: Venv, tmp_path: object) -> None:
    """A file system that goes away in the middle: the Python below runs, and sees no environment."""
    config = os.path.join(venv.root, "pyvenv.cfg")

    class Vanishing(StoredFacts):
        def get(self, key: str) -> bytes | None:
            os.rename(config, config + "-away")
            return super().get(key)

    where = os.path.join(str(tmp_path), "cache")
    assert load_interpreter(venv.python, Vanishing(where)).prefix != venv.root
    os.rename(config + "-away", config)
    assert load_interpreter(venv.python, StoredFacts(where)).prefix == venv.root


def test_another_python_behind_the_same_name_is_noticed(venv: Venv, cache: Counting) -> None:
    load_interpreter(venv.python, cache)
    target = os.path.realpath(venv.python)
    os.unlink(venv.python)
    shutil.copy2(target, venv.python)
    load_interpreter(venv.python, cache)
    assert cache.misses == 2


def test_a_wrapper_script_is_asked_each_time(tmp_path: object, cache: Counting) -> None:
    path = f"{tmp_path}/python3"
    first, second = make_venv(f"{tmp_path}/first"), make_venv(f"{tmp_path}/second")
    for venv in (first, second):
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec {venv.python} "$@"\n')
        os.chmod(path, 0o755)
        assert load_interpreter(path, cache).prefix == venv.root
    assert cache.misses == 0


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"version": "3.12"}', b"\xff\xfe"])
def test_a_spoilt_memory_is_no_memory(venv: Venv, cache: Counting, content: bytes) -> None:
    good = load_interpreter(venv.python, cache)
    directory = os.path.join(os.path.dirname(venv.root), "cache", "interpreters-v1")
    (name,) = os.listdir(directory)
    with open(os.path.join(directory, name), "wb") as file:
        file.write(content)
    assert load_interpreter(venv.python, cache) == good
    with open(os.path.join(directory, name), "rb") as file:
        assert file.read() != content


def test_a_cache_that_cannot_be_used_is_no_error(venv: Venv, tmp_path: object) -> None:
    with open(f"{tmp_path}/file", "w", encoding="utf-8"):
        pass
    assert load_interpreter(venv.python, StoredFacts(f"{tmp_path}/file/cache")).prefix == venv.root


def test_the_cache_holds_one_file_per_interpreter_and_nothing_else(venv: Venv, cache: Counting) -> None:
    for _ in range(3):
        load_interpreter(venv.python, cache)
    directory = os.path.join(os.path.dirname(venv.root), "cache")
    assert os.listdir(directory) == ["interpreters-v1"]
    assert len(os.listdir(f"{directory}/interpreters-v1")) == 1


def test_a_strangers_memory_is_not_believed(venv: Venv, cache: Counting) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of somebody else")
    load_interpreter(venv.python, cache)
    directory = os.path.join(os.path.dirname(venv.root), "cache", "interpreters-v1")
    (name,) = os.listdir(directory)
    os.chown(f"{directory}/{name}", 12345, -1)
    load_interpreter(venv.python, cache)
    assert cache.misses == 2
    assert os.stat(f"{directory}/{name}").st_uid == 0


def test_root_leaves_somebody_elses_cache_alone(venv: Venv, tmp_path: object) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a directory of somebody else")
    os.mkdir(f"{tmp_path}/theirs")
    os.chown(f"{tmp_path}/theirs", 12345, -1)
    load_interpreter(venv.python, StoredFacts(f"{tmp_path}/theirs"))
    assert not os.listdir(f"{tmp_path}/theirs")


def test_the_kernel_is_asked_anew(venv: Venv, cache: Counting) -> None:
    load_interpreter(venv.python, cache)
    if os.uname().sysname != "Linux":
        pytest.skip("only Linux")
    assert load_interpreter(venv.python, cache).markers["platform_release"] == os.uname().release


def test_home_is_not_remembered(cache: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    python = this_interpreter().executable
    for home in ("/somewhere/a", "/somewhere/b"):
        monkeypatch.setenv("HOME", home)
        scheme = load_interpreter(python, cache).user_scheme
        assert scheme is not None
        assert scheme.data.startswith(home)
    monkeypatch.setenv("PYTHONUSERBASE", "/other")
    scheme = load_interpreter(python, cache).user_scheme
    assert scheme is not None
    assert scheme.scripts == "/other/bin"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[externally-managed]\nError=Use apt.\n\n Really 100%.\n", "Use apt.\n\nReally 100%."),
        ("[externally-managed]\n", ""),
        ("", ""),
        ("nonsense", ""),
        (None, None),
    ],
)
def test_externally_managed_is_read_anew(content: str | None, message: str | None, tmp_path: object) -> None:
    if content is not None:
        with open(f"{tmp_path}/EXTERNALLY-MANAGED", "w", encoding="utf-8") as file:
            file.write(content)
    assert facts._externally_managed(str(tmp_path)) == message
