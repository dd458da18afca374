"""Nothing secret of a URL is kept or shown, whatever it looks like."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.model.urls import as_recorded, printable_url, without_credentials

PLAIN = "https://host.test/a.whl"


@pytest.mark.parametrize("user", ["u", "u:p", "u:p@ss", ":p", "${U}:p", "p${U}", "${U}:${P}x", "git:p", ""])
def test_credentials_are_left_out(user: str) -> None:
    url = f"https://{user}@host.test/a.whl"
    assert without_credentials(url) == PLAIN
    assert as_recorded(url) == PLAIN


@pytest.mark.parametrize("user", ["${TOKEN}", "${U}:${P-2}", "git"])
def test_what_is_public_is_recorded(user: str) -> None:
    url = f"https://{user}@host.test/a.whl"
    assert as_recorded(url) == url
    assert without_credentials(url) == PLAIN


def test_a_text_may_hold_more_than_the_url() -> None:
    text = "name[x] @ git+https://u:p@host.test/r.git@v1 ; python_version > '3'"
    assert without_credentials(text) == "name[x] @ git+https://host.test/r.git@v1 ; python_version > '3'"


@pytest.mark.parametrize(
    "text", ["https://host.test/@x", "user@host.test", "https://host.test?mail=a@b", "http://[bad"]
)
def test_what_carries_no_credentials_stays(text: str) -> None:
    assert without_credentials(text) == as_recorded(text) == text


def test_tokens_in_query_and_fragment_are_not_shown() -> None:
    assert printable_url("https://u:p@h.test:8080/a?token=b#d") == "https://h.test:8080/a"


@given(st.text(min_size=1), st.text())
def test_no_password_survives(user: str, password: str) -> None:
    """A password is percent-encoded where RFC 3986 wants it; what is left of the URL does not hold it."""
    url = f"https://{quote(user, safe='')}:{quote(password, safe='')}@host.test/a.whl"
    assert without_credentials(url) == as_recorded(url) == printable_url(url) == PLAIN
