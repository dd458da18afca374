from __future__ import annotations

import os
import stat

import pytest

from holdfast.errors import AuthenticationError
from holdfast.events import Detail
from holdfast.fetch.http import Client
from holdfast.model.request import Network
from tests.support.hearing import Heard
from tests.support.index import Authenticated, Index, Redirect
from tests.support.index.behaviours import credentials
from tests.support.wheels import pkg

NETWORK = Network(timeout=5.0, retries=0)
RIGHT = credentials("me", "s3cret")


@pytest.fixture
def home(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return str(tmp_path)


@pytest.fixture
def guarded(index: Index) -> Index:
    index.add(pkg("a"))
    index.on("*", Authenticated(user="me", password="s3cret"))
    return index


def keyring(home: str, *lines: str) -> str:
    """A `keyring` on PATH that logs its arguments; the path of the log."""
    log, path = os.path.join(home, "keyring.log"), os.path.join(home, "keyring")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(("#!/bin/sh", f'echo "$@" >> {log}', *lines)) + "\n")
    os.chmod(path, 0o755)
    return log


def test_credentials_in_the_url(guarded: Index, home: str) -> None:
    assert home
    with Client(NETWORK) as client:
        assert client.get(f"{guarded.url_as('me', 's3cret')}a/").status == 200
    assert len(guarded.requests) == 1


def test_odd_characters_in_credentials(index: Index, home: str) -> None:
    assert home
    index.add(pkg("a"))
    index.on("*", Authenticated(user="m@e", password="p:/ß#%"))
    with Client(NETWORK) as client:
        assert client.get(f"{index.url_as('m@e', 'p:/ß#%')}a/").status == 200


def test_an_indexs_credentials_count_for_its_files(guarded: Index, home: str) -> None:
    assert home
    with Client(NETWORK, urls=(guarded.url_as("me", "s3cret"),)) as client:
        assert client.get(guarded.file_url("a-1.0-py3-none-any.whl")).status == 200


def test_of_two_on_one_host_the_nearer_path_counts(index: Index, home: str) -> None:
    assert home
    urls = tuple(f"http://{user}:x@127.0.0.1:{index.port}/{user}/simple/" for user in ("one", "two"))
    with Client(NETWORK, urls=urls) as client:
        client.get(f"{index.root}/two/files/x")
        client.get(f"{index.root}/one/files/x")
    seen = [request.headers["authorization"] for request in index.requests]
    assert seen == [credentials("two", "x"), credentials("one", "x")]


def test_credentials_do_not_cross_hosts(guarded: Index, home: str) -> None:
    assert home
    with Index() as other:
        other.add(pkg("b"))
        guarded.on("/simple/b/", Redirect(to=f"{other.url}b/"))
        with Client(NETWORK, urls=(guarded.url_as("me", "s3cret"),)) as client:
            assert client.get(f"{guarded.url_as('me', 's3cret')}b/").status == 200
            client.get(f"{other.url}b/")
        assert guarded.requests[0].headers["authorization"] == RIGHT
        assert [request.headers.get("authorization") for request in other.requests] == [None, None]


def test_the_same_port_under_another_name_is_another_host(guarded: Index, home: str) -> None:
    assert home
    with (
        Client(NETWORK, urls=(guarded.url_as("me", "s3cret"),)) as client,
        pytest.raises(AuthenticationError),
    ):
        client.get(f"{guarded.localhost_root}/simple/a/")
    assert "authorization" not in guarded.requests[-1].headers


def test_netrc(guarded: Index, home: str) -> None:
    with open(os.path.join(home, ".netrc"), "w", encoding="utf-8") as file:
        file.write("machine 127.0.0.1 login me password s3cret\n")
    os.chmod(file.name, stat.S_IRUSR | stat.S_IWUSR)
    with Client(NETWORK) as client:
        assert client.get(f"{guarded.url}a/").status == 200


def test_netrc_elsewhere(guarded: Index, home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = os.path.join(home, "mine")
    with open(path, "w", encoding="utf-8") as file:
        file.write("machine 127.0.0.1 login me password s3cret\n")
    monkeypatch.setenv("NETRC", path)
    with Client(NETWORK) as client:
        assert client.get(f"{guarded.url}a/").status == 200


def test_a_netrc_that_makes_no_sense_is_a_detail(guarded: Index, home: str) -> None:
    with open(os.path.join(home, ".netrc"), "w", encoding="utf-8") as file:
        file.write("machine 127.0.0.1 s3cret\n")
    heard = Heard()
    with Client(NETWORK, reporter=heard) as client, pytest.raises(AuthenticationError):
        client.get(f"{guarded.url}a/")
    assert ".netrc is not used" in heard.of(Detail)[0].text
    assert "s3cret" not in heard.words


def test_the_url_goes_before_netrc(guarded: Index, home: str) -> None:
    with open(os.path.join(home, ".netrc"), "w", encoding="utf-8") as file:
        file.write("machine 127.0.0.1 login me password wrong\n")
    os.chmod(file.name, stat.S_IRUSR | stat.S_IWUSR)
    with Client(NETWORK) as client:
        assert client.get(f"{guarded.url_as('me', 's3cret')}a/").status == 200


def test_keyring_is_asked_after_a_401_and_once(guarded: Index, home: str) -> None:
    log = keyring(home, "echo s3cret")
    url = guarded.url.replace("http://", "http://me@")
    with Client(NETWORK, urls=(url,)) as client:
        for _ in range(3):
            assert client.get(f"{url}a/").status == 200
        assert client.get(guarded.file_url("a-1.0-py3-none-any.whl")).status == 200
    with open(log, encoding="utf-8") as file:
        assert file.read() == f"get http://127.0.0.1:{guarded.port} me\n"
    assert [request.status for request in guarded.requests] == [401, 200, 200, 200, 200]


def test_keyring_is_not_asked_without_need(index: Index, home: str) -> None:
    log = keyring(home, "echo s3cret")
    index.add(pkg("a"))
    with Client(NETWORK) as client:
        client.get(f"{index.url.replace('http://', 'http://me@')}a/")
    assert not os.path.exists(log)


def test_keyring_knows_the_host_only(guarded: Index, home: str) -> None:
    keyring(home, 'test "$2" = 127.0.0.1 || exit 1', "echo s3cret")
    with Client(NETWORK) as client:
        assert client.get(f"{guarded.url.replace('http://', 'http://me@')}a/").status == 200


@pytest.mark.parametrize("line", ["exit 1", "echo wrong", "true"])
def test_keyring_does_not_help(guarded: Index, home: str, line: str) -> None:
    keyring(home, line)
    with Client(NETWORK) as client, pytest.raises(AuthenticationError):
        client.get(f"{guarded.url.replace('http://', 'http://me@')}a/")


def test_no_keyring(guarded: Index, home: str) -> None:
    assert home
    with Client(NETWORK) as client, pytest.raises(AuthenticationError):
        client.get(f"{guarded.url.replace('http://', 'http://me@')}a/")
