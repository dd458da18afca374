"""Forged journals and records through the real recovery: it understands, or leaves alone, and touches nothing outside.

Design section 4: "The journal is untrusted input (root may run recovery from files that a group may write)".
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from holdfast.commit.journal import Journal, parse_journal, to_bytes
from holdfast.commit.recover import recover
from holdfast.disk import boot_id, pid_namespace, sight
from holdfast.envlock.acquire import acquire
from holdfast.envlock.holder import describe_owner
from holdfast.errors import HoldfastError
from holdfast.events import SILENT
from holdfast.model.owner import RECORD_LIMIT, LockMode, OwnerRecord, judge
from holdfast.model.request import LockSettings
from holdfast.model.target import SchemeKey, Target
from holdfast.stage.litter import sweep
from tests.support.areas import bare_target, begin, dead_owner
from tests.support.trees import snapshot

ID = "0123456789abcdef" * 2
SETTINGS = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

WORDS = st.sampled_from(
    (
        *SchemeKey,
        *("place", "replace", "swap", "remove"),
        *("a", "b", "a/b", "link", "link/x", "..", "../x", "/etc/passwd", ".", "", "a//b", "a\0b", "\ud800", "\udcff"),
        *(".holdfast.lock", f".holdfast-{ID}", "p-1.dist-info", "a" * 64, "x" * 300, "x" * 5000),
    )
)
NUMBERS = st.sampled_from((0, 1, 2, 3, -1, 1 << 70, 10**300, True, 0.5, float("nan"), float("inf")))
LEAVES = st.none() | WORDS | NUMBERS | st.text(max_size=5)
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)
PLACES = st.sampled_from([key.value for key in SchemeKey])
PATHS = st.sampled_from(
    (
        "a",
        "b",
        "a/b",
        "link",
        "link/x",
        "deep/link/x",
        "p-1.dist-info",
        "q/__init__.py",
        "",
        "\ud800",
        "\udcff",
        "y" * 300,
    )
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("place", "replace", "swap", "remove")),
        PLACES,
        PATHS,
        st.integers(0, 3),
        st.lists(st.integers(0, 1), max_size=2),
    ).map(list),
    max_size=6,
    unique_by=lambda row: (row[0], row[1], row[2]),
)
RECORD = 'a/b,,\nlink/x,,\ndeep/link/x,,\n"' + "x" * 200_000 + '",,\np-1.dist-info/RECORD,,\n'
DIGESTS = st.sampled_from(("", hashlib.sha256(RECORD.encode()).hexdigest(), "a" * 64))
INFOS = st.none() | st.tuples(PLACES, st.sampled_from(("p-1.dist-info", "q-1.dist-info")), DIGESTS).map(list)
OURS = st.just(["purelib", "p-1.dist-info", hashlib.sha256(RECORD.encode()).hexdigest()])
"""What is in place, so that the journal's project counts as its own, and is restored."""


@st.composite
def journals(draw: st.DrawFn) -> bytes:
    """Nearly right: of the right shape, then some of it exchanged for anything."""
    data: Any = {
        "journal": 1,
        "id": ID,
        "rooms": draw(
            st.sampled_from(([list(SchemeKey)], [["purelib", "platlib"], ["scripts", "headers", "data"]], []))
        ),
        "names": ["p", "q"],
        "projects": [[0, draw(OURS | INFOS), draw(INFOS)]],
        "steps": draw(STEPS),
    }
    for _ in range(draw(st.integers(0, 2))):
        exchange(draw, data)
    content = json.dumps(data).encode("utf-8", "surrogatepass")
    for _ in range(draw(st.integers(0, 1))):
        at = draw(st.integers(0, len(content)))
        content = content[:at] + draw(st.binary(max_size=3)) + content[at + draw(st.integers(0, 3)) :]
    return content


