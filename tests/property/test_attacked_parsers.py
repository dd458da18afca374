"""No bytes make a parser do anything but answer or refuse: real inputs, spoilt with the grammar in mind.

"Only the documented errors come out, in bounded time" for archives, RECORD, METADATA, WHEEL and entry points,
requirements files, and pages of indexes in HTML and JSON. What once broke the rule is replayed from
``tests/data/found``; to keep a new case, write its bytes into a file there.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.attacked import FOUND, PARSERS, attack
from tests.support.evil import Entry, Evil
from tests.support.wheels import pkg, wheel_bytes

METADATA = b"""Metadata-Version: 2.1
Name: a
Version: 1.0rc1
Summary: Gr\xc3\xbc\xc3\x9fe
Requires-Python: >=3.8,!=3.9.*
Provides-Extra: x
Requires-Dist: b[c,d] (>=1.0,<2) ; python_version < "3.12" and (extra == 'x' or sys_platform != "win32")
Requires-Dist: e @ https://example.org/e-1.0-py3-none-any.whl#sha256=00 ; extra == "x"
Project-URL: Home, https://example.org
Keywords: one,two

Description
"""
RECORD = b"""a/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0
"a-1.dist-info/METADATA",sha512=z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg_SpIdNs6c5H0NE8XYXysP-DGNKHfuwvY7kxvUdBeoGlODJ6-SfaPg,12
a-1.dist-info/RECORD,,
"""
INFO = b"""[console_scripts]
a = a.b:main [x,y]
; comment
[gui_scripts]
A-b = a : C.d

[other.group]
x = y
Wheel-Version: 1.0
Root-Is-Purelib: true
Tag: py3-none-any
"""
REQUIREMENTS = b"""# -*- coding: utf-8 -*-
--index-url https://${A}:b@example.org/simple --extra-index-url=https://other
-r more.txt
-c 'limits.txt'
a[b,c]>=1.0,!=1.1.* ; python_version > "3.8" \\
    --hash=sha256:47dea --hash sha512:00
