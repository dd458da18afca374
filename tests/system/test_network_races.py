"""Real network file systems, two nodes, one environment: installers race, and what is left is whole (issue 4, 13).

A server and two nodes are namespaces of this machine; every node mounts the share by its own client, has its own pid
namespace and boot id, and so is another host to holdfast.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from holdfast.model.transaction import LOCK_NAME
from tests.support.cluster import FILESYSTEMS, Cluster, Local, Node, Running, cluster, wait_for
from tests.support.cluster.environment import judge, put_environment
from tests.support.cluster.filesystems import FileSystem
from tests.support.contenders import command
from tests.support.faulty_main import CALLS_TO

CLEAN = frozenset({0, 1, 6, 9})
"""Done; cannot be satisfied; the lock is busy; refused because it would break what somebody else has installed."""
HARMED = CLEAN | {3, 5, 7, 8}
"""Of those whose file system went away under them: also unwritable, unreadable, taken back, taken over."""
LEASE = "3"
PARTS = 8
"""Into which the calls of a commit are divided."""


@dataclass(slots=True)
class Share:
    """A cluster whose nodes have mounted the share."""

    kind: FileSystem
    made: Cluster
    codes: Counter[int] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)

    @property
    def nodes(self) -> tuple[Node, Node]:
        first, second = self.made.nodes
        return first, second

    def start(self, node: Node, *args: str, mode: str = "", lease: str = "") -> Running:
        """Start holdfast on a node; with a lock mode, with a lease of so many seconds."""
        env = {"HOLDFAST_LOCK_MODE": mode} if mode else {}
        if lease:
            return node.start_python("-m", "tests.support.impatient_main", lease, "holdfast", *args, env=env)
        return node.start(*args, env=env)

    def faulty(self, node: Node, at: str, fault: str, *args: str) -> Running:
        """Start holdfast with a fault before a changing disk call: ``journal+3``, see `tests.support.faulty_main`."""
        line = ("-m", "tests.support.impatient_main", "1", "tests.support.faulty_main", at, "before", fault)
        return node.start_python(*line, "holdfast", *args)

    def calls(self, node: Node, *args: str) -> int:
        """How many changing calls a command makes after it has published its lock: run to count them."""
        to = os.path.join(self.made.root, "calls")
        line = ("-m", "tests.support.faulty_main", "-1", "before", "SIGKILL", "holdfast", *args)
        node.start_python(*line, env={CALLS_TO: to}).finish().ok()
        with open(to, encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
        return next(
            n for n, row in enumerate(reversed(rows)) if row[-1].endswith(f"/{LOCK_NAME}") and row[0] == "rename"
        )

    def work(self, node: Node, seed: int, commands: int, how: Mapping[str, str], allowed: frozenset[int]) -> None:
        """One worker, on one node."""
        chosen = random.Random(seed)
        for _ in range(commands):
            done = self.start(node, *command(chosen), **how).finish(300)
            self.codes[done.returncode] += 1
            if "Traceback" in done.stderr or done.returncode not in allowed:
                self.complaints.append(f"{node.name}: {done.args} ended with {done.returncode}: {done.stderr}")

    @contextmanager
    def race(
        self,
        seed: int,
        *,
        workers: int,
        commands: int,
        mode: str = "",
        lease: str = "",
        allowed: frozenset[int] = CLEAN,
    ) -> Iterator[None]:
        """Workers on both nodes beside a block, and to their end after it."""
        how = {"mode": mode, "lease": lease}
        with ThreadPoolExecutor(workers) as pool:
            running: list[Future[None]] = [
                pool.submit(self.work, self.nodes[n % 2], seed * 1000 + n, commands, how, allowed)
                for n in range(workers)
            ]
            yield
            for each in running:
                each.result()

    @contextmanager
    def server_stopped(self) -> Iterator[None]:
        """Nobody who asks the server gets an answer."""
        for name in self.kind.servers:
            assert self.made.server.signal(name, signal.SIGSTOP)
        yield
        for name in self.kind.servers:
            self.made.server.signal(name, signal.SIGCONT)

    def judge(self) -> None:
        """Nothing was said that may not be, and both nodes see one whole environment."""
        assert not self.complaints, "\n".join(self.complaints)
        seen = [judge(node) for node in self.nodes]
        assert sorted(seen[0].versions) == sorted(seen[1].versions)
        for node in self.nodes:
            node.holdfast("check").ok()
            for place in (node.box.tmp, node.box.cwd, node.box.home):
                assert os.listdir(place) == []

    def report(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Print how the commands ended."""
        with capsys.disabled():
            codes = ", ".join(f"{count} x {code}" for code, count in sorted(self.codes.items()))
            sys.stdout.write(f"\n{self.kind}: {codes}\n")


@contextmanager
def shared(kind: FileSystem, root: str) -> Iterator[Share]:
    with cluster(root) as made:
        kind.serve(made)
        for _ in range(2):
            kind.mount(made, made.add_node())
        put_environment(made, made.nodes[0])
        yield Share(kind=kind, made=made)


@pytest.fixture(params=("glusterfs", "moosefs", "nfs4", "sshfs"))
def share(request: pytest.FixtureRequest, tmp_path: object) -> Iterator[Share]:
    with shared(FILESYSTEMS[request.param], str(tmp_path)) as made:
        yield made


