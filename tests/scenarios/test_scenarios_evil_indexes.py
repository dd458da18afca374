"""Indexes that lie: about sizes, hashes and metadata, with names that lead elsewhere, in codecs that are none.

What is wrong with bytes ends with exit 5; an entry of a page that cannot be a wheel's is none, and what is left counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import pytest

from tests.scenarios.test_scenarios_evil import kept, serve
from tests.scenarios.world import World, told
from tests.support.index.behaviours import Body, Typed
from tests.support.sandbox import Completed
from tests.support.wheels import metadata_bytes, pkg, wheel_bytes

JSON = "application/vnd.pypi.simple.v1+json"


def sha256(content: bytes) -> dict[str, str]:
    return {"sha256": hashlib.sha256(content).hexdigest()}


def refused(world: World, name: str, reason: str, code: int = 5) -> Completed:
    before = kept(world)
    done = told(world.install(name, code=code), cause=reason)
    assert kept(world) == before
    return done


METADATA = metadata_bytes(pkg("lied"))
SIDECARS: dict[str, tuple[bytes, Mapping[str, str] | None, str]] = {
    "of another hash": (METADATA, sha256(b"?"), "not the hash that the index promised"),
    "of other requirements": (METADATA + b"Requires-Dist: victim\n", None, "is not that of the wheel itself"),
    "of another name": (METADATA.replace(b"Name: lied", b"Name: victim"), None, "holds the metadata of victim 1.0"),
    "of another version": (METADATA.replace(b"Version: 1.0", b"Version: 9"), None, "holds the metadata of lied 9"),
    "of a higher major": (METADATA.replace(b"Metadata-Version: 2.1", b"Metadata-Version: 3.0"), None, "newer than 2.x"),
    "not UTF-8": (METADATA + b"Author: Andr\xe9\n", None, "METADATA is not UTF-8"),
    "empty": (b"", None, "METADATA"),
    "huge": (METADATA + b"\n" + b"x" * (17 << 20), None, "is longer than"),
    "all fields": (METADATA + b"Requires-Dist: victim\n" * 200_000, None, "that make sense"),
    "in too many brackets": (METADATA + b"Requires-Dist: a; " + b"(" * 5000, None, "cannot be used"),
    "with a number without end": (METADATA + b"Requires-Dist: victim>" + b"1" * 5000 + b"\n", None, "cannot be used"),
    "for a Python without end": (METADATA + b"Requires-Python: >" + b"1" * 5000 + b"\n", None, "cannot be used"),
}


@pytest.mark.parametrize(("content", "said", "reason"), SIDECARS.values(), ids=SIDECARS)
def test_a_sidecar_that_lies_is_found_out(
    evil_world: World, content: bytes, said: Mapping[str, str] | None, reason: str
) -> None:
    wheel = wheel_bytes(pkg("lied"))
    said = sha256(content) if said is None else said
    serve(evil_world, "lied", "lied-1.0-py3-none-any.whl", wheel, sidecar_content=content, sidecar_said=said)
    evil_world.index.on("/simple/lied/", Typed(media_type=JSON))
    done = told(evil_world.install("lied", "--no-cache-dir", code=5), cause=reason)
    assert "lied-1.0-py3-none-any.whl" in done.stderr


def test_a_right_sidecar_is_believed(evil_world: World) -> None:
    wheel = wheel_bytes(pkg("lied"))
    said = sha256(METADATA)
    serve(evil_world, "lied", "lied-1.0-py3-none-any.whl", wheel, sidecar_content=METADATA, sidecar_said=said)
    evil_world.run("install", "--no-cache-dir", "--dry-run", "lied", env=evil_world.from_index())


def test_another_release_may_do_where_the_newest_is_broken(evil_world: World) -> None:
    for version, metadata in (("1.0", None), ("2.0", b"Metadata-Version: 2.1\nName: victim\nVersion: 2.0\n")):
        content = wheel_bytes(pkg("second", version))
        sidecar = metadata or metadata_bytes(pkg("second", version))
        name = f"second-{version}-py3-none-any.whl"
        serve(evil_world, "second", name, content, sidecar_content=sidecar, sidecar_said=sha256(sidecar))
    done = evil_world.run("install", "--dry-run", "second", env=evil_world.from_index())
    assert "Skipped second 2.0" in done.stderr
    assert "second-1.0" in done.stdout or "second 1.0" in done.stderr


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"size": 10}, "should have 10 bytes, but more bytes came"),
        ({"size": 1 << 20}, "should have 1048576 bytes, but"),
        ({"size": 10**400}, "There is no room"),
        ({"hashes": sha256(b"another")}, "not the hash that was promised"),
        ({"hashes": {"sha256": "0" * 63}}, "not the hash that was promised"),
        ({"hashes": {"sha512": "0" * 128, **sha256(wheel_bytes(pkg("sized")))}}, "not the hash that was promised"),
    ],
    ids=["too small", "too large", "endless", "other hash", "short hash", "two hashes of which one is right"],
)
def test_a_size_or_a_hash_that_lies_is_found_out(evil_world: World, said: Mapping[str, object], reason: str) -> None:
    serve(evil_world, "sized", "sized-1.0-py3-none-any.whl", wheel_bytes(pkg("sized")), **said)
    told(evil_world.install("sized", "--no-cache-dir", code=3 if "room" in reason else 5), cause=reason)


def page(name: str, *files: Mapping[str, object]) -> bytes:
    return json.dumps({"meta": {"api-version": "1.0"}, "name": name, "files": files}).encode()


ENDLESS = ".".join(f"py{number}" for number in range(3000))
ENTRIES: dict[str, Mapping[str, object]] = {
    "traversal": {"filename": "paged-1.0-1/../../../x-py3-none-any.whl"},
    "backslash": {"filename": "paged-1.0-1\\..\\x-py3-none-any.whl"},
    "control character": {"filename": "paged-1.0-1\x1b[2J-py3-none-any.whl"},
    "surrogate": {"filename": "paged-1.0-1\ud800-py3-none-any.whl"},
    "tags without end": {"filename": f"paged-1.0-{ENDLESS}-{ENDLESS}-{ENDLESS}.whl"},
    "version without end": {"filename": f"paged-{'1' * 5000}-py3-none-any.whl"},
    "build number without end": {"filename": f"paged-1.0-{'1' * 5000}-py3-none-any.whl"},
    "file of this machine": {"url": "file:///etc/passwd"},
    "no scheme at all": {"url": "javascript:alert(1)"},
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_an_entry_that_cannot_be_a_wheel_is_none(evil_world: World, entry: Mapping[str, object]) -> None:
    honest = {"filename": "paged-1.0-py3-none-any.whl", "url": "https://127.0.0.1:9/x.whl", "hashes": {}}
    evil_world.index.behave_well()
    evil_world.index.on("/simple/paged/", Body(content=page("paged", {**honest, **entry}), media_type=JSON))
    done = told(evil_world.install("paged", "--no-cache-dir", code=1), cause="paged")
    assert done.stderr.replace("\n", "").isprintable()


@pytest.mark.parametrize("charset", ["undefined", "idna", "punycode", "unicode_escape", "hex", "rot13", "no-such"])
def test_a_character_set_that_is_none_does_not_matter(evil_world: World, charset: str) -> None:
    content = wheel_bytes(pkg("worded"))
    serve(evil_world, "worded", "worded-1.0-py3-none-any.whl", content)
    evil_world.index.behave_well()
    html = f'<!doctype html><a href="/files/worded-1.0-py3-none-any.whl">worded</a>{"&#8364;" * 1000}'.encode()
    evil_world.index.on("/simple/worded/", Body(content=html, media_type=f"text/html; charset={charset}"))
    evil_world.run("install", "--no-cache-dir", "--dry-run", "worded", env=evil_world.from_index())


@pytest.mark.parametrize("reason", ["\x1b]0;owned\x07", "\ud800", "a\nerror: b", "\u202e"])
def test_words_of_an_index_reach_the_terminal_escaped(evil_world: World, reason: str) -> None:
    content = wheel_bytes(pkg("yanked"))
    serve(evil_world, "yanked", "yanked-1.0-py3-none-any.whl", content, yanked=reason)
    evil_world.index.behave_well()
    done = evil_world.run("install", "--no-cache-dir", "--dry-run", "yanked==1.0", env=evil_world.from_index())
    assert "yanked" in done.stderr
    assert done.stderr.replace("\n", "").isprintable()
    assert not any(line.startswith("error") for line in done.stderr.splitlines())
    told(evil_world.install("yanked", "--no-cache-dir", code=1), cause="yanked")
    requires = f">=3{reason}"
    serve(evil_world, "yanked", "yanked-1.0-py3-none-any.whl", content, requires_python=requires)
    evil_world.run("install", "--no-cache-dir", "--dry-run", "yanked==1.0", env=evil_world.from_index())
