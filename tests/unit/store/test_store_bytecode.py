from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from holdfast.model.stored import StoredWheel
from holdfast.model.target import Interpreter, Scheme
from holdfast.store import bytecode, compile_script, keys
from holdfast.store.wheels import WheelStore
from tests.support.interpreters import interpreters
from tests.support.wheels import WheelSpec, build_wheel

SPEC = WheelSpec(
    name="demo",
    version="1",
    files={
        "demo/__init__.py": "VALUE = 41\n",
        "demo/sub/mod.py": "import sys\n" * 50 + "def f():\n    return 1 / 0\n",
        "demo/template.py": "{{ no python }}\n",
        "demo/data.txt": "x",
        "top.py": "x = 1\n",
    },
    data={"scripts/run.py": "#!python\n", "data/share/x.py": "x = 1\n"},
)
TAG = sys.implementation.cache_tag or ""
COMPILED = {"demo/__init__.py", "demo/sub/mod.py", "top.py"}


def interpreter(executable: str = sys.executable, version: str = "3", cache_tag: str = TAG) -> Interpreter:
    scheme = Scheme(purelib="/v/l", platlib="/v/l", scripts="/v/b", headers="/v/i", data="/v")
    return Interpreter(
        executable=executable,
        version=version,
        implementation="cpython",
        markers={},
        tags=(),
        prefix="/v",
        base_prefix="/usr",
        scheme=scheme,
        user_scheme=None,
        stdlib="",
        externally_managed=None,
        site_packages=(),
        cache_tag=cache_tag,
    )


def stored_in(root: str, cache: str | None) -> tuple[WheelStore, StoredWheel]:
    path = build_wheel(SPEC, f"{root}/dist")
    with open(path, "rb") as file:
        sha256 = hashlib.sha256(file.read()).hexdigest()
    store = WheelStore.open(cache, f"{root}/work")
    return store, store.add(path, sha256=sha256, filename=SPEC.filename)


def one(store: WheelStore, stored: StoredWheel, python: Interpreter | None = None) -> Mapping[str, str]:
    return bytecode.compiled(store, [stored], python or interpreter()).get(stored.manifest.sha256, {})


def test_bytecode_is_what_the_interpreter_takes_for_its_own(tmp_path: object) -> None:
    store, stored = stored_in(str(tmp_path), f"{tmp_path}/cache")
    files = one(store, stored)
    assert set(files) == COMPILED
    site = f"{tmp_path}/site"
    for member, path in files.items():
        target = f"{site}/{member}"
        os.makedirs(f"{os.path.dirname(target)}/__pycache__", exist_ok=True)
        os.link(f"{stored.tree}/{member}", target)
        os.link(path, importlib.util.cache_from_source(target))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import demo.sub.mod as m, demo, top, traceback\n"
        "try: m.f()\nexcept ZeroDivisionError: traceback.print_exc()\n"
    )
    run = subprocess.run(
        [sys.executable, "-v", "-B", "-c", code, site], capture_output=True, text=True, check=True, env={"LC_ALL": "C"}
    )
    for member in COMPILED:
        assert f"matches {site}/{member}" in run.stderr
    assert f'File "{site}/demo/sub/mod.py", line 52, in f' in run.stderr


def test_the_umask_does_not_decide_about_bytecode(tmp_path: object) -> None:
    store, stored = stored_in(str(tmp_path), f"{tmp_path}/cache")
    kept = os.umask(0o077)
    try:
        first = one(store, stored)
    finally:
        os.umask(kept)
    assert {os.stat(path).st_mode & 0o777 for path in first.values()} == {0o644}
    assert one(store, stored, interpreter("/nonexistent")) == first


def test_it_is_compiled_once(tmp_path: object) -> None:
    store, stored = stored_in(str(tmp_path), f"{tmp_path}/cache")
    first = one(store, stored)
    inodes = {path: os.stat(path).st_ino for path in first.values()}
    assert one(WheelStore.open(f"{tmp_path}/cache", f"{tmp_path}/work"), stored) == first
    assert {path: os.stat(path).st_ino for path in first.values()} == inodes
    assert one(store, stored, interpreter("/nonexistent")) == first
    assert sorted(os.listdir(f"{tmp_path}/cache/{keys.BYTECODE}")) == [stored.manifest.sha256[:2]]


def test_edited_bytecode_is_compiled_again(tmp_path: object) -> None:
    store, stored = stored_in(str(tmp_path), f"{tmp_path}/cache")
    path = one(store, stored)["top.py"]
    with open(path, "rb") as file:
        right = file.read()
    with open(path, "wb") as file:
        file.write(b"evil" + right[4:])
    with open(one(store, stored)["top.py"], "rb") as file:
        assert file.read() == right


@pytest.mark.parametrize("executable", ["/nonexistent", "/bin/false", "/bin/true"])
def test_an_interpreter_that_cannot_compile_means_no_bytecode_and_is_asked_again(
    tmp_path: object, executable: str
) -> None:
    store, stored = stored_in(str(tmp_path), f"{tmp_path}/cache")
    assert one(store, stored, interpreter(executable)) == {}
    assert os.listdir(f"{tmp_path}/cache/{keys.BYTECODE}") == []
    assert set(one(store, stored)) == COMPILED


def test_without_a_cache_the_work_area_holds_it(tmp_path: object) -> None:
    store, stored = stored_in(str(tmp_path), None)
    files = one(store, stored)
    assert set(files) == COMPILED
    assert all(path.startswith(f"{tmp_path}/work/") for path in files.values())


def test_an_interpreter_without_bytecode_gets_none(tmp_path: object) -> None:
    store, stored = stored_in(str(tmp_path), f"{tmp_path}/cache")
    assert one(store, stored, interpreter(cache_tag="")) == {}


@pytest.mark.parametrize("python", interpreters(), ids=str)
def test_every_python_compiles(tmp_path: object, python: object) -> None:
    from tests.support.interpreters import Interpreter as Real  # noqa: PLC0415 - for the type

    assert isinstance(python, Real)
    store, stored = stored_in(str(tmp_path), f"{tmp_path}/cache")
    asked = interpreter(python.executable, ".".join(map(str, python.version)), f"cpython-{python.minor}")
    assert set(one(store, stored, asked)) == COMPILED


def test_the_script_is_old_enough_for_every_target() -> None:
    with open(compile_script.__file__, encoding="utf-8") as file:
        ast.parse(file.read(), feature_version=(3, 8))
