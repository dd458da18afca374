"""Evil and broken wheels: refused with the reason named, wherever they come from, and nothing was changed or is left.

Exit 5 for what is no proper wheel, 9 for what would harm what is installed. The environment holds ``victim``; each
wheel is served by an index first (its METADATA read by ranges, then all of it) and then lies in the working directory.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
from collections.abc import Callable

import pytest

from tests.scenarios.world import World, told
from tests.support.evil import BZIP2, FIFO, LINK, LZMA, Entry, Evil, deflated_zeros
from tests.support.index.catalogue import File

SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
NUMBERS = itertools.count()

Maker = Callable[[str], Evil]
"""From a project's name, new in each test, to its wheel."""


def serve(world: World, project: str, filename: str, content: bytes, **said: object) -> None:
    """List a wheel whose bytes are what they are; without a sidecar unless `said`."""
    file = {"hashes": {"sha256": hashlib.sha256(content).hexdigest()}, "size": len(content), **said}
    world.index.list_file(File(project=project, filename=filename, content=content, **file))  # type: ignore[arg-type]


def kept(world: World) -> set[str]:
    """The files in the cache, without index pages and metadata."""
    cache = world.sandbox.cache
    return {
        os.path.relpath(os.path.join(parent, name), cache)
        for parent, _, names in os.walk(cache)
        for name in names
        if not os.path.relpath(parent, cache).startswith(("holdfast/pages", "holdfast/metadata"))
    }


def refused(world: World, wheel: Evil, *words: str, code: int = 5, raw: bytes | None = None) -> None:
    """It is refused from the index and from a file; with code 5 the store has nothing of it either."""
    content = wheel.bytes() if raw is None else raw
    before = kept(world)
    serve(world, wheel.name, wheel.filename, content)
    place = os.path.join(world.sandbox.cwd, wheel.filename)
    with open(place, "wb") as file:
        file.write(content)
    try:
        for what in (wheel.name, f"./{wheel.filename}"):
            done = told(world.install(what, code=code))
            for word in (wheel.name, *words):
                assert word in done.stderr, (word, done.stderr)
            assert done.stderr.replace("\n", "").isprintable()
            if code == 5:
                assert kept(world) == before
    finally:
        os.unlink(place)


def with_entry(**fields: object) -> Maker:
    """A wheel with one more member; ``{info}``, ``{stem}`` and ``{name}`` in its name stand for the wheel's own."""

    def make(name: str) -> Evil:
        wheel = Evil(name=name)
        stem = wheel.info.removesuffix(".dist-info")
        shown = str(fields["name"]).replace("{info}", wheel.info).replace("{stem}", stem).replace("{name}", name)
        return Evil(name=name, entries=(Entry(**{**fields, "name": shown}),))  # type: ignore[arg-type]

    return make


def with_entries(*entries: Entry) -> Maker:
    return lambda name: Evil(name=name, entries=entries)


NAMES = {
    "traversal": ("../../escaped.py", "leads out of the wheel"),
    "traversal inside": ("pkg/../../escaped.py", "leads out of the wheel"),
    "traversal of data": ("{stem}.data/scripts/../../../../escaped", "leads out of the wheel"),
    "dot": ("pkg/./escaped.py", "leads out of the wheel"),
    "absolute": ("/escaped.py", "leads out of the wheel"),
    "absolute twice": ("//escaped.py", "leads out of the wheel"),
    "backslash": ("pkg\\..\\..\\escaped.py", "holds a backslash"),
    "drive": ("C:/escaped.py", "leads out of the wheel"),
    "drive without slash": ("c:escaped.py", "leads out of the wheel"),
    "NUL": ("pkg/inno.py\0cent.txt", "holds a control character"),
    "newline": ("pkg/a\nerror: b.py", "holds a control character"),
    "carriage return": ("pkg/a\rb.py", "holds a control character"),
    "escape": ("pkg/\x1b[2Ja.py", "holds a control character"),
    "C1": ("pkg/\x9b2Ja.py", "holds a control character"),
    "right to left": ("pkg/\u202eyp.exe", "holds a control character"),
    "overlong part": ("pkg/" + "x" * 256, "is too long for a file system"),
    "overlong part in bytes": ("pkg/" + "é" * 128, "is too long for a file system"),
    "overlong": ("d/" * 1000 + "x", "is too long for a file system"),
    "no known part": ("{stem}.data/nowhere/x", "is for no known part of an installation"),
    "other dist-info in data": ("{stem}.data/purelib/victim-1.0.dist-info/RECORD", "would bring another dist-info"),
    "other dist-info": ("victim-1.0.dist-info/RECORD", "2 dist-info directories"),
    "other dist-info in other case": ("Victim-1.0.DIST-INFO/RECORD", "2 dist-info directories"),
}


