"""A signal, or two in a row, in each phase of a command: ended by it, the state told truly, OLD or NEW (P1, P4, P9).

The moments are named calls of the real process, or requests that the index holds back: always the same. Random moments
are in `test_system_signals`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.crash.power_cases import ONES, TWOS, specs
from tests.crash.real_cases import copy_tree
from tests.support.environments import unowned, verify_record
from tests.support.faulty_main import ROOT, count_calls
from tests.support.index import Delay, Index
from tests.support.sandbox import Completed, Sandbox
from tests.support.signalled_main import Phase, run_signalled
from tests.support.trees import diff, snapshot
from tests.support.wheels import build_wheel, pkg

OLD, NEW = "Nothing was changed.", "The change is in force."
BACK = "An interrupted transaction was taken back; nothing else was changed."
INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
Second = tuple[signal.Signals, int]
"""Another signal, so many calls after the first."""


class Bench:
    """An environment, back to OLD as often as wanted, or to the middle of a commit that was killed."""

    def __init__(self, root: str) -> None:
        self.box = Sandbox(root=os.path.realpath(root))
        self.venv = self.box.venv
        self._wheels = os.path.join(self.box.root, "wheels")
        for spec in specs():
            build_wheel(spec, self._wheels)
        copy_tree(self.venv.root, self._kept("bare"))
        self.box.run(*self.words(*TWOS)).ok()
        self.new = snapshot(self.venv.root)
        self.box.run(*self.words(*ONES)).ok()
        self.old = snapshot(self.venv.root)
        copy_tree(self.venv.root, self._kept("old"))
        line = [sys.executable, "-m", "tests.support.faulty_main", "journal+9", "before", "SIGKILL", "holdfast"]
        env = self.box.env(PYTHONPATH=ROOT)
        subprocess.run([*line, *self.words(*TWOS)], env=env, cwd=self.box.cwd, check=False, capture_output=True)
        copy_tree(self.venv.root, self._kept("killed"))

    def words(self, *command: str) -> tuple[str, ...]:
        """With where the wheels are."""
        return (*command, "--no-index", "--find-links", self._wheels) if command[0] == "install" else command

    def back_to(self, state: str) -> None:
        """Make the environment anew: ``old``, or ``killed``."""
        shutil.rmtree(self.venv.root)
        copy_tree(self._kept(state), self.venv.root)

    def signalled(
        self, *command: str, phase: Phase | int, first: signal.Signals, second: Second | None = None
    ) -> Completed:
        """Run a command that gets the signals."""
        number, gap = second or (None, 1)
        return run_signalled(self.box, *self.words(*command), phase=phase, first=first, second=number, gap=gap)

    def judge(self, done: Completed, sent: signal.Signals, said: str) -> None:
        """Fail unless it died of the signal, told the state truly, and left nothing."""
        assert done.returncode == -sent, done
        assert "Traceback" not in done.stderr, done.stderr
        assert done.stderr.splitlines()[-1] == f"error: {done.args[0]} interrupted. {said}"
        self.assert_is(self.new if said == NEW else self.old)

    def assert_is(self, state: object) -> None:
        """Fail unless the environment is exactly that, and nothing is left anywhere."""
        found = snapshot(self.venv.root)
        assert found == state, (diff(self.old, found), diff(self.new, found))
        assert verify_record(self.venv.site_packages) == ()
        assert unowned(self.venv.site_packages) == ()
        for path in (self.box.tmp, self.box.cwd, self.box.home, self.box.config):
            assert os.listdir(path) == []

    def _kept(self, state: str) -> str:
        return os.path.join(self.box.root, f"kept-{state}")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(str(tmp_path_factory.mktemp("phases")))


AFTER = {Phase.LAST, Phase.RELEASE, Phase.SWEEP, Phase.CLEAR}
"""When the change can no longer be taken back."""
BEFORE = (Phase.STAGE, Phase.LOCK, Phase.JOURNAL, Phase.COMMIT)
ALWAYS: tuple[tuple[Phase, signal.Signals, Second | None], ...] = (
    (Phase.STAGE, INT, None),
    (Phase.STAGE, TERM, (TERM, 1)),
    (Phase.LOCK, HUP, None),
    (Phase.JOURNAL, TERM, (INT, 2)),
    (Phase.COMMIT, INT, None),
    (Phase.COMMIT, HUP, (HUP, 2)),
    (Phase.COMMIT, TERM, (INT, 6)),
    (Phase.LAST, TERM, None),
    (Phase.LAST, INT, (INT, 1)),
    (Phase.RELEASE, HUP, (TERM, 3)),
    (Phase.SWEEP, INT, None),
    (Phase.SWEEP, TERM, (HUP, 4)),
    (Phase.CLEAR, HUP, None),
)
"""A second signal that comes a few calls after one in COMMIT hits the undo; after one in LAST, the release."""
EVERY = tuple(
    (phase, first, second)
    for phase in (*BEFORE, *sorted(AFTER))
    for first in (INT, TERM, HUP)
    for second in (None, *((number, gap) for number in (INT, TERM, HUP) for gap in (1, 3, 9, 27)))
)


@pytest.mark.parametrize(
    ("phase", "first", "second"),
    [*ALWAYS, *(pytest.param(*each, marks=pytest.mark.exhaustive) for each in EVERY if each not in ALWAYS)],
)
def test_signals_in_each_phase_of_an_upgrade(
    bench: Bench, phase: Phase, first: signal.Signals, second: Second | None
) -> None:
    bench.back_to("old")
    done = bench.signalled(*TWOS, phase=phase, first=first, second=second)
    bench.judge(done, first, NEW if phase in AFTER else OLD)


@pytest.mark.parametrize(("phase", "said"), [(Phase.COMMIT, OLD), (Phase.SWEEP, NEW)])
def test_signals_while_something_is_uninstalled(bench: Bench, phase: Phase, said: str) -> None:
    bench.back_to("old")
    bench.box.run("uninstall", "alpha", "beta").ok()
    gone = snapshot(bench.venv.root)
    bench.back_to("old")
    done = bench.signalled("uninstall", "alpha", "beta", phase=phase, first=TERM, second=(INT, 2))
    assert done.returncode == -TERM, done
    assert done.stderr.splitlines()[-1] == f"error: uninstall interrupted. {said}"
    bench.assert_is(gone if said == NEW else bench.old)


@pytest.mark.parametrize(
    ("command", "phase", "first", "second"),
    [
        (("recover",), Phase.FENCE, INT, None),
        (("recover",), Phase.UNDO, TERM, (HUP, 2)),
        (TWOS, Phase.UNDO, HUP, (INT, 3)),
    ],
)
def test_signals_while_a_dead_ones_change_is_taken_back(
    bench: Bench, command: tuple[str, ...], phase: Phase, first: signal.Signals, second: Second | None
) -> None:
    """The undo is finished, since half of it helps nobody; and that something was done is not denied."""
    bench.back_to("killed")
    bench.judge(bench.signalled(*command, phase=phase, first=first, second=second), first, BACK)


@pytest.mark.exhaustive
@pytest.mark.parametrize("second", [None, (INT, 1), (HUP, 7)])
def test_a_signal_before_each_call(bench: Bench, second: Second | None) -> None:
    bench.back_to("old")
    calls = count_calls(bench.box, *bench.words(*TWOS))
    for n in range(len(calls)):
        bench.back_to("old")
        done = bench.signalled(*TWOS, phase=n, first=(INT, TERM, HUP)[n % 3], second=second)
        if done.returncode == 0:  # this time it made fewer calls
            bench.assert_is(bench.new)
            continue
        found = snapshot(bench.venv.root)
        bench.judge(done, (INT, TERM, HUP)[n % 3], NEW if found == bench.new else OLD)


@pytest.mark.parametrize(
    ("slow", "first", "second"),
    [
        ("/simple/*", INT, INT),
        ("/simple/*", HUP, TERM),
        ("/files/*.metadata", TERM, HUP),
        ("/files/*.whl", INT, TERM),
        ("/files/*.whl", HUP, HUP),
    ],
)
def test_two_signals_while_the_network_is_waited_for(
    sandbox: Sandbox, index: Index, slow: str, first: signal.Signals, second: signal.Signals
) -> None:
    index.add(*(pkg(name) for name in ("one", "two")))
    index.on(slow, Delay(seconds=60))
    sandbox.venv  # noqa: B018 - made now
    with sandbox.footprint() as left:
        process = sandbox.start("install", "one", "two", env={"HOLDFAST_INDEX_URL": index.url})
        while not index.asked(slow):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(first)
        process.send_signal(second)
        _, err = process.communicate(timeout=50)
    # Of two different ones that are there at once, the kernel hands over the lower number first.
    assert process.returncode in {-first, -second}
    assert err.splitlines()[-1] == f"error: install interrupted. {OLD}"
    assert "Traceback" not in err
    left.assert_nothing()


def test_two_signals_while_the_lock_is_waited_for(bench: Bench) -> None:
    bench.back_to("old")
    line = [sys.executable, "-m", "tests.support.faulty_main", "journal+3", "before", "SIGSTOP", "holdfast"]
    env = bench.box.env(PYTHONPATH=ROOT)
    with subprocess.Popen(
        [*line, *bench.words(*TWOS)], env=env, cwd=bench.box.cwd, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            os.waitpid(holder.pid, os.WUNTRACED)
            waiter = bench.box.start(*bench.words("uninstall", "alpha"))
            assert waiter.stderr is not None
            next(line for line in waiter.stderr if line.startswith("Waiting for the environment lock "))
            waiter.send_signal(TERM)
            waiter.send_signal(TERM)
            _, err = waiter.communicate(timeout=50)
            assert waiter.returncode == -TERM
            assert err.splitlines()[-1] == f"error: uninstall interrupted. {OLD}"
            holder.send_signal(signal.SIGCONT)
            assert holder.wait(60) == 0
        finally:
            holder.kill()
            holder.communicate()
    bench.assert_is(bench.new)
