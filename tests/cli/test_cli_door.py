"""Whole processes: exit codes, streams, signals, and no traceback for what the world did wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from holdfast.cli.catalogue import COMMANDS
from tests.support.sandbox import Sandbox, command


def test_version_and_overview(sandbox: Sandbox) -> None:
    assert sandbox.run("--version").ok().stdout.startswith("holdfast ")
    assert sandbox.run("-V").ok().stdout == sandbox.run("-q", "--version").ok().stdout
    for words in ([], ["--help"], ["-h"], ["help"], ["--help", "-q"]):
        assert "usage: holdfast COMMAND" in sandbox.run(*words).ok().stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_a_result(name: str, sandbox: Sandbox) -> None:
    shown = sandbox.run(name, "--help").ok()
    assert shown.stdout.startswith(f"usage: holdfast {name}")
    assert shown.stderr == ""
    assert sandbox.run("help", name).stdout == shown.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["instal"],
        ["sync"],
        ["install"],
        ["install", "--upgrad", "a"],
        ["install", "--lock-mode=soft", "a"],
        ["-r", "x", "install"],
        ["--bogus", "install", "a"],
        ["-q"],
        ["uninstall", "-y"],
        ["list", "something"],
        ["show"],
        ["cache"],
        ["cache", "dri"],
        ["venv", "a", "b"],
    ],
)
def test_a_wrong_word_is_one_line_and_the_usage(words: list[str], sandbox: Sandbox) -> None:
    done = sandbox.run(*words).returned(2)
    first, second = done.stderr.splitlines()
    assert first.startswith("error: ")
    assert second.startswith("usage: holdfast ")
    assert done.stdout == ""


def test_a_failure_in_json(sandbox: Sandbox) -> None:
    done = sandbox.run("install", "--json", "--no-such", "a").returned(2)
    assert done.json["error"]["exit_code"] == 2
    assert "--no-such" in done.json["error"]["cause"]
    assert done.stderr.startswith("error: ")


def test_a_bad_setting_names_its_variable(sandbox: Sandbox) -> None:
    done = sandbox.run("install", "a", env={"HOLDFAST_LOCK_TIMEOUT": "soon"}).returned(2)
    assert "HOLDFAST_LOCK_TIMEOUT is 'soon'" in done.stderr
    assert done.stderr.startswith("error: install failed. Nothing was changed.\n")


def test_a_bad_line_names_file_and_line(sandbox: Sandbox) -> None:
    path = sandbox.write("r.txt", "# fine\n\nrequests >> 2\n")
    done = sandbox.run("install", "-r", path).returned(2)
    assert f"{path}:3: " in done.stderr
    assert "^" in done.stderr


def test_a_missing_file_is_named(sandbox: Sandbox) -> None:
    assert "nowhere.txt" in sandbox.run("install", "-r", "nowhere.txt").returned(2).stderr


def test_sources_are_refused(sandbox: Sandbox) -> None:
    assert "wheels only" in sandbox.run("install", "git+https://127.0.0.1/x.git").returned(1).stderr


def test_config_shows_where_values_come_from(sandbox: Sandbox) -> None:
    env = {"HOLDFAST_LINK_MODE": "copy", "PIP_INDEX_URL": "https://user:secret@h/simple"}
    done = sandbox.run("config", "--retries", "7", env=env).ok()
    assert "link-mode = copy  # HOLDFAST_LINK_MODE\n" in done.stdout
    assert "index-url = https://h/simple  # PIP_INDEX_URL\n" in done.stdout
    assert "retries = 7  # command line\n" in done.stdout
    assert "lock-mode = \n" in done.stdout
    assert "secret" not in done.stdout
    found = sandbox.run("config", "--json", "--isolated", env=env).ok().json
    assert found["index-url"] == {"value": "https://pypi.org/simple", "origin": "default"}


def test_global_options_stand_before_or_after(sandbox: Sandbox) -> None:
    before = sandbox.run("--retries", "7", "config").ok()
    assert before.stdout == sandbox.run("config", "--retries=7").ok().stdout


def test_cache(sandbox: Sandbox) -> None:
    assert sandbox.run("cache", "dir").ok().stdout == f"{sandbox.cache}/holdfast\n"
    assert sandbox.run("cache", "dir", "--cache-dir", "x").ok().stdout == f"{sandbox.cwd}/x\n"
    assert "There is no cache" in sandbox.run("cache", "dir", "--no-cache-dir").returned(2).stderr


def test_a_reader_that_has_enough_is_no_failure_of_ours(sandbox: Sandbox) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as stdout:
        done = subprocess.run(
            command("config"), env=sandbox.env(), cwd=sandbox.cwd, stdout=stdout, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == -signal.SIGPIPE
    assert done.stderr == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("words", [["config"], ["--version"]])
def test_a_full_stdout_is_told(words: list[str], sandbox: Sandbox) -> None:
    with open("/dev/full", "wb") as stdout:
        done = subprocess.run(
            command(*words), env=sandbox.env(), cwd=sandbox.cwd, stdout=stdout, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "error: the result could not be written to stdout: No space left on device."
    ]


def test_closed_streams_are_no_crash(sandbox: Sandbox) -> None:
    script = f'"{sys.executable}" -m holdfast config >&- 2>&-'
    done = subprocess.run(["sh", "-c", script], env=sandbox.env(), cwd=sandbox.cwd, check=False)
    assert done.returncode in {0, 1}


_SLOW = """
import os, signal, sys
from holdfast.cli import dispatch, door
def asked(words, context):
    context.command = "install"
    context.json = "--json" in words
    os.kill(os.getpid(), {signum})
    signal.pause()
dispatch.dispatch = asked
sys.exit(door.run_guarded({words}))
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_by_that_signal_with_the_state(signum: int, sandbox: Sandbox) -> None:
    code = _SLOW.format(signum=int(signum), words=["install"])
    done = subprocess.run(
        [sys.executable, "-c", code], env=sandbox.env(), capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == -signum
    assert done.stderr.splitlines()[-1] == "error: install interrupted. Nothing was changed."


def test_a_signal_in_json(sandbox: Sandbox) -> None:
    code = _SLOW.format(signum=int(signal.SIGTERM), words=["install", "--json"])
    done = subprocess.run(
        [sys.executable, "-c", code], env=sandbox.env(), capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == -signal.SIGTERM
    assert json.loads(done.stdout)["error"]["exit_code"] == 143


_RAISES = """
import sys
from holdfast.cli import dispatch, door
def asked(words, context):
    context.command = "install"
    raise {error}
dispatch.dispatch = asked
sys.exit(door.run_guarded(["install"]))
"""


def test_a_bug_shows_its_traceback_and_asks_for_a_report(sandbox: Sandbox) -> None:
    code = _RAISES.format(error="ZeroDivisionError('ours')")
    done = subprocess.run([sys.executable, "-c", code], env=sandbox.env(), capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert "Traceback" in done.stderr
    assert "report" in done.stderr.splitlines()[-1]


def test_an_error_of_the_system_has_no_traceback(sandbox: Sandbox) -> None:
    code = _RAISES.format(error="OSError(28, 'No space left on device', '/some/where')")
    done = subprocess.run([sys.executable, "-c", code], env=sandbox.env(), capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "error: install failed.",
        "The operating system says: No space left on device: /some/where",
    ]
