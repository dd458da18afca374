"""Who waits for whom: downloads overlap, the lock is held for the commit alone, a stopped holder is not dead."""

from __future__ import annotations

import fcntl
import getpass
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.crash.real_cases import copy_tree
from tests.support.environments import verify_record
from tests.support.faulty_disk import Point
from tests.support.faulty_main import count_calls, start_faulty
from tests.support.index import Index, Request, Throttle
from tests.support.sandbox import Completed, Sandbox, command
from tests.support.wheels import build_wheel, pkg

WAITING = "Waiting for the environment lock "


@dataclass(slots=True)
class Bench:
    """An environment, and wheels in a directory."""

    box: Sandbox
    wheels: str
    _middles: dict[tuple[str, ...], Point] = field(default_factory=dict)

    def prepare(self) -> None:
        """Build the wheels and warm the store."""
        for name in ("one", "two"):
            build_wheel(pkg(name), self.wheels)
        copy_tree(self.box.venv.root, self._empty)
        self.install("one").ok()
        self.fresh()

    def _middle(self, words: tuple[str, ...]) -> Point:
        """The middle of the commit of a command."""
        if words not in self._middles:
            calls = enumerate(count_calls(self.box, *words))
            published = (n for n, call in calls if call.name == "rename" and call.paths[1].endswith("/journal"))
            self._middles[words] = Point(n=next(published) + 2)
            self.fresh()
        return self._middles[words]

    @property
    def _empty(self) -> str:
        return os.path.join(self.box.root, "empty")

    def words(self, *args: str) -> tuple[str, ...]:
        return (*args, "--no-index", "--find-links", self.wheels)

    def install(self, *args: str) -> Completed:
        return self.box.run(*self.words("install", *args))

    def start(self, *args: str) -> subprocess.Popen[str]:
        return self.box.start(*self.words("install", *args))

    def fresh(self) -> None:
        """An environment with nothing in it."""
        shutil.rmtree(self.box.venv.root)
        copy_tree(self._empty, self.box.venv.root)

    def in_its_commit(self, fault: str, *options: str) -> subprocess.Popen[str]:
        """A real ``install one`` that gets a signal after the first steps of its commit, and stops."""
        words = self.words("install", "one", *options)
        process = start_faulty(self.box, *words, point=self._middle(words), fault=fault)
        eventually(lambda: state_of(process.pid) == "T")
        return process

    def is_journalled(self) -> bool:
        site = self.box.venv.site_packages
        return any(os.path.exists(os.path.join(site, name, "journal")) for name in os.listdir(site))

    def assert_whole(self, **expected: str) -> None:
        site = self.box.venv.site_packages
        assert self.box.venv.distributions == expected
        assert verify_record(site) == ()
        assert not [name for name in (*os.listdir(site), *os.listdir(self.box.venv.root)) if "holdfast" in name]
        for path in (self.box.tmp, self.box.cwd, self.box.home):
            assert os.listdir(path) == []


def state_of(pid: int) -> str:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0]


