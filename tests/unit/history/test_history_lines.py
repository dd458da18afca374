"""A line that is not exactly what it should be is no line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.history.lines import from_line, to_line
from holdfast.model.history import KnownChange, KnownState, KnownTransaction, KnownWheel

WHEEL = KnownWheel(filename="foo.whl", url="https://example.com/foo.whl", sha256="a" * 64)
WHOLE = KnownTransaction(
    id="0f",
    when=1.5,
    who="me",
    host="here",
    environment="/env",
    command="install foo bar",
    undoes="0e",
    changes=(
        KnownChange(
            project=NormalizedName("foo"),
            before=KnownState(
                version=Version("1"), record="b" * 64, requested=True, direct="file:///foo", editable=True
            ),
            after=KnownState(version=Version("2+local"), record="c" * 64, wheel=WHEEL),
        ),
        KnownChange(project=NormalizedName("bar"), before=None, after=KnownState(version=Version("1rc1"))),
        KnownChange(project=NormalizedName("baz"), before=KnownState(version=Version("0")), after=None),
    ),
)


def test_there_and_back() -> None:
    assert from_line(to_line(WHOLE)) == WHOLE
    assert b"\n" not in to_line(WHOLE)


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"1", b"null", b"\xff", b'{"format": 1}', b'{"format": 99}', b"[" * 100_000],
)
def test_no_line(line: bytes) -> None:
    assert from_line(line) is None


def test_every_cut_is_no_line() -> None:
    whole = to_line(WHOLE)
    assert [n for n in range(len(whole)) if from_line(whole[:n]) is not None] == []


@given(st.data())
def test_a_value_of_another_kind_makes_it_no_line_or_another_transaction(data: st.DataObject) -> None:
    value = json.loads(to_line(WHOLE))
    place = value
    while True:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(list(keys)))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers(), max_size=2))
    found = from_line(json.dumps(value).encode())
    assert found is None or isinstance(found, KnownTransaction)
