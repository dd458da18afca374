from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from holdfast.errors import AuthenticationError, IntegrityError, NetworkError, TargetError, UsageError
from holdfast.events import Retrying
from holdfast.fetch.http import Client
from holdfast.fetch.pool import Cancelled, Pool
from holdfast.model.request import Network
from tests.support.hearing import Heard
from tests.support.index import (
    Body,
    Chunked,
    Closing,
    Delay,
    Drop,
    ForwardProxy,
    Gzipped,
    Index,
    Redirect,
    Status,
    WrongLength,
    refused,
    silent,
)
from tests.support.wheels import pkg

QUICK = Network(timeout=5.0, retries=2)
NO_RETRY = Network(timeout=5.0, retries=0)


def test_a_page_comes_whole(index: Index) -> None:
    index.add(pkg("a"))
    with Client(QUICK) as client:
        reply = client.get(f"{index.url}a/", headers={"Accept": "text/html"})
    assert reply.status == 200
    assert b"a-1.0-py3-none-any.whl" in reply.body
    assert reply.headers["content-type"] == "text/html"
    assert index.requests[0].headers["user-agent"].startswith("holdfast/")


def test_absent_is_an_answer(index: Index) -> None:
    with Client(QUICK) as client:
        assert client.get(f"{index.url}a/").status == 404
        index.on("/simple/gone/", Status(code=410))
        assert client.get(f"{index.url}gone/").status == 410
    assert len(index.requests) == 2


def test_connections_are_used_again(index: Index) -> None:
    index.add(pkg("a"))
    with Client(QUICK) as client:
        for _ in range(10):
            client.get(f"{index.url}a/")
    assert index.connections == 1


def test_no_more_connections_than_allowed(index: Index) -> None:
    index.add(pkg("a"))
    index.on("*", Delay(seconds=0.02))
    with Client(Network(concurrency=3)) as client, ThreadPoolExecutor(12) as threads:
        list(threads.map(lambda _: client.get(f"{index.url}a/"), range(24)))
    assert index.connections <= 3


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(index: Index, code: int) -> None:
    index.add(pkg("a"))
    index.on("*", Status(code=code), times=2)
    heard = Heard()
    with Client(QUICK, reporter=heard) as client:
        assert client.get(f"{index.url}a/").status == 200
    assert [event.attempt for event in heard.of(Retrying)] == [1, 2]
    assert str(code) in heard.of(Retrying)[0].reason


def test_what_does_not_pass_ends_with_the_host_named(index: Index) -> None:
    index.on("*", Status(code=500))
    with Client(QUICK) as client, pytest.raises(NetworkError, match=f"127.0.0.1:{index.port}.*500") as caught:
        client.get(f"{index.url}a/")
    assert not isinstance(caught.value, AuthenticationError)
    assert caught.value.exit_code == 4
    assert len(index.requests) == 3


def test_other_statuses_are_not_tried_again(index: Index) -> None:
    index.on("*", Status(code=418))
    with Client(QUICK) as client, pytest.raises(NetworkError, match="418"):
        client.get(f"{index.url}a/")
    assert len(index.requests) == 1


def test_retry_after_is_obeyed(index: Index) -> None:
    index.add(pkg("a"))
    index.on("*", Status(code=429, retry_after="1"), times=1)
    heard, began = Heard(), time.monotonic()
    with Client(QUICK, reporter=heard) as client:
        client.get(f"{index.url}a/")
    assert time.monotonic() - began >= 1.0
    assert heard.of(Retrying)[0].delay == 1.0


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("after", [-1, 0, 100])
def test_a_broken_connection_is_tried_again(index: Index, after: int, *, reset: bool) -> None:
    index.add(pkg("a"))
    index.on("*", Drop(after=after, reset=reset), times=1)
    with Client(QUICK) as client:
        assert b"a-1.0" in client.get(f"{index.url}a/").body
    assert len(index.requests) == 2


def test_a_body_shorter_than_said_is_broken(index: Index) -> None:
    index.add(pkg("a"))
    index.on("*", WrongLength(by=10))
    with Client(QUICK) as client, pytest.raises(NetworkError, match=r"127\.0\.0\.1"):
        client.get(f"{index.url}a/")
    assert len(index.requests) == 3


