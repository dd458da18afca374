"""Pythons 3.8 to 3.14 as targets: made, filled with the best wheel of each tag, compiled, run, emptied."""

from __future__ import annotations

import glob
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.support.environments import Venv, verify_record
from tests.support.interpreters import NEWEST, OLDEST, Interpreter, interpreter
from tests.support.sandbox import Sandbox
from tests.support.trees import diff, snapshot
from tests.support.wheels import WheelSpec, build_wheel, pkg

MINORS = [f"3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]
MACHINE = sysconfig.get_platform().replace("-", "_").replace(".", "_")
ABI3_SINCE = (3, 10)


@pytest.fixture(params=MINORS)
def python(request: pytest.FixtureRequest) -> Interpreter:
    """Each version in turn; what this machine has not is skipped."""
    found = interpreter(request.param)
    if found is None:
        pytest.skip(f"no CPython {request.param} is on this machine")
    return found


def tagged(name: str, tag: str) -> WheelSpec:
    return WheelSpec(
        name=name,
        version="1.0",
        files={f"{name}/__init__.py": f"TAG = {tag!r}\n\n\ndef main():\n    print(TAG)\n"},
        root_is_purelib=tag.endswith("-any"),
        tags=(tag,),
        console_scripts={f"{name}-tag": f"{name}:main"},
    )


def tags() -> list[str]:
    """Of a project that builds for each Python, a stable ABI and, for the rest, none."""
    own = [f"cp3{minor}-cp3{minor}-{MACHINE}" for minor in range(OLDEST[1], NEWEST[1])]
    return [*own, f"cp3{ABI3_SINCE[1]}-abi3-{MACHINE}", "py3-none-any"]


@pytest.fixture
def links(tmp_path: Path) -> str:
    directory = str(tmp_path / "links")
    for tag in tags():
        build_wheel(tagged("own", tag), directory)
        if "abi3" in tag or "any" in tag:
            build_wheel(tagged("stable", tag), directory)
    for foreign in ("cp37-cp37m", "cp399-cp399", "cp313-cp313t", "pp310-pypy310_pp73"):
        build_wheel(tagged("own", f"{foreign}-{MACHINE}"), directory)
    for elsewhere in ("win_amd64", "macosx_11_0_arm64", "manylinux_2_99_x86_64", "musllinux_1_2_x86_64"):
        build_wheel(tagged("stable", f"cp38-abi3-{elsewhere}"), directory)
    build_wheel(pkg("pure", requires=("own",), console_scripts={"pure": "pure:main"}), directory)
    return directory


def made(sandbox: Sandbox, python: Interpreter, name: str = "made") -> Venv:
    root = os.path.join(os.path.realpath(sandbox.root), name)
    assert sandbox.run("venv", "--python", python.executable, root).ok().stdout == root + "\n"
    return Venv(root=root, version=python.version[:2])


def test_the_best_wheel_of_each_python_is_installed_and_runs(sandbox: Sandbox, python: Interpreter, links: str) -> None:
    venv = made(sandbox, python)
    bare = snapshot(venv.root)
    on = ("--python", venv.root)
    sandbox.run("install", *on, "--no-index", "--find-links", links, "pure", "stable").ok()
    assert venv.distributions == {"own": "1.0", "pure": "1.0", "stable": "1.0"}
    assert verify_record(venv.site_packages) == ()
    minor = python.version[1]
    own = f"cp3{minor}-cp3{minor}-{MACHINE}" if python.version[:2] < NEWEST else f"cp310-abi3-{MACHINE}"
    stable = f"cp310-abi3-{MACHINE}" if python.version[:2] >= ABI3_SINCE else "py3-none-any"
    assert venv.script("own-tag").stdout == own + "\n"
    assert venv.script("stable-tag").stdout == stable + "\n"
    assert venv.script("pure").stdout == "pure 1.0\n"
    assert sandbox.run("freeze", *on).ok().stdout.split() == ["own==1.0", "pure==1.0", "stable==1.0"]
    sandbox.run("check", "--files", *on).ok()
    sandbox.run("uninstall", *on, "own", "pure", "stable").ok()
    assert not diff(bare, snapshot(venv.root))


def test_bytecode_is_what_each_python_would_write(sandbox: Sandbox, python: Interpreter, links: str) -> None:
    venv = made(sandbox, python)
    bare = snapshot(venv.root)
    on = ("--python", venv.root)
    sandbox.run("install", *on, "--no-index", "--find-links", links, "--compile-bytecode", "pure").ok()
    compiled = sorted(glob.glob(os.path.join(venv.site_packages, "*", "__pycache__", "*.pyc")))
    tag = f"cpython-3{python.version[1]}"
    assert [os.path.basename(path) for path in compiled] == [f"__init__.{tag}.pyc"] * 2
    assert verify_record(venv.site_packages) == ()
    before = snapshot(venv.root)
    for module in ("own", "pure"):
        said = venv.run("-v", "-W", "error", "-c", f"import {module}").stderr
        path = os.path.join(venv.site_packages, module, "__pycache__", f"__init__.{tag}.pyc")
        assert f"code object from '{path}'" in said
        assert path not in [line.partition("wrote ")[2].strip("'") for line in said.splitlines()]
    assert not diff(before, snapshot(venv.root)), "an import found its bytecode stale and wrote it anew"
    sandbox.run("uninstall", *on, "pure", "own").ok()
    assert not diff(bare, snapshot(venv.root))


@pytest.mark.parametrize(
    "name", ["with spaces and 'quotes'", "long" * 40, "plain-ünïcode"], ids=["spaces", "long", "unicode"]
)
def test_scripts_run_wherever_the_environment_lies(
    sandbox: Sandbox, python: Interpreter, links: str, name: str
) -> None:
    build_wheel(
        WheelSpec(
            name="scripted",
            version="1.0",
            data={"scripts/say": "#!python\nimport sys\nprint(sys.prefix, *sys.argv[1:])\n"},
            files={"scripted.py": "import sys\n\n\ndef main():\n    print(sys.prefix, *sys.argv[1:])\n"},
            console_scripts={"say-entry": "scripted:main"},
            gui_scripts={"say-gui": "scripted:main"},
        ),
        links,
    )
    venv = made(sandbox, python, name)
    sandbox.run("install", "--python", venv.root, "--no-index", "--find-links", links, "scripted").ok()
    assert verify_record(venv.site_packages) == ()
    for script in ("say", "say-entry", "say-gui"):
        done = venv.script(script, "a b", "$HOME", "'")
        assert (done.stdout, done.stderr) == (f"{venv.root} a b $HOME '\n", "")


def test_activation_finds_what_was_installed(sandbox: Sandbox, python: Interpreter, links: str) -> None:
    venv = made(sandbox, python)
    sandbox.run("install", "--python", venv.root, "--no-index", "--find-links", links, "pure").ok()
    line = f". '{venv.root}/bin/activate' && pure && python -c 'import sys; print(sys.version_info[1])' && deactivate"
    done = subprocess.run(
        ["sh", "-c", line], env=sandbox.env(), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == f"pure 1.0\n{python.version[1]}\n", done.stderr