def exchange(draw: st.DrawFn, node: Any) -> None:  # noqa: ANN401 - any JSON
    """Put something else somewhere into a JSON value."""
    while isinstance(node, (dict, list)) and node:
        key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        inner = node[key]
        if isinstance(inner, (dict, list)) and inner and draw(st.booleans()):
            node = inner
            continue
        node[key] = draw(JSON)
        return


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """A dead owner's record, some fields of which are anything."""
    data = json.loads(dead_owner(ID).to_bytes())
    for name in draw(st.lists(st.sampled_from(sorted(data)), min_size=1, max_size=3)):
        data[name] = draw(LEAVES if draw(st.booleans()) else JSON)
    return json.dumps(data).encode("utf-8", "surrogatepass")[:RECORD_LIMIT]


@contextmanager
def furnished() -> Iterator[tuple[Target, str]]:
    """A target with things in it, symlinks to what lies outside, and what lies outside."""
    with tempfile.TemporaryDirectory() as directory:
        outside = os.path.join(directory, "outside")
        for name in ("x", "a/x", f"{ID}/x", "new/0", "old/0", "taken/x", "p-1.dist-info/RECORD"):
            path = os.path.join(outside, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write("precious")
        target = bare_target(os.path.join(directory, "env"))
        library = target.scheme.purelib
        for name in ("a", "deep", "p-1.dist-info"):
            os.mkdir(os.path.join(library, name))
        for place in (library, os.path.join(library, "deep"), target.scheme.scripts):
            os.symlink(outside, os.path.join(place, "link"))
        with open(os.path.join(library, "p-1.dist-info", "RECORD"), "w", encoding="utf-8") as file:
            file.write(RECORD)
        yield target, outside


def forge(target: Target, *, owner: bytes, journal: bytes) -> None:
    left = os.path.join(target.scheme.purelib, f".holdfast-{ID}")
    for name in ("new", "old"):
        os.makedirs(os.path.join(left, name))
        for n in range(3):
            with open(os.path.join(left, name, str(n)), "w", encoding="utf-8") as file:
                file.write("forged")
    for name, content in (("owner", owner), ("journal", journal)):
        with open(os.path.join(left, name), "wb") as file:
            file.write(content)


@SETTINGS
@given(content=journals() | st.binary(max_size=200), owner=records())
def test_a_forged_journal_is_taken_back_or_left_alone(content: bytes, owner: bytes) -> None:
    with furnished() as (target, outside):
        forge(target, owner=owner, journal=content)
        before, said = snapshot(outside), ""
        try:
            with begin(target) as tx, acquire(tx, LockSettings(timeout=0), SILENT) as held:
                recover(target, held)
        except HoldfastError as error:
            said = str(error)
        sweep(target)
        assert len(said) < 3000
        assert snapshot(outside) == before
        assert not os.path.lexists(os.path.join(target.scheme.purelib, ".holdfast.lock"))


@settings(max_examples=300)
@given(content=journals() | st.binary(max_size=200))
@example(content=b'{"journal": 1, "id": "' + ID.encode() + b'"}')
def test_what_is_read_of_a_journal_is_what_could_have_been_written(content: bytes) -> None:
    said = ""
    try:
        found = parse_journal(content, identifier=ID)
    except ValueError as error:
        said = str(error)
    if said:
        assert len(said) < 200
        return
    assert isinstance(found, Journal)
    assert parse_journal(to_bytes(found), identifier=ID) == found
    for step in found.steps:
        assert not os.path.isabs(step.place.path)
        assert ".." not in step.place.path.split("/")
        os.fsencode(step.place.path)


@settings(max_examples=300)
@given(content=records() | st.binary(max_size=200))
def test_a_forged_record_can_be_judged_and_shown(content: bytes) -> None:
    found = OwnerRecord.from_bytes(content)
    if found is None:
        return
    assert isinstance(found.mode, LockMode)
    judge(found, boot=boot_id(), pid_namespace=pid_namespace(), sight=sight(found.pid))
    shown = describe_owner(found)
    assert len(shown) < 600
    assert shown.isprintable()
    assert OwnerRecord.from_bytes(found.to_bytes()) is not None