@pytest.mark.parametrize("behaviour", [Chunked(), Gzipped(), Closing(), Closing(announced=False)])
def test_every_way_to_send_a_body(index: Index, behaviour: Chunked | Gzipped | Closing) -> None:
    index.add(pkg("a"))
    index.on("*", behaviour)
    with Client(QUICK) as client:
        for _ in range(3):
            assert b"a-1.0" in client.get(f"{index.url}a/").body


def test_nobody_there() -> None:
    with refused() as url, Client(NO_RETRY) as client, pytest.raises(NetworkError, match="refused") as caught:
        client.get(url)
    assert "127.0.0.1:" in caught.value.cause
    assert caught.value.hint is not None


def test_nobody_says_a_word() -> None:
    heard = Heard()
    with (
        silent() as url,
        Client(Network(timeout=0.2, retries=1), reporter=heard) as client,
        pytest.raises(NetworkError, match=r"did not answer within 0\.2 seconds"),
    ):
        client.get(url)
    assert len(heard.of(Retrying)) == 1


def test_a_name_that_does_not_exist() -> None:
    with Client(NO_RETRY) as client, pytest.raises(NetworkError, match=r"no-such-host\.invalid") as caught:
        client.get("https://no-such-host.invalid/simple/")
    assert "resolve" in caught.value.cause or "failed" in caught.value.cause


@pytest.mark.parametrize("code", [401, 403])
def test_unauthorised_is_an_error_of_its_own(index: Index, code: int) -> None:
    index.on("*", Status(code=code))
    url = index.url_as("me", "secret")
    with Client(QUICK, urls=(url,)) as client, pytest.raises(AuthenticationError, match=str(code)) as caught:
        client.get(url)
    error = caught.value
    assert f"127.0.0.1:{index.port}" in error.cause
    assert "netrc" in (error.hint or "")
    assert "secret" not in f"{error.cause}{error.hint}{error.details}"
    assert len(index.requests) == 1


def test_redirects_are_followed_to_the_end(index: Index) -> None:
    index.add(pkg("a"))
    index.on("/old/*", Redirect(to="/simple/a/"))
    with Client(QUICK) as client:
        reply = client.get(f"{index.root}/old/a/")
    assert reply.url == f"{index.url}a/"


def test_redirects_in_a_circle_end(index: Index) -> None:
    index.on("*", Redirect(to="{path}"))
    with Client(QUICK) as client, pytest.raises(NetworkError, match="more than 10 times"):
        client.get(f"{index.url}a/")


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("file:///etc/passwd", "file of this machine"),
        ("ftp://127.0.0.1/", "cannot be used"),
        ("http://index.example/", "without encryption"),
    ],
)
def test_redirects_to_where_nothing_is_fetched_from(index: Index, to: str, why: str) -> None:
    index.on("*", Redirect(to=to))
    with Client(QUICK) as client, pytest.raises(NetworkError, match=why):
        client.get(f"{index.url}a/")


def test_plain_http_is_for_this_machine_and_trusted_hosts() -> None:
    with Client(NO_RETRY) as client, pytest.raises(NetworkError, match="without encryption") as caught:
        client.get("http://no-such-host.invalid/")
    assert "--trusted-host no-such-host.invalid" in (caught.value.hint or "")
    trusting = Network(retries=0, trusted_hosts=("no-such-host.invalid",))
    with Client(trusting) as client, pytest.raises(NetworkError) as caught:
        client.get("http://no-such-host.invalid/")
    assert "without encryption" not in caught.value.cause


def test_offline_asks_nobody(index: Index) -> None:
    with Client(Network(offline=True)) as client, pytest.raises(NetworkError, match="--offline"):
        client.get(index.url)
    assert not index.requests


def test_a_body_without_end_is_not_read_on(index: Index) -> None:
    index.on("*", Body(content=b"x" * 5000))
    with Client(QUICK) as client, pytest.raises(IntegrityError, match="longer than 1000 bytes"):
        client.get(index.url, limit=1000)


@pytest.mark.parametrize("url", ["https://host:port/", "gopher://host/"])
def test_what_is_no_url_is_a_mistake_of_the_user(url: str) -> None:
    with Client(QUICK) as client, pytest.raises(UsageError):
        client.get(url)


