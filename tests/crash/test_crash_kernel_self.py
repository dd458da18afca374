"""holdfast upgrades itself and what it needs in the environment that it runs from, and is killed there (P1).

Between the two renames that exchange its package directory there is a moment in which it cannot be started: then
another holdfast recovers the environment. At any other point it starts.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable

import pytest

from tests.crash.conftest import COUNTED
from tests.crash.kernel_cases import KernelBench, Tally
from tests.crash.real_cases import Case
from tests.crash.test_crash_kernel_kill import judge, stops
from tests.support.archives import Member, record_hash, record_text, zip_bytes
from tests.support.faulty_disk import Call
from tests.support.kernel import Kernel, Stop, Traced
from tests.support.sandbox import command
from tests.support.wheelhouse import make_wheelhouse

SELF = Case(
    name="self",
    before=(("install", "holdfast<99", "packaging<99"),),
    command=("install", "holdfast==99", "packaging==99"),
)


class SelfBench(KernelBench):
    """An environment that holds the product, and runs it."""

    def __init__(self, root: str, kernel: Kernel) -> None:
        wheels = make_wheelhouse(os.path.join(root, "wheels"))
        for name in ("holdfast", "packaging"):
            build_next_version(wheels, name)
        super().__init__(root, SELF, kernel)

    def count(self, words: tuple[str, ...]) -> tuple[Call, ...]:  # noqa: ARG002 - always its own
        """Counts the calls of the environment's own holdfast."""
        self.box.settings["PYTHONDONTWRITEBYTECODE"] = "1"
        traced = self.struck(Stop())
        traced.done.ok()
        self.made = traced.calls
        assert self.seen() == self.new
        self.fresh()
        return ()

    def struck(self, stop: Stop, *, syncing: bool = False, executed: bool = True) -> Traced:  # noqa: ARG002 - it is
        """The environment's own holdfast, struck."""
        self.fresh()
        argv = command(*self.arguments(self.case.command), python=self.venv.python)
        return self.kernel.trace(self.box, stop=stop, argv=argv, syncing=syncing)

    def starts(self) -> bool:
        """Whether the environment's own holdfast still can be started."""
        return self.venv.run("-B", "-c", "import holdfast.cli.main").returncode == 0


def build_next_version(wheels: str, name: str) -> None:
    """Version 99 of a project, beside the one that is there: it differs in one file and in its metadata."""
    (wheel,) = (each for each in os.listdir(wheels) if each.startswith(f"{name}-"))
    old = "-".join(wheel.split("-")[:2])
    members = []
    with zipfile.ZipFile(os.path.join(wheels, wheel)) as archive:
        for entry in archive.namelist():
            content = archive.read(entry)
            if entry == f"{name}/__init__.py":
                content += b'\n__version__ = "99"\n'
            if entry == f"{old}.dist-info/METADATA":
                content = re.sub(rb"^Version: .*$", b"Version: 99", content, count=1, flags=re.MULTILINE)
            if not entry.endswith("/RECORD"):
                members.append(Member(path=entry.replace(f"{old}.dist-info", f"{name}-99.dist-info"), content=content))
    rows = [(each.path, record_hash(each.content), str(len(each.content))) for each in members]
    record = f"{name}-99.dist-info/RECORD"
    members.append(Member(path=record, content=record_text([*rows, (record, "", "")])))
    with open(os.path.join(wheels, wheel.replace(old, f"{name}-99")), "wb") as file:
        file.write(zip_bytes(members, directory_entries=False))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, kernel: Kernel) -> SelfBench:
    return SelfBench(str(tmp_path_factory.mktemp("self")), kernel)


def strike_exchange(bench: SelfBench, *, after: bool) -> None:
    """Kill it where the new package directory comes to its place; runs may differ by a call before that."""
    place = os.path.join(bench.venv.site_packages, "holdfast")
    (n,) = (n for n, call in enumerate(bench.made) if call[0].startswith("rename") and call[-1] == place)
    for shift in (0, -1, 1, -2, 2, -3, 3):
        last = bench.struck(Stop(n=n + shift, after=after)).calls[-1]
        if last[0].startswith("rename") and last[-1] == place:
            return
    pytest.fail("it never was struck there")


def test_killed_while_its_own_package_is_absent_it_is_recovered_by_another_holdfast(bench: SelfBench) -> None:
    strike_exchange(bench, after=False)
    assert not bench.starts()
    judge(bench, Tally(), set())


def test_killed_with_its_new_package_in_place_it_recovers_the_environment_that_it_runs_from(bench: SelfBench) -> None:
    strike_exchange(bench, after=True)
    assert bench.starts()
    bench.kernel.run(bench.box, argv=command("recover", python=bench.venv.python)).ok()
    bench.assert_one_of(bench.old)


@pytest.mark.exhaustive
def test_killed_at_every_system_call_of_its_own_upgrade_it_is_old_or_new_or_journalled(
    bench: SelfBench, record_property: Callable[[str, object], None]
) -> None:
    tally, seen, absent = Tally(), set[str](), 0
    for stop in stops(bench.made, 200):
        traced = bench.struck(stop)
        assert traced.outside == ()
        assert traced.done.returncode == -9, (stop, traced.done)
        absent += not bench.starts()
        try:
            judge(bench, tally, seen)
        except AssertionError as error:
            error.add_note(f"{bench.case.name}: {stop}")
            raise
    record_property(COUNTED, f"{tally}, not to be started {absent}")