@pytest.mark.parametrize(("name", "reason"), NAMES.values(), ids=NAMES)
def test_a_member_whose_name_leads_elsewhere_is_refused(evil_world: World, name: str, reason: str) -> None:
    make = with_entry(name=name, content=b"ESCAPED = 1\n")
    refused(evil_world, make(f"evil{next(NUMBERS)}"), reason)


KINDS: dict[str, tuple[Maker, str]] = {
    "symlink": (with_entry(name="{name}/link", content=b"/etc/passwd", mode=LINK), "is a symbolic link"),
    "symlinked directory": (
        with_entries(Entry(name="out", content=b"../..", mode=LINK), Entry(name="out/x.py", content=b"")),
        "is a symbolic link",
    ),
    "fifo": (with_entry(name="{name}/fifo", mode=FIFO), "is no regular file"),
    "duplicate": (
        with_entries(Entry(name="two.py", content=b"1"), Entry(name="two.py", content=b"2")),
        "it holds 'two.py' twice",
    ),
    "equal duplicate": (
        with_entries(Entry(name="two.py", content=b"1"), Entry(name="two.py", content=b"1")),
        "it holds 'two.py' twice",
    ),
    "two RECORDs": (
        lambda name: Evil(name=name, entries=(Entry(name=f"{name}-1.0.dist-info/METADATA", content=b"Name: x"),) * 2),
        "twice",
    ),
    "colliding case": (
        with_entries(Entry(name="data/Readme", content=b"1"), Entry(name="data/README", content=b"2")),
        "differ in nothing but case",
    ),
    "colliding case of directories": (
        with_entries(Entry(name="Data/a.txt", content=b"1"), Entry(name="data/a.TXT", content=b"2")),
        "differ in nothing but case",
    ),
    "file and directory": (
        with_entries(Entry(name="data", content=b"1"), Entry(name="data/x", content=b"2")),
        "is a file and a directory at once",
    ),
    "file and directory in another case": (
        with_entries(Entry(name="Data", content=b"1"), Entry(name="data/x", content=b"2")),
        "differ in nothing but case",
    ),
    "more directories than files": (
        with_entries(*(Entry(name=f"{number}/" + "d/" * 500 + "x") for number in range(40))),
        "more directories",
    ),
    "bzip2": (with_entry(name="{name}/x", method=BZIP2), "compressed by method 12"),
    "LZMA in METADATA": (with_entry(name="{info}/METADATA", content=b"\xff" * 50, method=LZMA), "method 14"),
    "huge METADATA": (
        with_entry(name="{info}/METADATA", packed=deflated_zeros(17, b"x"), size=17 << 20),
        "more than the 16777216 that make sense",
    ),
    "METADATA with a long head": (
        with_entry(name="{info}/METADATA", content=b"Metadata-Version: 2.1\nSummary: " + b"x" * (5 << 20) + b"\n\n"),
        "METADATA",
    ),
    "METADATA that is not UTF-8": (
        lambda name: with_entry(
            name="{info}/METADATA",
            content=f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nAuthor: ".encode() + b"Andr\xe9\n",
        )(name),
        "METADATA is not UTF-8",
    ),
    "METADATA of another name": (
        with_entry(name="{info}/METADATA", content=b"Metadata-Version: 2.1\nName: victim\nVersion: 1.0\n"),
        "victim 1.0",
    ),
    "METADATA of another version": (
        lambda name: with_entry(
            name="{info}/METADATA", content=f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n".encode()
        )(name),
        "2.0",
    ),
    "METADATA with brackets without end": (
        lambda name: with_entry(
            name="{info}/METADATA",
            content=f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            f"Requires-Dist: a; {'(' * 5000}python_version > '3'{')' * 5000}\n".encode(),
        )(name),
        "",
    ),
    "no hash": (with_entry(name="{name}/more.py", content=b"1", listed=False), "RECORD does not list"),
    "tampered": (
        lambda name: with_entry(
            name="{info}/RECORD",
            content=f"{name}/__init__.py,sha256=AAAA,9\n{name}-1.0.dist-info/METADATA,sha256=AAAA,\n"
            f"{name}-1.0.dist-info/WHEEL,sha256=AAAA,\n{name}-1.0.dist-info/RECORD,,\n".encode(),
        )(name),
        "not the hash that its RECORD says",
    ),
    "RECORD that lists what is not there": (
        with_entry(name="{info}/RECORD", content=b"../../../victim/__init__.py,sha256=AAAA,\n"),
        "RECORD",
    ),
    "RECORD of nothing but lines": (
        with_entry(name="{info}/RECORD", packed=deflated_zeros(64, b"\n"), size=64 << 20),
        "RECORD",
    ),
    "entry point with a slash": (
        with_entry(name="{info}/entry_points.txt", content=b"[console_scripts]\n../../x = a:b\n"),
        "'../../x' is no name for a script",
    ),
    "entry point with an absolute path": (
        with_entry(name="{info}/entry_points.txt", content=b"[gui_scripts]\n/x = a:b\n"),
        "'/x' is no name for a script",
    ),
    "entry point with a backslash": (
        with_entry(name="{info}/entry_points.txt", content=b"[console_scripts]\na\\b = a:b\n"),
        "is no name for a script",
    ),
    "entry point named ..": (
        with_entry(name="{info}/entry_points.txt", content=b"[console_scripts]\n.. = a:b\n"),
        "'..' is no name for a script",
    ),
    "overlong entry point": (
        with_entry(name="{info}/entry_points.txt", content=b"[console_scripts]\n" + b"x" * 300 + b" = a:b\n"),
        "is no name for a script",
    ),
    "entry point with code": (
        with_entry(name="{info}/entry_points.txt", content=b"[console_scripts]\nx = os:system('x')\n"),
        "is no function",
    ),
    "entry points that take for ever": (
        with_entry(name="{info}/entry_points.txt", content=b"[console_scripts]\nx" + b" " * 1_000_000 + b"x\n"),
        "entry_points.txt cannot be read",
    ),
}