@pytest.fixture(params=("xfs", "btrfs", "ext4"))
def local_share(request: pytest.FixtureRequest, tmp_path: object) -> Iterator[Share]:
    with shared(Local(request.param), str(tmp_path)) as made:
        yield made


@pytest.fixture(params=FILESYSTEMS)
def any_share(request: pytest.FixtureRequest, tmp_path: object) -> Iterator[Share]:
    with shared(FILESYSTEMS[request.param], str(tmp_path)) as made:
        yield made


def test_two_nodes_change_one_environment_and_one_takes_over_from_the_other(share: Share) -> None:
    """The quick one: one after the other, at the same time, and after a kill -9 in the middle of a commit."""
    change_and_take_over(share)


@pytest.mark.exhaustive
def test_so_it_is_on_other_local_file_systems(local_share: Share, capsys: pytest.CaptureFixture[str]) -> None:
    """Two containers with one xfs, btrfs or ext4."""
    change_and_take_over(local_share)
    with local_share.race(2, workers=4, commands=6):
        pass
    local_share.judge()
    local_share.report(capsys)


def change_and_take_over(share: Share) -> None:
    first, second = share.nodes
    first.holdfast("install", "p0==2.0").ok()
    second.holdfast("install", "p0==1.0").ok()
    done = share.faulty(first, "journal+4", "SIGKILL", "install", "p0==2.0").finish()
    assert done.returncode == -signal.SIGKILL
    assert first.holdfast("list").returncode == 8
    before = time.monotonic()
    share.start(second, "install", "p1==2.0", lease="1").finish().ok()
    assert time.monotonic() - before >= 1
    first.holdfast("recover").ok()  # its work area: for node 2 that is litter after an hour only
    assert sorted(judge(second).versions) == [["p0", "1.0"], ["p1", "2.0"]]
    with share.race(1, workers=2, commands=1):
        pass
    share.judge()


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", ["", "marker"])
@pytest.mark.parametrize("workers", [2, 4, 8])
@pytest.mark.parametrize("seed", range(3))
def test_installers_on_two_nodes_race(
    any_share: Share, workers: int, mode: str, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    remembering = any_share.kind == FILESYSTEMS["sshfs-remembering"]
    allowed = CLEAN | {3, 7, 8} if remembering else CLEAN  # it remembers for 20 s: see the guide
    with any_share.race(10 + seed, workers=workers, commands=24 // workers, mode=mode, allowed=allowed):
        pass
    if remembering:
        any_share.nodes[0].holdfast("recover").ok()
    any_share.judge()
    any_share.report(capsys)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(2))
def test_a_node_loses_its_client_in_the_middle(share: Share, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    """kill -9 of the process that is node 1's file system: its installers fail cleanly, node 2 takes over."""
    first = share.nodes[0]
    chosen = random.Random(seed)
    for n in range(3):
        with share.race(20 + 10 * seed + n, workers=4, commands=3, lease=LEASE, allowed=HARMED):
            time.sleep(chosen.uniform(1, 3))
            assert first.signal(share.kind.daemon, signal.SIGKILL)
            wait_for(lambda: not first.mounted(), "the end of a client")
        first.succeeds("umount", "-l", first.share)
        share.kind.mount(share.made, first)
        for node in share.nodes:
            share.start(node, "recover", lease=LEASE).finish().ok()
        share.judge()
    share.report(capsys)


@pytest.mark.exhaustive
@pytest.mark.parametrize("lease", ["", LEASE])
def test_the_server_stands_still_for_twenty_seconds(
    share: Share, lease: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the usual lease nobody is taken over; with a short one whoever was in the middle of a commit is fenced."""
    for n in range(2):
        with share.race(40 + n, workers=4, commands=4, lease=lease, allowed=CLEAN | {8} if lease else CLEAN):
            time.sleep(2.5 + n)
            with share.server_stopped():
                time.sleep(20)
        share.judge()
    share.report(capsys)


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", ["SIGKILL", "SIGSTOP"])
@pytest.mark.parametrize("part", range(PARTS))
def test_at_every_call_the_other_node_takes_over(
    share: Share, fault: str, part: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed, or stopped and continued later: OLD or NEW, and the late steps of a stopped one reach nothing."""
    first, second = share.nodes
    for version in ("1.0", "2.0", "1.0"):  # from here on its store is warm, and the calls are the same each time
        first.holdfast("install", f"p0=={version}").ok()
    calls = share.calls(first, "install", "p0==2.0")
    for n in range(part, calls, PARTS):
        second.holdfast("install", "p0==1.0").ok()
        judge(first)
        running = share.faulty(first, f"{LOCK_NAME}+{n}", fault, "install", "p0==2.0")
        if fault == "SIGKILL":
            running.finish()
        else:
            wait_for(running.has_stopped_or_ended, "a stop")
        share.start(second, "install", "--force-reinstall", "p1", lease="1").finish().ok()
        running.send(signal.SIGCONT)
        done = running.finish()
        assert done.returncode in {0, 8, -signal.SIGKILL}, done.stderr
        share.codes[done.returncode] += 1
        first.holdfast("recover").ok()
        share.judge()
    share.report(capsys)
    assert share.codes[8 if fault == "SIGSTOP" else -signal.SIGKILL] > 0