./a-1.0-py3-none-any.whl[x] ; extra == 'y'
b @ https://example.org/b-1.0-py3-none-any.whl#sha256=00&egg=b
"""
HTML = b"""<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.1"><base href="/files/">
<meta name='pypi:project-status' content='archived'><title>Links for a</title></head><body><!-- <a href="x.whl"> -->
<a href="a-1.0-py3-none-any.whl#sha256=00" data-requires-python="&gt;=3.8" data-yanked>a-1.0-py3-none-any.whl</a>
<a data-core-metadata="sha256=00" href='https://h.test/a-2.0rc1-1-cp311-abi3-manylinux_2_17_x86_64.whl' rel=x>a</a>
<A HREF=../a-1.0.tar.gz>a</A></body></html>"""
JSON = b"""{"meta": {"api-version": "1.1"}, "name": "a", "project-status": {"status": "archived"}, "files": [
{"filename": "a-1.0-py3-none-any.whl", "url": "../a-1.0-py3-none-any.whl", "hashes": {"sha256": "00"}, "size": 12,
 "requires-python": ">=3.8", "yanked": false, "core-metadata": {"sha256": "00"}, "upload-time": "2024-01-01T00:00:00Z"},
{"filename": "a-2.0rc1.tar.gz", "url": "https://h.test/a-2.0rc1.tar.gz", "hashes": {}, "yanked": "why"}]}"""

SEEDS = {
    "zip": (
        wheel_bytes(pkg("a")),
        Evil(name="a", entries=(Entry(name="a/\xe9.py", content=b"x" * 50), Entry(name="d/"))).bytes(),
    ),
    "record": (RECORD,),
    "metadata": (METADATA,),
    "info": (INFO,),
    "requirements": (REQUIREMENTS,),
    "html": (HTML,),
    "json": (JSON,),
}
EVERYWHERE = (
    b"\0",
    b"\n",
    b"\r\n",
    b"\xff",
    b"\xc2\x85",
    b"\xed\xa0\x80",
    b"\xe2\x80\xae",
    b" ",
    b"\t",
    b"9",
    b"\xc2\xb2",
)
WORDS = {
    "zip": (
        b"PK\x01\x02",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"PK\x06\x06",
        b"PK\x06\x07",
        b"\x01\0\x08\0",
        b"../",
        b"\xff" * 4,
    ),
    "record": (b",", b'"', b"sha256=", b"md5=", b"../", b"-1", b"a/__init__.py"),
    "metadata": (
        b": ",
        b"\n ",
        b"\n\n",
        b"(",
        b")",
        b'"',
        b" and ",
        b" or ",
        b"===",
        b"~=",
        b".*",
        b"@ ",
        b"; ",
        b"[",
        b"=?utf-8?b?AA?=",
    ),
    "info": (b"[", b"]", b"=", b":", b"\n ", b"[console_scripts]\n", b"[DEFAULT]", b"%(x)s", b"/", b"..", b"#"),
    "requirements": (
        b"\\\n",
        b"#",
        b"'",
        b'"',
        b"--hash=",
        b"-r ",
        b"-e ",
        b"${A}",
        b"(",
        b";",
        b"@ ",
        b"file://",
        b"[",
        b"===",
        b"coding: utf-7",
        b"coding=undefined",
        b"\xff\xfe",
    ),
    "html": (
        b"<",
        b">",
        b"<a ",
        b"href=",
        b"<!--",
        b"-->",
        b"&#x110000;",
        b"&",
        b"<base href=//[>",
        b"//[",
        b"file:///",
        b'"',
        b"'",
        b"-py3-none-any.whl",
        b"%2F",
        b"%00",
    ),
    "json": (
        b"{",
        b"[",
        b"]",
        b'"',
        b"\\ud800",
        b"null",
        b"true",
        b"1e999",
        b"NaN",
        b"-1",
        b",",
        b":",
        b"file:///",
        b"//[",
        b"-py3-none-any.whl",
    ),
}


def mutate(draw: st.DrawFn, parser: str) -> bytes:
    """A seed with a few things done to it, each somewhere: cut, repeat, exchange, insert, splice."""
    seeds = SEEDS[parser]
    data = bytearray(draw(st.sampled_from(seeds)))
    words = st.sampled_from(WORDS[parser] + EVERYWHERE)
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        match draw(st.sampled_from(["cut", "repeat", "exchange", "insert", "many", "byte", "move"])):
            case "cut":
                del data[at : at + length]
            case "repeat":
                data[at:at] = data[at : at + length] * draw(st.integers(1, 50))
            case "exchange":
                data[at : at + length] = draw(words)
            case "insert":
                data[at:at] = draw(words)
            case "many":
                data[at:at] = draw(words) * draw(st.sampled_from([2, 30, 1000, 5000]))
            case "byte":
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case _:
                part = data[at : at + length]
                del data[at : at + length]
                to = draw(st.integers(0, len(data)))
                data[to:to] = part
    return bytes(data)


MUTATED = st.composite(mutate)
SHORT = settings(max_examples=40, derandomize=True, database=None, phases=[Phase.generate])
LONG = settings(max_examples=5000, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("parser", PARSERS)
def test_the_real_inputs_are_read(parser: str) -> None:
    for seed in SEEDS[parser]:
        attack(parser, seed)


@pytest.mark.parametrize("parser", PARSERS)
def test_spoilt_inputs_are_answered_or_refused(parser: str) -> None:
    _attack_many(parser, SHORT)


@pytest.mark.exhaustive
@pytest.mark.parametrize("parser", PARSERS)
def test_thousands_of_spoilt_inputs_are_answered_or_refused(parser: str) -> None:
    _attack_many(parser, LONG)


def _attack_many(parser: str, how: settings) -> None:
    @how
    @given(data=MUTATED(parser))
    def attacked(data: bytes) -> None:
        attack(parser, data)

    attacked()


FILES = sorted(
    os.path.relpath(os.path.join(parent, name), FOUND) for parent, _, names in os.walk(FOUND) for name in names
)


@pytest.mark.parametrize("path", FILES)
def test_what_was_found_once_is_answered_as_documented(path: str) -> None:
    with open(os.path.join(FOUND, path), "rb") as file:
        attack(os.path.dirname(path), file.read())


def test_something_was_found_for_every_kind() -> None:
    assert {os.path.dirname(path) for path in FILES} <= PARSERS.keys()
    assert len(FILES) > 10