def test_files_are_read_through_the_same_door(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "a b.html")
    with open(path, "w", encoding="utf-8") as file:
        file.write("hello")
    with Client(Network(offline=True)) as client:
        assert client.get(f"file://{path.replace(' ', '%20')}").body == b"hello"
        assert client.get(f"file://{path}.not").status == 404
        with pytest.raises(UsageError, match="names a host"):
            client.get("file://server/share/x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "a.html")
    with open(path, "w", encoding="utf-8") as file:
        file.write("hello")
    os.chmod(path, 0)
    with Client(QUICK) as client, pytest.raises(TargetError, match="Permission denied"):
        client.get(f"file://{path}")


def test_breaking_off_ends_what_is_under_way_and_the_client_lives(index: Index) -> None:
    index.add(pkg("a"))
    index.on("/slow/*", Delay(seconds=30))
    index.on("/busy/*", Status(code=503, retry_after="30"))
    pool = Pool(8, "test")
    with Client(QUICK) as client:
        tasks = [pool.submit(partial(client.get, f"{index.root}/{part}/")) for part in ("slow", "busy") * 3]
        while len(index.requests) < 6:
            time.sleep(0.01)
        time.sleep(0.05)
        began = time.monotonic()
        client.break_off()
        assert pool.close()
        assert time.monotonic() - began < 2
        for task in tasks:
            with pytest.raises(Cancelled):
                task.result()
        assert client.get(f"{index.url}a/").status == 200


def test_leaving_with_an_error_ends_what_is_under_way(index: Index) -> None:
    index.on("*", Delay(seconds=30))
    pool = Pool(1, "test")
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Client(QUICK) as client:
        task = pool.submit(lambda: client.get(index.url))
        while not index.requests:
            time.sleep(0.01)
        raise KeyboardInterrupt
    with pytest.raises(Cancelled):
        task.result()
    assert pool.close()
    assert time.monotonic() - began < 5


def test_a_request_that_outlives_its_client_ends_without_a_word(index: Index) -> None:
    index.on("/slow/*", Delay(seconds=30))
    heard, pool = Heard(), Pool(4, "test")
    client = Client(QUICK, reporter=heard)
    tasks = [pool.submit(partial(client.get, f"{index.root}/slow/{number}")) for number in range(4)]
    while len(index.requests) < 4:
        time.sleep(0.01)
    client.close()
    for task in tasks:
        with pytest.raises(Cancelled):
            task.result()
    with pytest.raises(Cancelled):
        client.get(f"{index.root}/busy/")
    assert pool.close()
    assert not heard.events


def test_a_proxy_is_used_and_bypassed(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    index.add(pkg("a"))
    url = f"{index.url}a/"
    with ForwardProxy() as proxy:
        with Client(Network(proxy=proxy.url)) as client:
            assert client.get(url).status == 200
        assert [request.target for request in proxy.requests] == [url]
        monkeypatch.setenv("http_proxy", proxy.url.removeprefix("http://"))
        with Client(QUICK) as client:
            client.get(url)
        assert len(proxy.requests) == 2
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with Client(QUICK) as client:
            client.get(url)
        assert len(proxy.requests) == 2


def test_a_proxy_that_wants_a_login(index: Index) -> None:
    index.add(pkg("a"))
    with ForwardProxy(auth=("me", "secret")) as proxy:
        with Client(Network(proxy=proxy.url)) as client, pytest.raises(AuthenticationError, match="407") as caught:
            client.get(index.url)
        assert proxy.url in caught.value.cause
        right = proxy.url.replace("http://", "http://me:secret@")
        with Client(Network(proxy=right)) as client:
            assert client.get(f"{index.url}a/").status == 200
        wrong = proxy.url.replace("http://", "http://me:sesame@")
        with Client(Network(proxy=wrong)) as client, pytest.raises(AuthenticationError) as caught:
            client.get(index.url)
        assert "sesame" not in caught.value.cause


def test_a_proxy_that_cannot_be_used() -> None:
    with Client(Network(proxy="gopher://u:secret@proxy")) as client, pytest.raises(UsageError, match="proxy") as caught:
        client.get("https://host.invalid/")
    assert "secret" not in caught.value.cause


def test_no_thread_is_left(index: Index) -> None:
    before = {thread for thread in threading.enumerate() if thread.name.startswith("holdfast")}
    with Client(QUICK) as client:
        client.get(index.url)
    assert {thread for thread in threading.enumerate() if thread.name.startswith("holdfast")} == before
