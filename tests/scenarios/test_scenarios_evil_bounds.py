"""Bombs: a small wheel or page that would become gigabytes. Real processes with little memory.

A process may have 1 GiB of address space and write no file of more than 32 MiB; what it really used is compared with
what an honest refusal takes. The rest is as in ``test_scenarios_evil``: exit 5, the reason, nothing changed or left.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.scenarios.test_scenarios_evil import kept, serve
from tests.scenarios.world import World, told
from tests.support.evil import BZIP2, Entry, Evil, archive, deflated_zeros
from tests.support.index.behaviours import Body, Status
from tests.support.sandbox import Completed, command

BZIPPED = base64.b85decode(
    b"LRx4!F+o`-Q&|oP;@<&Zjz9pw000Oe05E_}Mna$^sS1FXF+o`-Q&|oP;@<&Zjz9pw000Oe05E_}Mna$^sS1FXF+o`-Q&|oP;"
    b"@<&Zjz9pw000Oe05E_}Mna$^sS1FXF+o`-Q&|oP;@<&Zjz9pw000Oe05E_}Mna$^sS1FXF+o`-Q&|oP;@<&Zjz9pw000Oe05"
    b"E_}Mna$^sS1FXF+o`-Q&|oP;@<&Zjz9pw000Oe05E_}Mna$^sS1FXF+o`-Q(2;QZs!3k5<mpN000312p|A3%mpc?A_XI2L<&"
    b"cXxgwk>NGj@khky"
)
"""300 MiB of zeros."""

GIB = 1 << 30
ADDRESSES = GIB
LARGEST_FILE = 32 << 20
MORE_MEMORY = 120 << 20
"""What reading 16 MiB of metadata, or a list of members, may take; the least bomb is of 256 MiB."""

NUMBERS = itertools.count()
METADATA = "{info}/METADATA"
RECORD = "{info}/RECORD"
ENTRY_POINTS = "{info}/entry_points.txt"


LAUNCHER = f"""
import resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_AS, ({ADDRESSES}, {ADDRESSES}))
resource.setrlimit(resource.RLIMIT_FSIZE, ({LARGEST_FILE}, {LARGEST_FILE}))
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
"""A small process between: what pytest has in memory when it forks would count for its child."""