def eventually(holds: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    if not os.path.isdir("/proc/self"):
        pytest.skip("looks at processes through /proc")
    box = Sandbox(root=os.path.realpath(tmp_path_factory.mktemp("waiting")))
    box.venv  # noqa: B018 - made now
    made = Bench(box, os.path.join(box.root, "wheels"))
    made.prepare()
    return made


@pytest.fixture
def bench(prepared: Bench) -> Bench:
    prepared.fresh()
    return prepared


@pytest.fixture
def holder(bench: Bench) -> Iterator[subprocess.Popen[str]]:
    process = bench.in_its_commit("SIGSTOP")
    assert bench.is_journalled()
    yield process
    process.kill()
    process.communicate()


def test_a_stopped_holder_is_waited_for_and_named_within_a_second(bench: Bench, holder: subprocess.Popen[str]) -> None:
    waiter = bench.start("two")
    assert waiter.stderr is not None
    began = time.monotonic()
    line = next(line for line in waiter.stderr if line.startswith(WAITING))
    assert time.monotonic() - began < 2  # one, and the start of the interpreter
    assert_names(line, holder, bench)
    time.sleep(0.5)
    assert waiter.poll() is None
    holder.send_signal(signal.SIGCONT)
    assert holder.wait(20) == 0
    assert waiter.wait(20) == 0
    waiter.communicate()
    bench.assert_whole(one="1.0", two="1.0")


def assert_names(text: str, holder: subprocess.Popen[str], bench: Bench) -> None:
    assert os.path.join(bench.box.venv.site_packages, ".holdfast.lock") in text
    assert f"process {holder.pid} " in text
    assert f"of {getpass.getuser()} " in text
    assert f"on {socket.gethostname()} " in text
    assert re.search(r"\(holdfast install one\) for (less than a second|\d+ s)", text)


def test_the_announcement_says_how_long_it_is_held(bench: Bench, holder: subprocess.Popen[str]) -> None:
    """By the lock, not by the command, which may have downloaded for an hour."""
    time.sleep(2)
    done = bench.install("two", "--lock-timeout=0").returned(6)
    held = re.search(r"\(holdfast install one\) for (\d+) s", done.stderr)
    assert held is not None
    assert 2 <= int(held[1]) <= 10
    holder.send_signal(signal.SIGCONT)
    assert holder.wait(20) == 0


def test_the_announcement_comes_with_q_too(bench: Bench, holder: subprocess.Popen[str]) -> None:
    waiter = bench.start("two", "-q")
    assert waiter.stderr is not None
    began = time.monotonic()
    assert_names(waiter.stderr.readline(), holder, bench)
    assert time.monotonic() - began < 3
    holder.send_signal(signal.SIGCONT)
    assert holder.wait(20) == 0
    assert waiter.communicate(timeout=20) == ("", "")
    bench.assert_whole(one="1.0", two="1.0")


def test_five_seconds_and_for_ever(bench: Bench, holder: subprocess.Popen[str]) -> None:
    patient = bench.start("two", "--lock-timeout=-1")
    began = time.monotonic()
    done = bench.install("two", "--lock-timeout", "5").returned(6)
    assert 5 <= time.monotonic() - began < 20
    assert_names(done.stderr, holder, bench)
    assert "waited 5 s" in done.stderr
    assert done.stderr.count(WAITING) == 1
    assert patient.poll() is None
    holder.send_signal(signal.SIGCONT)
    assert holder.wait(20) == 0
    assert patient.wait(20) == 0
    patient.communicate()
    bench.assert_whole(one="1.0", two="1.0")


@contextmanager
def on_a_terminal(bench: Bench, *args: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """An install whose streams are a terminal of 80 columns, which is its controlling one; and the other end."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    process = subprocess.Popen(
        command(*bench.words("install", *args)),
        env=bench.box.env(TERM="xterm"),
        cwd=bench.box.cwd,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - this process has no threads
    )
    os.close(slave)
    try:
        yield process, master
    finally:
        process.kill()
        process.wait()
        os.close(master)


def read_until(master: int, what: bytes, seconds: float = 20) -> bytes:
    """What a terminal shows, up to the first match."""
    shown, until = b"", time.monotonic() + seconds
    while not re.search(what, shown):
        assert time.monotonic() < until, shown
        if select.select([master], [], [], 0.1)[0]:
            try:
                shown += os.read(master, 4096)
            except OSError:  # the other end is closed
                assert re.search(what, shown), shown
    return shown


def test_on_a_terminal_the_wait_is_live(bench: Bench, holder: subprocess.Popen[str]) -> None:
    with on_a_terminal(bench, "two") as (waiter, master):
        shown = read_until(master, rb"\r\x1b\[KWaiting  2\.\d s  ").decode()
        assert shown.count(WAITING) == 1
        assert_names(shown, holder, bench)
        counted = [float(each) for each in re.findall(r"\r\x1b\[KWaiting  ([\d.]+) s  for ", shown)]
        assert len(counted) >= 2
        assert counted == sorted(set(counted))
        live = [line for line in re.split(r"\r\x1b\[K|\r\n", shown) if line.startswith("Waiting  ")]
        assert all(len(line) < 80 for line in live)  # it would wrap, and could not be wiped
        holder.send_signal(signal.SIGCONT)
        assert holder.wait(20) == 0
        rest = read_until(master, b"Successfully installed two-1.0").decode()
        assert rest.startswith("\r\x1b[K") or "\r\x1b[K" in rest
        assert waiter.wait(20) == 0
    bench.assert_whole(one="1.0", two="1.0")


def test_ctrl_c_on_a_terminal_leaves_nothing(bench: Bench, holder: subprocess.Popen[str]) -> None:
    with on_a_terminal(bench, "two") as (waiter, master):
        read_until(master, rb"\r\x1b\[KWaiting  ")
        os.write(master, b"\x03")
        shown = read_until(master, rb"interrupted\.").decode()
        assert "\r\x1b[K" in shown
        assert "Nothing was changed." in shown + read_until(master, rb"changed\.|$").decode()
        assert waiter.wait(20) == -signal.SIGINT
    holder.send_signal(signal.SIGCONT)
    assert holder.wait(20) == 0
    bench.assert_whole(one="1.0")


def test_a_killed_holder_is_taken_over_at_once(bench: Bench, holder: subprocess.Popen[str]) -> None:
    waiter = bench.start("two")
    assert waiter.stderr is not None
    next(line for line in waiter.stderr if line.startswith(WAITING))
    holder.kill()
    killed = time.monotonic()
    holder.wait()
    assert waiter.wait(20) == 0
    assert time.monotonic() - killed < 5  # no lease, no timeout
    waiter.communicate()
    bench.assert_whole(two="1.0")


def test_no_waiting_when_told_so(bench: Bench, holder: subprocess.Popen[str]) -> None:
    done = bench.install("two", "--lock-timeout=0").returned(6)
    assert "Nothing was changed." in done.stderr.splitlines()[-3]
    assert_names(done.stderr, holder, bench)
    assert done.stderr.splitlines()[-1].startswith("Try: ")
    began = time.monotonic()
    bench.install("two", "--lock-timeout=1").returned(6)
    assert time.monotonic() - began > 1
    holder.send_signal(signal.SIGCONT)
    assert holder.wait(20) == 0
    bench.assert_whole(one="1.0")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_waits_may_be_interrupted(bench: Bench, holder: subprocess.Popen[str], sent: signal.Signals) -> None:
    waiter = bench.start("two")
    assert waiter.stderr is not None
    next(line for line in waiter.stderr if line.startswith(WAITING))
    os.killpg(waiter.pid, sent)
    _, err = waiter.communicate(timeout=20)
    assert waiter.returncode == -sent
    assert err.splitlines() == ["error: install interrupted. Nothing was changed."]
    holder.send_signal(signal.SIGCONT)
    assert holder.wait(20) == 0
    bench.assert_whole(one="1.0")


def test_ctrl_z_waits_until_the_lock_is_given_back(bench: Bench) -> None:
    process = bench.in_its_commit("SIGTSTP")
    assert not bench.is_journalled()
    assert not os.path.exists(os.path.join(bench.box.venv.site_packages, ".holdfast.lock"))
    bench.install("two", "--lock-timeout=0").ok()
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    bench.assert_whole(one="1.0", two="1.0")


def test_without_the_lock_every_change_says_so(bench: Bench) -> None:
    for words in (("install", "one"), ("install", "one", "--force-reinstall", "-q")):
        done = bench.install(*words[1:], "--lock-mode=none").ok()
        (said,) = [line for line in done.stderr.splitlines() if "--lock-mode=none" in line]
        assert "is changed without the lock" in said
    done = bench.box.run("uninstall", "one", "--lock-mode=none").ok()
    assert "is changed without the lock" in done.stderr
    bench.assert_whole()


def test_without_the_lock_a_live_holder_is_named(bench: Bench, holder: subprocess.Popen[str]) -> None:
    done = bench.install("two", "--lock-mode=none")
    assert done.returncode in {6, 8}, done  # his journal is there: what is installed cannot be told
    assert "Nothing was changed." in done.stderr
    holder.send_signal(signal.SIGCONT)
    assert holder.wait(20) == 0
    bench.assert_whole(one="1.0")


def overlap(one: Request, other: Request) -> bool:
    return one.began < other.ended and other.began < one.ended


def test_four_installs_over_a_slow_index_download_at_the_same_time(sandbox: Sandbox, index: Index) -> None:
    names = ("one", "two", "three", "four")
    index.add(*(pkg(name, files={f"{name}/x.py": os.urandom(60_000).hex()}) for name in names))
    index.on("/files/*.whl", Throttle(bytes_per_second=60_000))
    sandbox.venv  # noqa: B018 - made now
    env = {"HOLDFAST_INDEX_URL": index.url}
    sandbox.run("list").ok()  # the interpreter's facts are known: what is seen is the network
    processes = [sandbox.start("install", "--json", name, env=env) for name in names]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        held = re.search(r'"held": ([0-9.e-]+)', out)
        assert held is not None
        assert float(held[1]) < 0.5  # each download takes one second and more
    downloads = index.asked("/files/*.whl")
    assert len(downloads) == len(names)
    assert all(each.ended - each.began > 0.9 for each in downloads)
    assert all(overlap(one, other) for one in downloads for other in downloads)
    assert set(sandbox.venv.distributions) == set(names)
    assert verify_record(sandbox.venv.site_packages) == ()


@pytest.mark.parametrize("words", [(), ("--no-fsync",)], ids=["synced", "not synced"])
def test_nothing_slow_happens_between_taking_and_releasing_the_lock(
    sandbox: Sandbox, index: Index, words: tuple[str, ...]
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not here")
    index.add(pkg("one", files={f"one/m{n}.py": str(n) for n in range(50)}))
    sandbox.venv  # noqa: B018 - made now
    log = os.path.join(sandbox.root, "strace")
    traced = "trace=rename,renameat,renameat2,connect,sendto,recvfrom,clone,clone3,fork,vfork,execve,openat,write"
    done = subprocess.run(
        ["strace", "-f", "-o", log, "-e", traced, *command("install", "one", *words)],
        env=sandbox.env(HOLDFAST_INDEX_URL=index.url),
        cwd=sandbox.cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if "PTRACE" in done.stderr or "ptrace" in done.stderr:
        pytest.skip(f"strace may not trace here: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    held = under_the_lock(log)
    assert len(held) > 3
    assert not [line for line in held if re.search(r"\b(connect|sendto|recvfrom|clone3?|v?fork|execve)\(", line)]
    assert not [line for line in held if re.search(r"\bwrite\((1|2),", line)]
    assert not [line for line in held if re.search(r'"[^"]*\.(py|pyc|so|whl)", O_RDONLY', line)], held


def under_the_lock(log: str) -> list[str]:
    """The lines from the rename that publishes the lock to the one that gives it back."""
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    taken = next(n for n, line in enumerate(lines) if re.search(r'rename.*[/"]lock".*\.holdfast\.lock"', line))
    given = next(n for n, line in enumerate(lines) if re.search(r'rename.*\.holdfast\.lock/.*[/"]done"', line))
    return lines[taken + 1 : given]


@pytest.fixture
def unlocked(bench: Bench) -> Iterator[subprocess.Popen[str]]:
    """Somebody who commits without the lock, and is stopped in the middle."""
    process = bench.in_its_commit("SIGSTOP", "--lock-mode=none")
    assert bench.is_journalled()
    yield process
    process.kill()
    process.communicate()


def test_who_commits_without_a_lock_is_waited_for(bench: Bench, unlocked: subprocess.Popen[str]) -> None:
    for words in (("recover",), bench.words("install", "two"), ("uninstall", "one")):
        done = bench.box.run(*words, "--lock-timeout=0").returned(6)
        assert f"process {unlocked.pid} " in done.stderr
        assert "recover --force" in done.stderr.splitlines()[-1]
    waiter = bench.start("two")
    assert waiter.stderr is not None
    line = next(line for line in waiter.stderr if line.startswith(WAITING))
    assert f"process {unlocked.pid} " in line
    unlocked.send_signal(signal.SIGCONT)
    assert unlocked.wait(20) == 0
    assert waiter.wait(20) == 0
    waiter.communicate()
    bench.assert_whole(one="1.0", two="1.0")


def test_recover_by_force_fences_who_commits_without_a_lock(bench: Bench, unlocked: subprocess.Popen[str]) -> None:
    done = bench.box.run("recover", "--force", "--lock-timeout=0").ok()
    assert "Took back the interrupted `holdfast install one`" in done.stdout
    assert os.listdir(bench.box.venv.site_packages) == []  # his downloads, beside the library, are his while he lives
    assert bench.box.run("list").ok().stdout.count("one") == 0
    unlocked.send_signal(signal.SIGCONT)
    _, err = unlocked.communicate(timeout=20)
    assert unlocked.returncode == 8, err
    assert "took over" in err
    bench.assert_whole()
    bench.install("one").ok()
    bench.assert_whole(one="1.0")


def test_force_breaks_no_lock(bench: Bench, holder: subprocess.Popen[str]) -> None:
    done = bench.box.run("recover", "--force", "--lock-timeout=0").returned(6)
    assert_names(done.stderr, holder, bench)
    holder.send_signal(signal.SIGCONT)
    assert holder.wait(20) == 0
    bench.assert_whole(one="1.0")
