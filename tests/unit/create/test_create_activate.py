from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from holdfast.create.activate import activation_scripts
from holdfast.create.venv import create
from holdfast.stage.owner import new_id
from holdfast.target.facts import load_interpreter
from tests.support.interpreters import this_interpreter

AWKWARD = 'it\'s "a" $HOME `x` & é'
SHOW = 'printf "%s|" "$VIRTUAL_ENV" "$VIRTUAL_ENV_PROMPT" "${PATH%%:*}" "${PYTHONHOME-unset}"'
GONE = 'printf "%s|" "${VIRTUAL_ENV-unset}" "${VIRTUAL_ENV_PROMPT-unset}" "$PATH" "${PYTHONHOME-unset}" "${PS1-}"'


@pytest.fixture
def root(tmp_path: object) -> str:
    return create(
        f"{tmp_path}/{AWKWARD}",
        load_interpreter(this_interpreter().executable, None),
        identifier=new_id(),
        prompt=AWKWARD,
    )


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "ksh", "bash -eu"])
def test_in_sh(root: str, shell: str) -> None:
    name, *options = shell.split()
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"no {name} here")
    script = f'PS1="$ "; . "$1"; {SHOW}; deactivate; {GONE}; command -v deactivate || true'
    done = subprocess.run(
        [program, *options, "-c", script, "sh", f"{root}/bin/activate"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONHOME": "/x"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("|") == [
        *(root, AWKWARD, f"{root}/bin", "unset"),
        *("unset", "unset", "/usr/bin:/bin", "/x", "$ "),
        "",
    ]


def test_one_environment_after_the_other(tmp_path: object) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    interpreter = load_interpreter(this_interpreter().executable, None)
    first, second = (create(f"{tmp_path}/{name}", interpreter, identifier=new_id()) for name in ("first", "second"))
    script = '. "$0/bin/activate"; . "$1/bin/activate"; echo "$PATH|$VIRTUAL_ENV"; deactivate; echo "$PATH"'
    done = subprocess.run(
        [bash, "-c", script, first, second], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    assert done.stdout == f"{second}/bin:/usr/bin:/bin|{second}\n/usr/bin:/bin\n"


@pytest.mark.parametrize(
    ("shell", "file", "script"),
    [
        (
            "fish",
            "activate.fish",
            "source $argv[1]; echo $VIRTUAL_ENV; deactivate; echo (set -q VIRTUAL_ENV; echo $status)",
        ),
        ("tcsh", "activate.csh", "source $argv[1]:q; echo $VIRTUAL_ENV:q; deactivate; echo $?VIRTUAL_ENV"),
        ("pwsh", "Activate.ps1", ". $args[0]; $env:VIRTUAL_ENV; deactivate; [bool] $env:VIRTUAL_ENV"),
    ],
)
def test_in_other_shells(root: str, shell: str, file: str, script: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    done = subprocess.run(
        [program, "-c", script, f"{root}/bin/{file}"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.splitlines()[0] == root, done.stderr


def test_every_script_names_root_and_prompt_once() -> None:
    scripts = activation_scripts("/some/root", "its prompt")
    assert set(scripts) == {"activate", "activate.csh", "activate.fish", "Activate.ps1"}
    for name, text in scripts.items():
        assert text.count("/some/root") == 1, name
        assert text.count("its prompt") == 1, name
        assert "@" not in text, name


def test_a_root_that_looks_like_a_placeholder() -> None:
    for text in activation_scripts("/x/@PROMPT@/@ROOT@", "name").values():
        assert "/x/@PROMPT@/@ROOT@" in text


def test_the_scripts_are_not_executable(root: str) -> None:
    for name in os.listdir(f"{root}/bin"):
        if "activate" in name.lower():
            assert not os.access(f"{root}/bin/{name}", os.X_OK)
