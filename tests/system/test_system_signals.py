"""Real signals to real installs, at any moment: OLD or NEW, told truly, nothing left, ended by it (P1, P4, P9)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from tests.crash.real_cases import copy_tree, specs
from tests.support.environments import verify_record
from tests.support.index import Delay, Index, Throttle
from tests.support.sandbox import Sandbox, command
from tests.support.trees import Snapshot, diff, snapshot
from tests.support.wheels import pkg

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STATES = {"old": "Nothing was changed.", "new": "The change is in force."}
DEPENDENCIES = tuple(f"dep{n}" for n in range(5))
COMMAND = ("install", "alpha==2.0", "beta==2.0", *DEPENDENCIES)


@dataclass(slots=True, kw_only=True)
class Bench:
    """An environment to upgrade from a slow index, back to OLD and a cold cache as often as wanted."""

    box: Sandbox
    index: Index
    old: Snapshot = field(default_factory=dict)
    new: Snapshot = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def env(self) -> Mapping[str, str]:
        return {"HOLDFAST_INDEX_URL": self.index.url}

    def prepare(self) -> None:
        padding = {f"alpha/pad{n}.py": os.urandom(4000).hex() for n in range(8)}
        for spec in specs():
            self.index.add(replace(spec, files={**spec.files, **padding}) if spec.name == "alpha" else spec)
        self.index.add(*(pkg(name, files={f"{name}/x.py": os.urandom(4000).hex()}) for name in DEPENDENCIES))
        self.box.venv  # noqa: B018 - made now
        self.box.run("install", "alpha==1.0", "beta==1.0", env=self.env).ok()
        self.old = snapshot(self.box.venv.root)
        copy_tree(self.box.venv.root, self._kept)
        self.index.on("/simple/*", Delay(seconds=0.05))
        self.index.on("/files/*.whl", Throttle(bytes_per_second=100_000))
        self.fresh()
        began = time.monotonic()
        self.box.run(*COMMAND, env=self.env).ok()
        self.seconds = time.monotonic() - began
        self.new = snapshot(self.box.venv.root)

    @property
    def _kept(self) -> str:
        return os.path.join(self.box.root, "kept")

    def fresh(self) -> None:
        subprocess.run(["rm", "-rf", self.box.venv.root, self.box.cache, self.box.state], check=True)
        copy_tree(self._kept, self.box.venv.root)
        os.makedirs(self.box.cache)

    def judge(self, process: subprocess.Popen[str], sent: int) -> str:
        """Wait for the end; which state it left."""
        out, err = process.communicate(timeout=30)
        found = snapshot(self.box.venv.root)
        assert found in (self.old, self.new), (diff(self.old, found), err)
        state = "old" if found == self.old else "new"
        for path in (self.box.tmp, self.box.cwd, self.box.home, self.box.config):
            assert os.listdir(path) == []
        assert verify_record(self.box.venv.site_packages) == ()
        assert "Traceback" not in err, err
        assert "warning" not in err, err
        if process.returncode == 0:
            assert state == "new"
        elif "Successfully installed" in out or not err:  # it came after the last word, or before the first
            assert (process.returncode, state) == (-sent, "new" if out else "old")
        else:
            assert process.returncode == -sent, (process.returncode, err)
            assert err.splitlines()[-1] == f"error: install interrupted. {STATES[state]}"
        return state


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Index() as index:
        made = Bench(box=Sandbox(root=os.path.realpath(tmp_path_factory.mktemp("signals"))), index=index)
        made.prepare()
        yield made


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in range(2, 32))])
def test_a_signal_at_any_moment_leaves_old_or_new(bench: Bench, seed: int) -> None:
    chosen = random.Random(seed)
    for _ in range(12):
        bench.fresh()
        sent = chosen.choice(SIGNALS)
        delay = chosen.uniform(0.15, bench.seconds) if chosen.random() < 0.6 else chosen.uniform(0.7, 1) * bench.seconds
        gap = chosen.choice((None, 0.0, 0.001, 0.02))
        group = chosen.random() < 0.4
        process = bench.box.start(*COMMAND, env=bench.env)
        time.sleep(delay)
        send(process, sent, group=group)
        if gap is not None:
            time.sleep(gap)
            send(process, sent, group=group)
        try:
            bench.judge(process, sent)
        except AssertionError as error:
            error.add_note(f"seed {seed}: {sent!r} after {delay:.3f} of {bench.seconds:.3f} s, gap {gap}, {group=}")
            raise


def send(process: subprocess.Popen[str], signum: int, *, group: bool) -> None:
    if process.poll() is None:
        (os.killpg if group else os.kill)(process.pid, signum)


def test_who_is_stopped_while_the_result_is_told_hears_that_it_is_in_force(sandbox: Sandbox, index: Index) -> None:
    index.add(pkg("one"))
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        with suppress(BlockingIOError):
            while True:
                os.write(write, b"." * 4096)  # nobody reads: the result cannot be told
        os.set_blocking(write, True)
        sandbox.venv  # noqa: B018 - made now
        with subprocess.Popen(
            command("install", "one"),
            env=sandbox.env(HOLDFAST_INDEX_URL=index.url),
            cwd=sandbox.cwd,
            stdin=subprocess.DEVNULL,
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            assert next(line for line in process.stderr if line.startswith(" + one"))
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == -signal.SIGINT
            assert process.stderr.read().splitlines()[-1] == "error: install interrupted. The change is in force."
    finally:
        os.close(read)
        os.close(write)
    assert sandbox.venv.distributions == {"one": "1.0"}


def test_ignored_signals_stay_ignored(sandbox: Sandbox, index: Index) -> None:
    index.add(pkg("one"))
    index.on("/files/*.whl", Delay(seconds=0.5))
    sandbox.venv  # noqa: B018 - made now
    line = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *command("install", "one")]
    process = subprocess.Popen(
        line,
        env=sandbox.env(HOLDFAST_INDEX_URL=index.url),
        cwd=sandbox.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.4)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err


def test_a_stopped_install_goes_on_where_it_was(sandbox: Sandbox, index: Index) -> None:
    index.add(pkg("one", files={"one/x.py": os.urandom(20_000).hex()}))
    index.on("/files/*.whl", Throttle(bytes_per_second=60_000))
    sandbox.venv  # noqa: B018 - made now
    process = subprocess.Popen(
        command("install", "one"),
        env=sandbox.env(HOLDFAST_INDEX_URL=index.url),
        cwd=sandbox.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    while not index.asked("/files/*.whl"):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGTSTP)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGCONT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert sandbox.venv.distributions == {"one": "1.0"}


@pytest.mark.parametrize("slow", ["/simple/*", "/files/*.metadata", "/files/*.whl"])
def test_nobody_waits_for_a_server_once_interrupted(sandbox: Sandbox, index: Index, slow: str) -> None:
    index.add(*(pkg(name) for name in ("one", "two", "three")))
    index.on(slow, Delay(seconds=60))
    sandbox.venv  # noqa: B018 - made now
    with sandbox.footprint() as left:
        process = sandbox.start("install", "one", "two", "three", env={"HOLDFAST_INDEX_URL": index.url})
        while not index.asked(slow):
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.1)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        assert time.monotonic() - began < 5
    assert process.returncode == -signal.SIGTERM
    assert [line for line in err.splitlines() if not line.startswith("Resolved ")] == [
        "error: install interrupted. Nothing was changed."
    ]
    left.assert_nothing()


_EARLY = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "holdfast.cli.door":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.argv = ["holdfast", "list"]
from holdfast.cli.main import entry
entry()
"""


def test_ctrl_c_before_anything_began_is_no_traceback(sandbox: Sandbox) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _EARLY], env=sandbox.env(), capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