def limited(world: World, *args: str) -> tuple[Completed, int]:
    """Run holdfast within the limits; how it ended, and the most memory (bytes) it had at once."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", LAUNCHER, *command(*args)],
        env=world.sandbox.env(**world.from_index()),
        cwd=world.sandbox.cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    *said, used = done.stderr.splitlines()
    stderr = "".join(f"{line}\n" for line in said)
    return Completed(args=args, returncode=done.returncode, stdout=done.stdout, stderr=stderr), int(used) * 1024


def of_zeros(name: str, mebibytes: int, byte: bytes = b"\0", size: int | None = None) -> Entry:
    """A member that inflates to so much; RECORD does not speak of it, who reads so far has read too much."""
    claimed = mebibytes << 20 if size is None else size
    return Entry(name=name, packed=deflated_zeros(mebibytes, byte), size=claimed, listed=False)


def wheel(name: str, *entries: Entry) -> bytes:
    """A wheel with more members; ``{info}`` in their names stands for its dist-info directory."""
    made = tuple(replace(each, name=each.name.replace("{info}", f"{name}-1.0.dist-info")) for each in entries)
    return Evil(name=name, entries=made).bytes()


def list_of_members(_: str) -> bytes:
    """An archive that is nothing but its list: half a million members of one byte."""
    one = archive([Entry(name="x", absent=True)])[:47]
    table = one * 500_000
    whole = archive([])
    return table + whole[:12] + len(table).to_bytes(4, "little") + whole[16:]


BOMBS: dict[str, tuple[Callable[[str], bytes], str]] = {
    "one member": (lambda name: wheel(name, of_zeros("evil/x", 3000)), "as no honest wheel does"),
    "many members": (
        lambda name: wheel(name, *(of_zeros(f"evil/{n}", 30) for n in range(20))),
        "as no honest wheel does",
    ),
    "a member that lies about its size": (
        lambda name: wheel(name, Entry(name="evil/x", content=b"x" * 100, packed=deflated_zeros(3000))),
        "is not of its declared size",
    ),
    "METADATA": (lambda name: wheel(name, of_zeros(METADATA, 200, b"x")), "that make sense"),
    "METADATA that lies about its size": (
        lambda name: wheel(name, of_zeros(METADATA, 3000, b"x", size=1000)),
        "is not of its declared size",
    ),
    "METADATA by bzip2": (
        lambda name: wheel(name, Entry(name=METADATA, packed=BZIPPED, method=BZIP2, size=1000, listed=False)),
        "compressed by method 12",
    ),
    "RECORD": (lambda name: wheel(name, of_zeros(RECORD, 200, b"\n")), "that make sense"),
    "entry points": (lambda name: wheel(name, of_zeros(ENTRY_POINTS, 200, b"\n")), "that make sense"),
    "the list of members": (list_of_members, "more than the 16777216 that make sense"),
}


@pytest.fixture(scope="module")
def honest(evil_world: World) -> int:
    """The memory that a refusal of a small wheel takes."""
    serve(evil_world, "small", "small-1.0-py3-none-any.whl", b"nothing")
    done, used = limited(evil_world, "install", "small")
    done.returned(5)
    assert 10 << 20 < used < 200 << 20
    return used


@pytest.mark.parametrize(("make", "reason"), BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("place", ["index", pytest.param("file", marks=pytest.mark.exhaustive)])
def test_a_bomb_does_not_go_off(
    evil_world: World, honest: int, make: Callable[[str], bytes], reason: str, place: str
) -> None:
    world, name = evil_world, f"bomb{next(NUMBERS)}"
    content, filename = make(name), f"{name}-1.0-py3-none-any.whl"
    before = kept(world)
    if place == "index":
        serve(world, name, filename, content)
    with open(os.path.join(world.sandbox.root, filename), "wb") as file:
        file.write(content)
    done, used = limited(world, "install", "--retries=1", name if place == "index" else f"../{filename}")
    told(done.returned(5), cause=reason)
    assert used < honest + MORE_MEMORY + 2 * len(content), f"{used >> 20} MiB"
    assert kept(world) == before


def test_a_page_a_sidecar_and_a_part_without_end_are_not_read_on(evil_world: World, honest: int) -> None:
    world = evil_world
    endless = gzip.compress(b" " * (300 << 20), 1)
    gzipped = {"Content-Encoding": "gzip", "Content-Type": "application/vnd.pypi.simple.v1+json"}
    world.index.on("/simple/paged/", Status(code=200, headers=gzipped, body=endless))
    done, used = limited(world, "install", "paged")
    told(done.returned(5), cause="longer than")
    assert used < honest + MORE_MEMORY + (64 << 20), f"{used >> 20} MiB"
    serve(world, "aside", "aside-1.0-py3-none-any.whl", b"x", sidecar_content=b"x", sidecar_said=True)
    world.index.on("/files/aside-*.metadata", Body(content=b"x" * (200 << 20)))
    done, used = limited(world, "install", "aside")
    told(done.returned(5), cause="longer than")
    assert used < honest + MORE_MEMORY, f"{used >> 20} MiB"
    serve(world, "parted", "parted-1.0-py3-none-any.whl", b"x")
    said = {"Content-Range": "bytes 0-9/10"}
    world.index.on("/files/parted-*.whl", Status(code=206, headers=said, body=b"x" * (200 << 20)), times=1)
    done, used = limited(world, "install", "parted")
    told(done.returned(5), cause="whole ZIP file")
    assert used < honest + MORE_MEMORY, f"{used >> 20} MiB"
