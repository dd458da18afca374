from __future__ import annotations

import os
import subprocess
import sys

import pytest

from holdfast.model.stored import ScriptEntryPoint
from holdfast.stage.scripts import entry_point_script, interpreter_path, shebang, with_shebang
from tests.unit.stage.staging import venv_target

PLACES = ["plain", "with space", "l" * 100 + "/" + "o" * 100, "it's", "ünï"]


def script_at(path: str, content: bytes) -> str:
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, 0o755)
    return path


@pytest.mark.parametrize("place", PLACES)
def test_scripts_run_whatever_the_interpreters_path(tmp_path: object, place: str) -> None:
    os.makedirs(f"{tmp_path}/{place}")
    python = f"{tmp_path}/{place}/python"
    os.symlink(sys.executable, python)
    point = ScriptEntryPoint(name="tool", module="platform", attribute="python_version")
    made = script_at(f"{tmp_path}/tool", entry_point_script(point, python))
    run = subprocess.run([made], capture_output=True, text=True, check=False)
    assert run.stderr.strip() == ".".join(map(str, sys.version_info[:3]))  # sys.exit says what it was given

    rewritten = with_shebang(b"#!python -E\nimport sys\nprint(sys.argv[1:])\n", python)
    made = script_at(f"{tmp_path}/other", rewritten)
    assert subprocess.run([made, "a b"], capture_output=True, text=True, check=True).stdout == "['a b']\n"
    assert entry_point_script(point, python).startswith(shebang(python))


def test_a_script_that_is_only_a_first_line() -> None:
    assert with_shebang(b"#!python", "/p/python") == b"#!/p/python\n"


def test_the_root_is_not_written_into_scripts(tmp_path: object) -> None:
    root = f"{tmp_path}/root"
    inside = venv_target(f"{root}/usr", executable=f"{root}/usr/bin/python3", relocation=root)
    assert interpreter_path(inside) == "/usr/bin/python3"
    assert interpreter_path(venv_target(f"{root}/usr", executable="/opt/python3", relocation=root)) == "/opt/python3"
