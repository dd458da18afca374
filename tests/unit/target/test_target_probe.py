from __future__ import annotations

import ast
import glob
import os
import pwd
import stat
import subprocess
import sysconfig

import pytest

from holdfast.errors import TargetError
from holdfast.target.probe import SCRIPT, probe
from tests.support.environments import make_venv
from tests.support.interpreters import Interpreter, interpreters, this_interpreter

PIP_SCHEME = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pip._internal.locations import get_scheme
arguments = json.loads(sys.argv[2])
scheme = get_scheme("name", **arguments)
print(json.dumps({key: getattr(scheme, key) for key in ("purelib", "platlib", "scripts", "headers", "data")}))
"""


def script(path: str, text: str) -> str:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, stat.S_IRWXU)
    return path


def test_the_script_is_python_3_8() -> None:
    with open(SCRIPT, encoding="utf-8") as file:
        tree = ast.parse(file.read(), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not {name for name in imported if name.startswith("holdfast")}


@pytest.mark.parametrize("interpreter", interpreters(), ids=str)
def test_every_python_answers(interpreter: Interpreter) -> None:
    facts = probe(interpreter.executable)
    assert facts["version"].startswith(interpreter.minor)
    assert facts["markers"]["python_version"] == interpreter.minor
    assert facts["prefix"] == facts["base_prefix"]
    assert os.path.isfile(os.path.join(facts["stdlib"], "os.py"))
    assert os.path.samefile(facts["base_executable"], facts["executable"])


@pytest.mark.parametrize("interpreter", interpreters(), ids=str)
def test_an_environment_of_every_python_answers(interpreter: Interpreter, tmp_path: object) -> None:
    venv = make_venv(f"{tmp_path}/venv", interpreter)
    facts = probe(venv.python)
    assert facts["executable"] == venv.python
    assert facts["prefix"] == venv.root
    assert facts["prefix"] != facts["base_prefix"]
    assert facts["scheme"]["purelib"] == venv.site_packages
    assert facts["scheme"]["headers"] == f"{venv.root}/include/site/python{interpreter.minor}"
    assert facts["site_packages"][0] == venv.site_packages
    assert os.path.samefile(facts["base_executable"], interpreter.executable)
    assert not facts["base_executable"].startswith(venv.root)


def pip_scheme(python: str, arguments: str) -> dict[str, str] | None:
    """What the Python's own pip answers; None: it has none that works."""
    import json  # noqa: PLC0415 - next to its one use

    where = subprocess.run(
        [python, "-I", "-c", "import pip, os; print(os.path.dirname(os.path.dirname(pip.__file__)))"],
        capture_output=True,
        text=True,
        check=False,
    )
    if where.returncode:
        return None
    done = subprocess.run(
        [python, "-I", "-W", "ignore", "-c", PIP_SCHEME, where.stdout.strip(), arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, str] = json.loads(done.stdout)
    return {**answer, "headers": os.path.dirname(answer["headers"])}


@pytest.mark.peer
@pytest.mark.parametrize("interpreter", interpreters(), ids=str)
def test_schemes_are_those_of_pip(interpreter: Interpreter) -> None:
    expected = pip_scheme(interpreter.executable, "{}")
    if expected is None:
        pytest.skip(f"{interpreter.executable} has no pip")
    facts = probe(interpreter.executable)
    assert facts["scheme"] == expected
    if "/dist-packages" in expected["purelib"]:
        pytest.skip("Debian's: its own test follows")
    assert {k: os.path.normpath(f"/x/{v}") for k, v in facts["prefix_scheme"].items()} == pip_scheme(
        interpreter.executable, '{"prefix": "/x"}'
    )
    user = pip_scheme(interpreter.executable, '{"user": true}')
    assert user is not None
    home = os.path.join(os.environ["HOME"], facts["user"]["base"])
    assert {k: os.path.normpath(f"{home}/{v}") for k, v in facts["user"]["scheme"].items()} == user


@pytest.mark.peer
def test_the_schemes_of_debians_python_are_those_of_its_pip() -> None:
    python = "/usr/bin/python3"
    if not os.path.exists("/etc/debian_version") or not os.path.exists(python):
        pytest.skip("not Debian with its own Python")
    expected = pip_scheme(python, "{}")
    if expected is None:
        pytest.skip("Debian's Python is here without pip")
    facts = probe(python)
    assert facts["scheme"] == expected
    assert facts["scheme"]["purelib"].startswith("/usr/local/lib/python3")
    assert facts["scheme"]["purelib"].endswith("/dist-packages")
    assert facts["scheme"]["purelib"] in facts["site_packages"]
    assert facts["prefix_scheme"]["scripts"] == "bin"  # as pip since 26.3: local/ is for the system's own prefix alone
    assert facts["prefix_scheme"]["purelib"].endswith("/site-packages")


def test_the_callers_environment_has_no_influence(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    python = this_interpreter().executable
    before = probe(python)
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONUSERBASE", str(tmp_path))
    monkeypatch.setenv("PYTHONPLATLIBDIR", "lib99")
    monkeypatch.setenv("_PYTHON_HOST_PLATFORM", "linux-sparc")
    monkeypatch.setenv("DEB_PYTHON_INSTALL_LAYOUT", "deb")
    script(f"{tmp_path}/json.py", "raise SystemExit('planted')")
    monkeypatch.chdir(str(tmp_path))
    assert probe(python) == before


def test_what_pth_files_print_does_not_matter(tmp_path: object) -> None:
    venv = make_venv(f"{tmp_path}/venv")
    with open(f"{venv.site_packages}/noise.pth", "w", encoding="utf-8") as file:
        file.write("import sys; sys.stdout.write('{noise without a line end')\n")
    assert probe(venv.python)["prefix"] == venv.root


def test_nothing_is_written(tmp_path: object) -> None:
    venv = make_venv(f"{tmp_path}/venv")
    before = sorted(os.walk(venv.root))
    probe(venv.python)
    assert sorted(os.walk(venv.root)) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#!/bin/sh\necho 'no such version' >&2\nexit 127\n", "no such version"),
        ("#!/bin/sh\necho hello\n", "printed nothing"),
        ('#!/bin/sh\ncase "$*" in *sys.stdout*) printf 3.7.4;; *) exit 1;; esac\n', "is Python 3.7.4"),
        ("#!/no/such/interpreter\n", "cannot be run"),
    ],
    ids=["fails", "no Python", "too old", "no interpreter"],
)
def test_what_is_no_python_is_refused_with_the_reason(text: str, words: str, tmp_path: object) -> None:
    path = script(f"{tmp_path}/python3", text)
    with pytest.raises(TargetError, match=words) as caught:
        probe(path)
    assert path in caught.value.cause


def test_a_real_old_python_is_named_by_its_version() -> None:
    home = os.environ.get("PYENV_ROOT") or os.path.join(pwd.getpwuid(os.getuid()).pw_dir, ".pyenv")
    old = [path for minor in ("2.7", "3.6", "3.7") for path in glob.glob(f"{home}/versions/{minor}.*/bin/python")]
    found = [path for path in old if os.access(path, os.X_OK)]
    if not found:
        pytest.skip("no Python older than 3.8 is here")
    for path in found:
        with pytest.raises(TargetError, match=r"is Python (2\.7|3\.6|3\.7)\.\d+; holdfast installs for Python 3\.8"):
            probe(path)


def test_the_running_python_is_told_apart_from_the_one_below(tmp_path: object) -> None:
    outer = make_venv(f"{tmp_path}/outer")
    inner = f"{tmp_path}/inner"
    subprocess.run([outer.python, "-I", "-m", "venv", "--without-pip", "--symlinks", inner], check=True)
    facts = probe(f"{inner}/bin/python")
    assert facts["prefix"] == inner
    assert os.path.realpath(facts["base_executable"]) == os.path.realpath(this_interpreter().executable)
    assert sysconfig.get_python_version() in facts["base_executable"]
