"""Killed, and before the next holdfast command pip or uv change the same packages: what they placed stays (P1, P7)."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.crash.conftest import COUNTED
from tests.crash.kernel_cases import KernelBench, Tally
from tests.crash.real_cases import SIMPLE, Copies
from tests.crash.test_crash_kernel_kill import stops
from tests.support.environments import installed, verify_record
from tests.support.kernel import Kernel
from tests.support.peers import Peer, find_pip, find_uv

DEEDS = (
    ("install", "delta==2.0", "gamma==2.0"),
    ("install", "delta==1.0", "gamma==1.0"),
    ("install", "--reinstall", "delta==2.0"),
    ("uninstall", "delta", "gamma"),
)
"""What a peer does to an environment in which an upgrade from 1.0 to 2.0 was killed."""


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory, kernel: Kernel) -> KernelBench:
    return KernelBench(str(tmp_path_factory.mktemp("peers")), SIMPLE, kernel)


@pytest.fixture(params=["pip", "uv"])
def peer(request: pytest.FixtureRequest) -> Peer:
    found = find_pip() if request.param == "pip" else find_uv()
    if found is None:
        pytest.skip(f"there is no {request.param} here")
    return found


@pytest.mark.parametrize("limit", [1, pytest.param(100_000, marks=pytest.mark.exhaustive)])
def test_what_pip_or_uv_placed_after_a_kill_stays_and_all_ends_consistent(
    upgraded: KernelBench, peer: Peer, limit: int, record_property: Callable[[str, object], None]
) -> None:
    tally, seen = Tally(), set[str]()
    about = [n for n, call in enumerate(upgraded.made) if call[-1].endswith("/journal")]
    journalled = stops(upgraded.made, 100_000)[2 * about[0] : 2 * about[-1] + 2]
    for stop in journalled if limit > 1 else journalled[len(journalled) // 2 :][:limit]:
        upgraded.struck(stop)
        tally.points += 1
        verdict = upgraded.verdict()
        setattr(tally, verdict, getattr(tally, verdict) + 1)
        disk = upgraded.fingerprint()
        if disk in seen:
            continue
        seen.add(disk)
        tally.states += 1
        ways = [(deed, after) for after in (("recover",), upgraded.case.command) for deed in DEEDS]
        if limit == 1 and peer.name == "pip":
            ways = ways[:3:2]  # each costs a second
        copies = Copies(upgraded)
        copies.keep(len(ways))
        for deed, after in ways:
            copies.next()
            try:
                judge(upgraded, peer, deed, after)
            except AssertionError as error:
                error.add_note(f"{verdict} {stop}; {peer.name} {deed}; {after}")
                raise
            tally.healed += 1
    record_property(COUNTED, str(tally))


def judge(bench: KernelBench, peer: Peer, deed: tuple[str, ...], after: tuple[str, ...]) -> None:
    peer.run(bench.box, *words(bench, peer, deed))
    site = bench.venv.site_packages
    theirs = {each.name: each for each in installed(site) if (each.read("INSTALLER") or "").strip() == peer.name}
    bench.run(*after).ok()
    bench.run("recover").ok()  # what is satisfied takes no lock, and who takes none sweeps nothing
    kept = {each.name: each for each in installed(site)}
    if after == ("recover",):
        assert {name: kept.get(name) for name in theirs} == theirs
    else:
        assert {name: kept[name].version for name in ("delta", "gamma")} == {"delta": "2.0", "gamma": "2.0"}
    assert verify_record(site) == ()
    assert [name for name in os.listdir(site) if name.startswith(".holdfast")] == []
    assert strays(bench) <= bench.old.keys()  # what had not left when it was killed may stay: a limit that is told


def strays(bench: KernelBench) -> set[str]:
    """The files of the environment that no RECORD lists, bytecode and uv's lock apart."""
    owned = {path for each in installed(bench.venv.site_packages) for path in each.files}
    every = (
        path for path, entry in bench.seen().items() if entry.kind != "dir" and not path.endswith((".pyc", ".lock"))
    )
    return {path for path in every if os.path.join(bench.venv.root, path) not in owned}


def words(bench: KernelBench, peer: Peer, deed: tuple[str, ...]) -> tuple[str, ...]:
    """A deed in the peer's own words."""
    if deed[0] == "uninstall":
        return (*deed, *(["-y"] if peer.name == "pip" else []))
    again = "--force-reinstall" if peer.name == "pip" else "--reinstall"
    found = [again if word == "--reinstall" else word for word in deed]
    offline = ["--offline", "--no-cache"] if peer.name == "uv" else []
    return (*found, "--no-index", "--find-links", bench.wheels, *offline)
