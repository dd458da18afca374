"""Kept metadata is what was parsed, and anything else in its place is no metadata."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from holdfast.index.metadata_text import decode, encode
from holdfast.model.metadata import parse_metadata

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9._-]{0,8}[a-z]", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,2}(\.[0-9]{1,2}){0,2}(rc[1-9])?", fullmatch=True)
REQUIRES = st.builds(
    "{}{}{}".format,
    NAMES,
    st.sampled_from(["", "[x]", "[x,y]"]),
    st.sampled_from(["", ">=1", " (>=1.0,<2)", "; extra == 'x'", " ; python_version < '3.12' and extra == 'y'"]),
)
TEXTS = st.text(st.characters(whitelist_categories=["L", "N", "P", "S"]), min_size=1, max_size=20)


@given(
    name=NAMES,
    version=VERSIONS,
    requires=st.lists(REQUIRES, max_size=5),
    python=st.sampled_from([None, ">=3.8", ">=3.8,<4,!=3.9.*", "~=3.10"]),
    summary=TEXTS,
)
def test_metadata_survives_the_cache(
    name: str, version: str, requires: list[str], python: str | None, summary: str
) -> None:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", f"Summary: {summary}"]
    lines += [f"Requires-Dist: {each}" for each in requires] + ([f"Requires-Python: {python}"] if python else [])
    metadata = parse_metadata(("\n".join(lines) + "\n").encode())
    back = decode(encode(metadata))
    assert (back, back.headers, back.summary) == (metadata, metadata.headers, metadata.summary)


@given(data=st.binary(max_size=100))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with suppress(ValueError):
        decode(data)


@given(
    row=st.lists(
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=5) | st.none(), max_size=2),
        min_size=6,
        max_size=8,
    )
)
def test_no_row_raises_anything_else(row: list[object]) -> None:
    with suppress(ValueError):
        decode(json.dumps(row).encode())
