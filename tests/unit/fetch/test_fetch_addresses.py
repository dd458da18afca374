from __future__ import annotations

import pytest

from holdfast.fetch.addresses import is_bypassed, is_loopback, is_trusted, parse_address
from holdfast.model.urls import printable_url


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("https://user:secret@host/simple/?token=abc#sha256=00", "https://host/simple/"),
        ("https://user@host:8443/x", "https://host:8443/x"),
        ("https://a@b:c@host/x", "https://host/x"),
        ("file:///tmp/a@b/c.whl", "file:///tmp/a@b/c.whl"),
        ("/plain/path", "/plain/path"),
    ],
)
def test_what_is_shown_has_no_credentials(url: str, seen: str) -> None:
    assert printable_url(url) == seen


def test_a_url_is_taken_apart() -> None:
    address = parse_address("HTTPS://us%40er:p%3Ass@Index.Example:8443/simple/?q=1#x")
    assert address.url == "https://Index.Example:8443/simple/?q=1"
    assert address.origin == ("https", "index.example", 8443)
    assert address.place == "index.example:8443"
    assert address.credentials is not None
    assert (address.credentials.user, address.credentials.password) == ("us@er", "p:ss")
    assert "p:ss" not in repr(address)


def test_ports_of_the_scheme_go_without_saying() -> None:
    assert parse_address("https://host/").origin == parse_address("https://host:443/").origin
    assert parse_address("http://[::1]:80/").place == "[::1]"


def test_spaces_in_a_path_are_quoted_and_quoted_ones_left() -> None:
    assert parse_address("https://host/a b%20c.whl").url == "https://host/a%20b%20c.whl"


@pytest.mark.parametrize("url", ["ftp://host/x", "host/simple", "https:///x", "https://host:port/", "https://[::1/"])
def test_what_is_no_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="URL") as caught:
        parse_address(url)
    assert url not in str(caught.value)


def test_loopback() -> None:
    assert all(is_loopback(host) for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1", "x.localhost"))
    assert not any(is_loopback(host) for host in ("localhost.example", "128.0.0.1", "example.org"))


def test_a_trusted_host_may_name_a_port() -> None:
    address = parse_address("https://Host:8443/")
    assert is_trusted(address, ("host",))
    assert is_trusted(address, ("HOST:8443",))
    assert not is_trusted(address, ("host:443", "ost"))


@pytest.mark.parametrize(
    ("host", "port", "no_proxy", "bypassed"),
    [
        ("index.example", 443, "*", True),
        ("index.example", 443, "example", True),
        ("index.example", 443, ".example", True),
        ("index.example", 443, "other, index.example:443", True),
        ("index.example", 443, "index.example:80", False),
        ("myexample", 443, "example", False),
        ("10.1.2.3", 443, "10.0.0.0/8", True),
        ("11.1.2.3", 443, "10.0.0.0/8", False),
        ("index.example", 443, " , ", False),
        ("127.0.0.1", 80, "127.0.0.1", True),
    ],
)
def test_no_proxy(host: str, port: int, no_proxy: str, *, bypassed: bool) -> None:
    assert is_bypassed(host, port, no_proxy) is bypassed
