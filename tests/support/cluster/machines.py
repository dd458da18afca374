"""Machines made of namespaces (network, pid, mount, host name), joined by cables (veth pairs).

A machine ends with its first process, which ends with us: nothing of it outlives a test that is killed. The server's
address is the same for every node; a node's cable can be pulled.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

import pytest

from tests.support.sandbox import Completed, Sandbox, command

ADDRESS = "10.77.0.1"
"""Of the server, inside the cluster."""
_FIRST = "import signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); print(flush=True); sys.stdin.buffer.read()"
_UNSHARE = ("unshare", "--kill-child", "-n", "-m", "-p", "-f", "-u", "--mount-proc")


def need(*programs: str) -> None:
    """Skip the test where the machine lacks one of these programs, or may not make namespaces."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"the program {program} is not installed")
    done = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no namespaces can be made here: {done.stderr.strip()}")


class Machine:
    """Namespaces of its own over this machine's files, and another boot id: another host, as far as holdfast can tell.

    Args:
        name: Host name.
        root: A directory for what it needs.
    """

    def __init__(self, name: str, root: str) -> None:
        self.name = name
        self.root = root
        os.makedirs(root, exist_ok=True)
        self._unshare = subprocess.Popen(
            [*_UNSHARE, sys.executable, "-I", "-S", "-c", _FIRST], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._unshare.stdout is not None
        self._unshare.stdout.readline()
        self.pid = children(self._unshare.pid)[0]
        boot = os.path.join(root, "boot_id")
        with open(boot, "w", encoding="utf-8") as file:
            file.write(f"{uuid.uuid4()}\n")
        self.run("mount", "--bind", boot, "/proc/sys/kernel/random/boot_id")
        self.run("hostname", name)
        self.run("ip", "link", "set", "lo", "up")

    def line(self, *args: str, cwd: str = "/") -> list[str]:
        """The command line that runs something in it."""
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "-u", "-p", "--", "env", "-C", cwd, *args]

    def run(self, *args: str, timeout: float = 60) -> str:
        """Run a program to its end, which must be a good one; returns its output."""
        done = subprocess.run(self.line(*args), capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, f"{self.name}: {args} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def succeeds(self, *args: str) -> bool:
        """Whether a program ends well."""
        return subprocess.run(self.line(*args), capture_output=True, check=False).returncode == 0

    def pids(self, name: str) -> list[int]:
        """The processes of that name in it, as this machine numbers them."""
        here = os.readlink(f"/proc/{self.pid}/ns/pid")
        found = []
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and os.readlink(f"/proc/{entry}/ns/pid") == here:
                    with open(f"/proc/{entry}/comm", encoding="utf-8") as file:
                        if file.read().strip() == name:
                            found.append(int(entry))
            except OSError:
                continue
        return found

    def signal(self, name: str, number: signal.Signals) -> int:
        """Send a signal to all processes of that name in it; returns how many there were."""
        found = self.pids(name)
        for pid in found:
            os.kill(pid, number)
        return len(found)

    def close(self) -> None:
        """End it, with everything that runs in it."""
        assert self._unshare.stdin is not None
        assert self._unshare.stdout is not None
        self._unshare.stdin.close()  # its first process ends, and all others with it
        self._unshare.stdout.close()
        self._unshare.wait(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Node(Machine):
    """A machine that mounts the share, with a sandbox of its own on its own disk.

    Attributes:
        share: Where the share is mounted: the same path on every node.
        box: Home, cache and TMPDIR of whoever works here.
    """

    def __init__(self, name: str, root: str, share: str, server: Machine, number: int) -> None:
        super().__init__(name, root)
        self.share = share
        self.box = Sandbox(root=os.path.join(root, "box"))
        self._server = server
        self._cable = f"n{number}"
        here, there = f"10.77.{number}.2", f"10.77.{number}.1"
        within = ["nsenter", "-t", str(server.pid), "-n", "--"]  # in our pid namespace, whose number names the node
        make = f"ip link add {self._cable} type veth peer name eth0 netns {self.pid}"
        subprocess.run([*within, *make.split()], check=True, capture_output=True)
        server.run("ip", "address", "add", f"{there}/24", "dev", self._cable)
        server.run("ip", "link", "set", self._cable, "up")
        self.run("ip", "address", "add", f"{here}/24", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("ip", "route", "add", "default", "via", there)

    def cable(self, state: str) -> None:
        """Pull the node's cable (``down``), or put it in again (``up``)."""
        self._server.run("ip", "link", "set", self._cable, state)

    def mounted(self) -> bool:
        """Whether something is mounted as the share, and answers."""
        return self.succeeds("mountpoint", "-q", self.share)

    @property
    def venv(self) -> str:
        """The environment on the share."""
        return os.path.join(self.share, "venv")

    def start(self, *args: str, env: Mapping[str, str | None] | None = None) -> Running:
        """Start holdfast for the environment on the share."""
        return self.start_python(*command(*args)[1:], env=env)

    def start_python(self, *args: str, env: Mapping[str, str | None] | None = None) -> Running:
        """Start the tests' Python likewise."""
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
        clean = self.box.env(VIRTUAL_ENV=self.venv)
        clean["PYTHONPATH"] = os.pathsep.join(filter(None, [root, clean.get("PYTHONPATH")]))
        clean |= {name: value for name, value in (env or {}).items() if value is not None}
        process = subprocess.Popen(
            self.line(sys.executable, *args, cwd=self.box.cwd),
            env=clean,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return Running(process=process, args=args)

    def holdfast(self, *args: str, env: Mapping[str, str | None] | None = None, timeout: float = 120) -> Completed:
        """Run holdfast for the environment on the share to its end."""
        return self.start(*args, env=env).finish(timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A process on a node."""

    process: subprocess.Popen[str]
    args: tuple[str, ...]

    @property
    def pid(self) -> int:
        """Its number on this machine; 0 while it is not there yet, or no longer."""
        return next(iter(children(self.process.pid)), 0)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        wait_for(lambda: self.pid or self.process.poll() is not None, "a process")
        if pid := self.pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if number is signal.SIGCONT:
            self.process.send_signal(number)  # nsenter stops with its child

    def has_stopped_or_ended(self) -> bool:
        """Whether it stands still, or is gone."""
        if self.process.poll() is not None:
            return True
        try:
            with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
                return file.read().rpartition(")")[2].split()[0] == "T"
        except OSError:
            return False

    def finish(self, timeout: float = 120) -> Completed:
        """Its end."""
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            out, err = self.process.communicate(timeout=30)
            pytest.fail(f"{self.args} did not end within {timeout} s: {out}{err}")
        return Completed(args=self.args, returncode=self.process.returncode, stdout=out, stderr=err)


@dataclass(slots=True)
class Cluster:
    """A server and its nodes.

    Attributes:
        stack: What is torn down in the end, last first.
    """

    root: str
    server: Machine
    nodes: list[Node] = field(default_factory=list)
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def share(self) -> str:
        """Where every node mounts it."""
        return os.path.join(self.root, "share")

    def add_node(self) -> Node:
        """A further node, nothing mounted yet."""
        number = len(self.nodes) + 1
        node = Node(f"node{number}", os.path.join(self.root, f"node{number}"), self.share, self.server, number)
        self.stack.callback(node.close)
        self.nodes.append(node)
        return node


@contextmanager
def cluster(root: str) -> Iterator[Cluster]:
    """A server without nodes, for a block."""
    need("unshare", "nsenter", "ip", "hostname", "mountpoint")
    with ExitStack() as stack:
        server = stack.enter_context(Machine("server", os.path.join(root, "server")))
        server.run("ip", "address", "add", f"{ADDRESS}/32", "dev", "lo")
        made = Cluster(root, server)
        os.mkdir(made.share)
        stack.enter_context(made.stack)
        yield made


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            return [int(each) for each in file.read().split()]
    except OSError:
        return []


def wait_for(condition: Callable[[], object], what: str, timeout: float = 30) -> None:
    """Wait until something is so."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"waited {timeout} s for {what}"
        time.sleep(0.02)
