"""``venv --clear`` takes the lock of what it replaces: a commit ends before; who comes later changes the new one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.environments import installed, unowned, verify_record
from tests.support.faulty_disk import Point
from tests.support.faulty_main import count_calls, start_faulty
from tests.support.index import Index
from tests.support.sandbox import Sandbox
from tests.support.wheels import pkg

WAITING = "Waiting for the environment lock "


@pytest.fixture
def bench(sandbox: Sandbox, index: Index) -> Sandbox:
    index.add(pkg("one"), pkg("two"))
    sandbox.settings["HOLDFAST_INDEX_URL"] = index.url
    sandbox.settings["VIRTUAL_ENV"] = sandbox.venv.root
    return sandbox


def clear(bench: Sandbox, *more: str) -> subprocess.Popen[str]:
    return bench.start("venv", "--clear", *more, bench.venv.root)


def stopped(bench: Sandbox, *words: str, call: str, path: str = "") -> subprocess.Popen[str]:
    """A real command that stops itself before the first such call that gives something this path."""
    calls = count_calls(bench, *words)
    if words[0] == "install":
        bench.run("uninstall", "-y", words[1]).ok()
    at = next(n for n, each in enumerate(calls) if each.name == call and each.paths[1].endswith(path))
    process = start_faulty(bench, *words, point=Point(n=at), fault="SIGSTOP")
    deadline = time.monotonic() + 30
    while state_of(process.pid) != "T":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def state_of(pid: int) -> str:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0]


def said(process: subprocess.Popen[str], start: str) -> str:
    assert process.stderr is not None
    return next(line for line in process.stderr if line.startswith(start))


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out + err


def assert_whole(bench: Sandbox, *names: str) -> None:
    site = bench.venv.site_packages
    assert (verify_record(site), unowned(site)) == ((), ())
    assert sorted(each.name for each in installed(site)) == sorted(names)
    above = os.path.dirname(bench.venv.root)
    left = [name for place in (site, bench.venv.root, above, bench.tmp) for name in os.listdir(place)]
    assert not [name for name in left if "holdfast-" in name or name == ".holdfast.lock"]


def test_it_waits_for_a_commit_and_says_for_whose(bench: Sandbox) -> None:
    bench.run("install", "one").ok()
    bench.run("uninstall", "-y", "one").ok()
    first = stopped(bench, "install", "one", call="rename", path="/journal")
    second = clear(bench)
    assert "install one" in said(second, WAITING)
    assert second.poll() is None
    first.send_signal(signal.SIGCONT)
    assert ended(first)[0] == 0
    assert ended(second)[0] == 0
    assert_whole(bench)
    bench.run("install", "two").ok()
    assert_whole(bench, "two")


def test_with_a_deadline_it_ends_and_changes_nothing(bench: Sandbox) -> None:
    bench.run("install", "one").ok()
    bench.run("uninstall", "-y", "one").ok()
    first = stopped(bench, "install", "one", call="rename", path="/journal")
    code, text = ended(clear(bench, "--lock-timeout=0"))
    assert (code, "Nothing was changed." in text) == (6, True), text
    first.send_signal(signal.SIGCONT)
    assert ended(first)[0] == 0
    assert_whole(bench, "one")


def test_who_waits_for_it_learns_that_the_environment_was_replaced(bench: Sandbox) -> None:
    bench.run("install", "one").ok()
    first = stopped(bench, "venv", "--clear", bench.venv.root, call="rename_exchange")
    second = bench.start("install", "two")
    assert "venv --clear" in said(second, WAITING)
    first.send_signal(signal.SIGCONT)
    assert ended(first)[0] == 0
    code, text = ended(second)
    assert code == 8, text
    assert "Nothing was changed." in text
    assert "the environment was replaced" in text
    bench.run("install", "two").ok()
    assert_whole(bench, "two")


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in range(2, 20))])
def test_with_others_at_the_same_time_it_leaves_a_whole_environment(bench: Sandbox, seed: int) -> None:
    commands = (
        ("install", "one"),
        ("install", "two"),
        ("install", "--force-reinstall", "one"),
        ("uninstall", "-y", "two"),
    )
    unclean = []

    def work(number: int) -> None:
        chosen = random.Random(seed * 100 + number)
        for _ in range(5):
            process = clear(bench) if chosen.random() < 0.3 else bench.start(*chosen.choice(commands))
            code, text = ended(process)
            if "Traceback" in text or (code and "Nothing was changed." not in text):
                unclean.append((code, text))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert unclean == [], unclean[0][1]
    bench.run("recover").ok()
    bench.run("install", "one", "two").ok()
    assert_whole(bench, "one", "two")
    assert bench.venv.imported("1", "one") == bench.venv.imported("1", "two") == "1"
