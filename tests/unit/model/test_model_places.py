from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.model.changes import Place
from holdfast.model.places import absolute, place_of
from holdfast.model.target import Scheme, SchemeKey

VENV = Scheme(
    purelib="/v/lib/python3.12/site-packages",
    platlib="/v/lib/python3.12/site-packages",
    scripts="/v/bin",
    headers="/v/include/site/python3.12",
    data="/v",
)
FLAT = Scheme(purelib="/t", platlib="/t", scripts="/t/bin", headers="/t/include", data="/t")


@pytest.mark.parametrize(
    ("path", "key", "inside"),
    [
        ("/v/lib/python3.12/site-packages/a/b.py", SchemeKey.PURELIB, "a/b.py"),
        ("/v/bin/tool", SchemeKey.SCRIPTS, "tool"),
        ("/v/share/man/man1/tool.1", SchemeKey.DATA, "share/man/man1/tool.1"),
        ("/v/lib/python3.12/site-packages", SchemeKey.PURELIB, ""),
        ("/v/bin/../etc/./x", SchemeKey.DATA, "etc/x"),
        ("/v/binary", SchemeKey.DATA, "binary"),
    ],
)
def test_the_deepest_directory_names_a_path(path: str, key: SchemeKey, inside: str) -> None:
    assert place_of(VENV, path) == Place(scheme=key, path=inside)


def test_equal_directories_have_one_name() -> None:
    assert place_of(FLAT, "/t/a.py") == Place(scheme=SchemeKey.PURELIB, path="a.py")
    other = absolute(FLAT, Place(scheme=SchemeKey.DATA, path="bin/x"))
    assert place_of(FLAT, other) == Place(scheme=SchemeKey.SCRIPTS, path="x")


@pytest.mark.parametrize("path", ["/etc/passwd", "/v/../etc/passwd", "/v2/x", "/"])
def test_what_lies_outside_has_no_name(path: str) -> None:
    with pytest.raises(ValueError, match="outside"):
        place_of(VENV, path)


def test_a_scheme_at_the_root_of_the_file_system_contains_everything() -> None:
    root = Scheme(purelib="/usr/lib/p", platlib="/usr/lib/p", scripts="/usr/bin", headers="/usr/include", data="/")
    assert place_of(root, "/etc/x") == Place(scheme=SchemeKey.DATA, path="etc/x")
    assert absolute(root, Place(scheme=SchemeKey.DATA, path="etc/x")) == "/etc/x"


PART = st.text("abc.-_ é", min_size=1, max_size=6).filter(lambda part: part not in {".", ".."})


@given(st.sampled_from(SchemeKey), st.lists(PART, max_size=4))
def test_naming_is_the_inverse_of_joining(key: SchemeKey, parts: list[str]) -> None:
    path = absolute(VENV, Place(scheme=key, path="/".join(parts)))
    place = place_of(VENV, path)
    assert absolute(VENV, place) == path
