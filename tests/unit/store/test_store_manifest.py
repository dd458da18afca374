from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from holdfast.model.stored import Manifest, ScriptEntryPoint, WheelFile
from holdfast.model.target import SchemeKey
from holdfast.store import keys
from holdfast.store.manifest import from_bytes, to_bytes, with_digest

PART = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).filter(lambda part: part != "..")
PATH = st.lists(PART, min_size=1, max_size=4).map("/".join)
FILE = st.builds(
    WheelFile,
    member=PATH,
    scheme=st.sampled_from(SchemeKey),
    path=PATH,
    size=st.integers(0),
    digest=st.text(),
    executable=st.booleans(),
    mtime_ns=st.integers(0),
    shebang=st.booleans(),
)
MANIFEST = st.builds(
    Manifest,
    sha256=st.just("ab" * 32),
    filename=st.text(),
    name=st.just(canonicalize_name("some-name")),
    version=st.sampled_from([Version("1.0"), Version("2!3.0rc1.post2+local.1")]),
    info_name=st.text(),
    purelib=st.booleans(),
    files=st.lists(FILE, max_size=5).map(tuple),
    scripts=st.lists(
        st.builds(ScriptEntryPoint, name=st.text(), module=st.text(), attribute=st.text(), gui=st.booleans())
    ).map(tuple),
    metadata_sha256=st.text(),
)
SOME = Manifest(
    sha256="ab" * 32,
    filename="x-1-py3-none-any.whl",
    name=canonicalize_name("x"),
    version=Version("1"),
    info_name="x-1.dist-info",
    purelib=True,
    files=(WheelFile(member="x.py", scheme=SchemeKey.PURELIB, path="x.py", size=1, digest="d"),),
    scripts=(),
    metadata_sha256="",
)


def undigested(manifest: Manifest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(to_bytes(manifest))
    del loaded["digest"]
    return loaded


@given(MANIFEST)
def test_what_was_written_is_read(manifest: Manifest) -> None:
    assert from_bytes(to_bytes(manifest)) == manifest


@given(
    st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_anything_else_is_no_manifest(data: bytes) -> None:
    assert from_bytes(data) is None


@given(st.data())
def test_a_torn_manifest_is_none(data: st.DataObject) -> None:
    whole = to_bytes(SOME)
    assert from_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", ".."])
@pytest.mark.parametrize("field", [0, 2])
def test_a_manifest_that_leads_out_of_its_tree_is_none(path: str, field: int) -> None:
    loaded = undigested(SOME)
    loaded["files"][0][field] = path
    assert from_bytes(with_digest(loaded)) is None
    loaded["files"][0][field] = "a..b/x.py"
    assert from_bytes(with_digest(loaded)) is not None


def test_another_format_is_none() -> None:
    loaded = undigested(SOME)
    loaded["format"] = 2
    assert from_bytes(with_digest(loaded)) is None


@given(st.data())
def test_a_manifest_with_one_other_byte_is_none(data: st.DataObject) -> None:
    whole = bytearray(to_bytes(SOME))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert from_bytes(bytes(whole)) is None


@pytest.mark.parametrize("digest", ["", "AB" * 32, "ab" * 31, "../" + "ab" * 31, "ab" * 32 + "\n"])
def test_only_a_digest_names_an_entry(digest: str) -> None:
    with pytest.raises(ValueError, match="not a sha256"):
        keys.wheel_entry(digest)
    with pytest.raises(ValueError, match="not a sha256"):
        keys.bytecode_entry(digest, "x")


def test_an_interpreters_tag_cannot_lead_out() -> None:
    assert keys.bytecode_entry("ab" * 32, "../x y") == f"bytecode-v1/ab/{'ab' * 32}/.._x_y"


@given(st.text("0123456789abcdef", min_size=64, max_size=64))
def test_times_are_of_the_past_and_whole_seconds(digest: str) -> None:
    seconds, rest = divmod(keys.modified_ns(digest), 1_000_000_000)
    assert rest == 0
    assert 946_684_800 <= seconds < 946_684_800 + 2**28