@pytest.mark.parametrize(("make", "reason"), KINDS.values(), ids=KINDS)
def test_a_wheel_that_is_none_is_refused(evil_world: World, make: Maker, reason: str) -> None:
    refused(evil_world, make(f"evil{next(NUMBERS)}"), reason)


def test_a_dist_info_of_another_is_none(evil_world: World) -> None:
    name = f"evil{next(NUMBERS)}"
    foreign = Evil(name="victim", entries=(Entry(name="other.py", content=b""),))
    refused(evil_world, Evil(name=name), "victim", raw=foreign.bytes())


@pytest.mark.parametrize("keep", [-1, -23, -80, 0.5, 60, 0], ids=str)
def test_a_truncated_wheel_is_refused(evil_world: World, keep: float) -> None:
    wheel = Evil(name=f"evil{next(NUMBERS)}", entries=(Entry(name="x.bin", content=os.urandom(2000)),))
    whole = wheel.bytes()
    refused(evil_world, wheel, "whole ZIP file", raw=whole[: int(keep * len(whole)) if keep == 0.5 else int(keep)])


HARM: dict[str, tuple[Maker, str]] = {
    "module": (with_entry(name="victim/__init__.py", content=b"import evil\n"), "belongs to victim"),
    "module of another scheme": (
        with_entry(name=f"{{stem}}.data/data/{SITE}/victim/part.py", content=b"import evil\n"),
        "belongs to victim",
    ),
    "module made a directory": (with_entry(name="victim/part.py/x.py", content=b"1\n"), "belongs to victim"),
    "bytecode of another's module": (
        with_entry(name=f"victim/__pycache__/part.{sys.implementation.cache_tag}.pyc", content=b"evil"),
        "belongs to victim",
    ),
    "script": (with_entry(name="{stem}.data/scripts/victim", content=b"#!python\n"), "belongs to victim"),
    "script of data": (with_entry(name="{stem}.data/data/bin/victim", content=b"x\n"), "belongs to victim"),
    "path file": (with_entry(name="victim.pth", content=b"import evil\n"), "belongs to victim"),
    "dist-info through data": (
        with_entry(name=f"{{stem}}.data/data/{SITE}/victim-1.0.dist-info/RECORD", content=b""),
        "another distribution's",
    ),
    "entry point named python": (
        with_entry(name="{info}/entry_points.txt", content=b"[console_scripts]\npython = a:b\n"),
        "taken for the interpreter",
    ),
    "GUI entry point named Python3": (
        with_entry(name="{info}/entry_points.txt", content=b"[gui_scripts]\nPython3 = a:b\n"),
        "taken for the interpreter",
    ),
    "script named python": (with_entry(name="{stem}.data/scripts/python", content=b"x"), "taken for the interpreter"),
    "data named bin/python": (
        with_entry(name="{stem}.data/data/bin/python3.99", content=b"x"),
        "taken for the interpreter",
    ),
    "pyvenv.cfg": (with_entry(name="{stem}.data/data/pyvenv.cfg", content=b"home = /evil\n"), "interpreter"),
    "activate": (with_entry(name="{stem}.data/scripts/activate", content=b"evil\n"), "is in no RECORD"),
    "directory of the scheme": (with_entry(name="{stem}.data/data/bin", content=b"x"), "brings a file where"),
    "holdfast's own": (with_entry(name=".holdfast.lock/x", content=b"x"), "holdfast names its own"),
}


@pytest.mark.parametrize(("make", "reason"), HARM.values(), ids=HARM)
def test_a_wheel_that_would_harm_what_is_installed_is_refused(evil_world: World, make: Maker, reason: str) -> None:
    refused(evil_world, make(f"evil{next(NUMBERS)}"), reason, code=9)
