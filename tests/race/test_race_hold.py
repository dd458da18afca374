"""Item 6: the lock is held for the commit only: no index is asked meanwhile, and the number of files does not count."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.race.test_race_waiting import under_the_lock
from tests.support.holding import CODE, hold
from tests.support.index import Delay, Index, Request
from tests.support.sandbox import Sandbox, command
from tests.support.wheels import Content, WheelSpec, build_wheel, pkg

MEMORY = re.compile(r"\b(brk|mmap|munmap|mprotect|mremap|madvise|futex|rt_sig\w+)\(")


@pytest.fixture
def slow(index: Index) -> Index:
    """Files come after half a second."""
    index.add(pkg("one"), pkg("two"), pkg("three"))
    index.on("/files/*.whl", Delay(seconds=0.5))
    return index


@pytest.fixture
def holder(sandbox: Sandbox, slow: Index) -> Iterator[subprocess.Popen[str]]:
    """Stands still with the lock in its hand, having downloaded ``one``."""
    sandbox.venv  # noqa: B018 - made now
    env = sandbox.env(HOLDFAST_INDEX_URL=slow.url, PYTHONPATH=CODE)
    with hold("install", "--json", "one", python=sys.executable, env=env, cwd=sandbox.cwd) as process:
        yield process


def files_of(index: Index) -> tuple[Request, ...]:
    return index.asked("/files/*.whl")


def test_who_holds_the_lock_asks_no_index_any_more(slow: Index, holder: subprocess.Popen[str]) -> None:
    asked = slow.requests
    assert [request.path.rpartition("/")[2] for request in files_of(slow)] == ["one-1.0-py3-none-any.whl"]
    assert all(request.ended > request.began for request in asked)
    holder.send_signal(signal.SIGCONT)
    out, err = holder.communicate(timeout=30)
    assert holder.returncode == 0, err
    assert '"held"' in out
    assert slow.requests == asked


@contextmanager
def started(sandbox: Sandbox, *lines: tuple[str, ...], **env: str) -> Iterator[list[subprocess.Popen[str]]]:
    processes = [sandbox.start(*line, env=env) for line in lines]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_downloads_go_on_side_by_side_while_somebody_holds_the_lock(
    sandbox: Sandbox, slow: Index, holder: subprocess.Popen[str]
) -> None:
    began = time.monotonic()
    sandbox.run("list").ok()
    start = time.monotonic() - began
    slow.behave_well()
    slow.on("/files/*.whl", Delay(seconds=0.3 + 3 * start))  # longer than two starts may lie apart, on any machine
    lines = [("install", "--json", name) for name in ("two", "three")]
    with started(sandbox, *lines, HOLDFAST_INDEX_URL=slow.url) as others:
        deadline = time.monotonic() + 60
        while len([request for request in files_of(slow) if request.ended]) < len(others) + 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        two, three = files_of(slow)[1:]
        assert two.began < three.ended
        assert three.began < two.ended
        time.sleep(0.3)
        assert [process.poll() for process in others] == [None, None]  # they have it all, and wait
        holder.send_signal(signal.SIGCONT)
        assert holder.wait(30) == 0
        waited = []
        for process in others:
            out, err = process.communicate(timeout=30)
            assert process.returncode == 0, err
            waited.append(float(re.findall(r'"waited": ([0-9.e-]+)', out)[0]))
    assert max(waited) > 0.1


def test_the_report_says_how_long_it_was_waited_for_and_held_and_how_much_of_that_were_syncs(
    sandbox: Sandbox, index: Index
) -> None:
    index.add(pkg("one"), pkg("two"))
    sandbox.venv  # noqa: B018 - made now
    env = {"HOLDFAST_INDEX_URL": index.url}
    lock = sandbox.run("install", "--json", "one", env=env).ok().json["lock"]
    assert lock["waited"] >= 0
    assert 0 < lock["synced"] < lock["held"]
    lock = sandbox.run("install", "--json", "--no-fsync", "two", env=env).ok().json["lock"]
    assert lock["synced"] == 0 < lock["held"]


def calls_under_the_lock(sandbox: Sandbox, wheels: str, name: str) -> list[str]:
    """What a fresh install asks of the system, but for memory, while it holds the lock."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not here")
    venv = sandbox.make_venv(f"venv-{name}")
    log = os.path.join(sandbox.root, f"strace-{name}")
    line = command("install", "--no-index", "--find-links", wheels, name)
    done = subprocess.run(
        ["strace", "-f", "-o", log, *line],
        env=sandbox.env(VIRTUAL_ENV=venv.root),
        cwd=sandbox.cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    if "PTRACE" in done.stderr or "ptrace" in done.stderr:
        pytest.skip(f"strace may not trace here: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    return [line for line in under_the_lock(log) if not MEMORY.search(line)]


def spec(name: str, files: Mapping[str, Content]) -> WheelSpec:
    return WheelSpec(name=name, version="1.0", files=files)


def test_what_is_done_under_the_lock_grows_with_the_top_level_entries_not_with_the_files(
    sandbox: Sandbox, tmp_path: object
) -> None:
    wheels = os.path.join(str(tmp_path), "wheels")
    deep = {f"pack/d{n % 20}/m{n}.py": f"# {n}" for n in range(1000)}
    build_wheel(spec("few", {"pack/__init__.py": "", "pack/d0/m.py": ""}), wheels)
    build_wheel(spec("many", {"pack/__init__.py": "", **deep}), wheels)
    build_wheel(spec("wide", {f"module{n}.py": "" for n in range(50)}), wheels)
    few, many, wide = (calls_under_the_lock(sandbox, wheels, name) for name in ("few", "many", "wide"))
    assert len(few) == pytest.approx(len(many), abs=3), difference(few, many)
    assert len(wide) > len(few) + 2 * 48
    assert len(wide) < len(few) + 10 * 50


def difference(few: list[str], many: list[str]) -> str:
    names = [sorted(re.sub(r"^\d+ +(\w+)\(.*", r"\1", line) for line in lines) for lines in (few, many)]
    counts = [{name: each.count(name) for name in each} for each in names]
    return str({name: (counts[0].get(name, 0), count) for name, count in counts[1].items()})
