from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.index import (
    Authenticated,
    Body,
    Chunked,
    Closing,
    Delay,
    Drop,
    Formats,
    ForwardProxy,
    Gzipped,
    IgnoreRange,
    Index,
    Redirect,
    Sidecar,
    SidecarDigest,
    SidecarWords,
    Status,
    Throttle,
    Typed,
    WrongBytes,
    WrongLength,
    WrongRange,
    refused,
    silent,
)
from tests.support.sdists import SdistSpec
from tests.support.wheels import metadata_bytes, pkg, wheel_bytes

APPLE = pkg("apple", requires=("pear",), requires_python=">=3.8")
WHEEL = wheel_bytes(APPLE)
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=5) as session:
        yield session


@pytest.fixture
def wheel(index: Index) -> str:
    """The address of a wheel on the index."""
    index.add(APPLE)
    return index.file_url(APPLE.filename)


# -- pages


def test_json_says_everything(index: Index, client: httpx.Client) -> None:
    index.add(APPLE, yanked="broken", upload_time="2024-05-06T07:08:09Z")
    index.project("apple").status = "archived"

    page = client.get(f"{index.url}apple/", headers=JSON).raise_for_status().json()

    (file,) = page["files"]
    sidecar = {"sha256": hashlib.sha256(metadata_bytes(APPLE)).hexdigest()}
    assert page["project-status"] == {"status": "archived"}
    assert page["meta"]["api-version"] == "1.4"
    assert page["versions"] == ["1.0"]
    assert file == {
        "filename": APPLE.filename,
        "url": f"../../files/{APPLE.filename}",
        "hashes": {"sha256": hashlib.sha256(WHEEL).hexdigest()},
        "requires-python": ">=3.8",
        "yanked": "broken",
        "size": len(WHEEL),
        "upload-time": "2024-05-06T07:08:09Z",
        "core-metadata": sidecar,
        "dist-info-metadata": sidecar,
    }


def test_html_says_the_same(index: Index, client: httpx.Client) -> None:
    index.add(APPLE, yanked="broken & gone")

    reply = client.get(f"{index.url}apple/", headers={"Accept": "text/html"})

    assert reply.headers["content-type"] == "text/html"
    assert 'data-requires-python="&gt;=3.8"' in reply.text
    assert 'data-yanked="broken &amp; gone"' in reply.text
    assert f"#sha256={hashlib.sha256(WHEEL).hexdigest()}" in reply.text
    assert 'data-core-metadata="sha256=' in reply.text


def test_options_leave_things_unsaid(client: httpx.Client) -> None:
    words = SidecarWords.LEGACY
    with Index(hashes=(), sizes=False, api_version=None, sidecar_words=words) as index:
        index.add(APPLE, requires_python=False, sidecar=Sidecar(digest=SidecarDigest.UNSAID))
        page = client.get(f"{index.url}apple/", headers=JSON).json()

    assert page["meta"] == {}
    assert page["files"] == [
        {
            "filename": APPLE.filename,
            "url": f"../../files/{APPLE.filename}",
            "hashes": {},
            "dist-info-metadata": True,
        }
    ]


@pytest.mark.parametrize(
    ("formats", "accept", "answered"),
    [
        (Formats.BOTH, "application/vnd.pypi.simple.v1+json, text/html;q=0.1", "json"),
        (Formats.BOTH, "application/vnd.pypi.simple.latest+json", "json"),
        (Formats.BOTH, "application/vnd.pypi.simple.v1+json;q=0.2, text/html", "html"),
        (Formats.BOTH, "*/*", "html"),
        (Formats.HTML, "application/vnd.pypi.simple.v1+json, text/html;q=0.1", "html"),
        (Formats.HTML, "application/vnd.pypi.simple.v1+json", None),
        (Formats.JSON, "text/html", None),
        (Formats.JSON, "*/*", "json"),
    ],
)
def test_formats_are_negotiated(client: httpx.Client, formats: Formats, accept: str, answered: str | None) -> None:
    with Index(formats=formats) as index:
        index.add(APPLE)
        reply = client.get(f"{index.url}apple/", headers={"Accept": accept})

    assert reply.status_code == (406 if answered is None else 200)
    assert answered is None or answered in reply.headers["content-type"]


def test_links_are_where_the_files_are(index: Index, client: httpx.Client) -> None:
    with Index() as other:
        index.add(pkg("pear"), host=other)
        page = client.get(f"{index.url}pear/", headers=JSON).json()
        address = page["files"][0]["url"]

        assert address.startswith(other.root)
        assert client.get(address).content == wheel_bytes(pkg("pear"))
        assert client.get(index.file_url(pkg("pear").filename)).status_code == 404


def test_a_file_may_be_yanked_or_taken_off_later(index: Index, client: httpx.Client, wheel: str) -> None:
    index.yank(APPLE.filename, "broken")
    assert client.get(f"{index.url}apple/", headers=JSON).json()["files"][0]["yanked"] == "broken"

    index.remove("apple")
    assert client.get(f"{index.url}apple/").status_code == 404
    assert client.get(wheel).content == WHEEL


def test_the_flat_page_lists_every_file(index: Index, client: httpx.Client) -> None:
    index.add(APPLE, SdistSpec(name="quince", version="1"))

    page = client.get(index.links_url).text

    assert APPLE.filename in page
    assert "../files/quince-1.tar.gz#sha256=" in page


def test_unnormalised_names_and_missing_slashes_are_redirected(index: Index, client: httpx.Client) -> None:
    index.add(pkg("Big.Apple"))

    for path in ("Big.Apple/", "big-apple", "Big_Apple"):
        reply = client.get(index.url + path, follow_redirects=True)
        assert (reply.status_code, reply.url.path) == (200, "/simple/big-apple/")
    assert client.get(f"{index.url}nothing/").status_code == 404


# -- sidecars


def test_a_sidecar_is_the_metadata(client: httpx.Client, wheel: str) -> None:
    assert client.get(f"{wheel}.metadata").content == metadata_bytes(APPLE)


@pytest.mark.parametrize(
    ("sidecar", "status", "digest_right"),
    [
        (Sidecar(content=b"Name: liar\n"), 200, True),
        (Sidecar(digest=SidecarDigest.WRONG), 200, False),
        (Sidecar(served=False), 404, False),
    ],
)
def test_a_sidecar_may_lie(
    index: Index, client: httpx.Client, sidecar: Sidecar, status: int, *, digest_right: bool
) -> None:
    index.add(APPLE, sidecar=sidecar)

    said = client.get(f"{index.url}apple/", headers=JSON).json()["files"][0]["core-metadata"]["sha256"]
    reply = client.get(f"{index.file_url(APPLE.filename)}.metadata")

    assert reply.status_code == status
    assert (said == hashlib.sha256(reply.content).hexdigest()) is digest_right


def test_without_sidecars_none_is_announced_nor_there(client: httpx.Client) -> None:
    with Index(sidecars=False) as index:
        index.add(APPLE)
        assert "core-metadata" not in client.get(f"{index.url}apple/").text
        assert client.get(f"{index.file_url(APPLE.filename)}.metadata").status_code == 404


# -- ranges and validators


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, len(WHEEL)),
        ("bytes=-7", len(WHEEL) - 7, len(WHEEL)),
        (f"bytes=5-{len(WHEEL) * 2}", 5, len(WHEEL)),
        (f"bytes=-{len(WHEEL) * 2}", 0, len(WHEEL)),
    ],
)
def test_a_range_is_answered_with_that_part(
    client: httpx.Client, wheel: str, asked: str, start: int, stop: int
) -> None:
    reply = client.get(wheel, headers={"Range": asked})

    assert reply.status_code == 206
    assert reply.content == WHEEL[start:stop]
    assert reply.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(WHEEL)}"


def test_a_range_beyond_the_end_is_416(client: httpx.Client, wheel: str) -> None:
    reply = client.get(wheel, headers={"Range": f"bytes={len(WHEEL)}-"})

    assert (reply.status_code, reply.headers["content-range"]) == (416, f"bytes */{len(WHEEL)}")


def test_if_range_of_another_file_gives_all_of_this(client: httpx.Client, wheel: str) -> None:
    etag = client.head(wheel).headers["etag"]

    assert client.get(wheel, headers={"Range": "bytes=0-1", "If-Range": etag}).status_code == 206
    assert client.get(wheel, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).status_code == 200


def test_ranges_may_be_off_ignored_or_wrong(client: httpx.Client, index: Index, wheel: str) -> None:
    part = {"Range": "bytes=-8"}
    index.on("/files/*", IgnoreRange(), times=1)
    index.on("/files/*", WrongRange(shift=2), skip=1, times=1)

    assert client.get(wheel, headers=part).content == WHEEL
    assert client.get(wheel, headers=part).content != WHEEL[-8:]
    assert client.get(wheel, headers=part).content == WHEEL[-8:]
    with Index(ranges=False) as other:
        other.add(APPLE)
        reply = client.get(other.file_url(APPLE.filename), headers=part)
        assert (reply.status_code, reply.content) == (200, WHEEL)
        assert "accept-ranges" not in reply.headers


def test_head_says_the_length_without_a_body(client: httpx.Client, wheel: str) -> None:
    reply = client.head(wheel)

    assert (reply.headers["content-length"], reply.headers["accept-ranges"]) == (str(len(WHEEL)), "bytes")
    assert reply.content == b""


def test_validators_give_304(client: httpx.Client) -> None:
    with Index(last_modified=True, max_age=0) as index:
        index.add(APPLE)
        page = client.get(f"{index.url}apple/")
        etag = client.get(f"{index.url}apple/", headers={"If-None-Match": page.headers["etag"]})
        dated = client.get(f"{index.url}apple/", headers={"If-Modified-Since": page.headers["last-modified"]})
        index.add(pkg("apple", "2.0"))
        changed = client.get(f"{index.url}apple/", headers={"If-None-Match": page.headers["etag"]})

    assert [etag.status_code, dated.status_code, changed.status_code] == [304, 304, 200]
    assert page.headers["cache-control"] == "max-age=0, public"


# -- connections and the log


def test_one_client_needs_one_connection(index: Index, client: httpx.Client, wheel: str) -> None:
    client.get(wheel)
    client.get(f"{index.url}apple/", headers={"X-Mark": "yes"})

    assert index.connections == 1
    assert [(each.method, each.path, each.status) for each in index.requests] == [
        ("GET", f"/files/{APPLE.filename}", 200),
        ("GET", "/simple/apple/", 200),
    ]
    assert index.requests[0].body_sent == len(WHEEL)
    assert index.asked("/simple/*")[0].headers["x-mark"] == "yes"
    index.forget()
    assert index.requests == ()


def test_a_closed_index_refuses_and_comes_back(index: Index, client: httpx.Client, wheel: str) -> None:
    client.get(wheel)
    index.close()
    with pytest.raises(httpx.ConnectError):
        client.get(wheel)
    index.reopen()
    assert client.get(wheel).content == WHEEL


def test_addresses_that_nobody_answers_at(client: httpx.Client) -> None:
    with refused() as url, pytest.raises(httpx.ConnectError):
        client.get(url)
    with silent() as url, pytest.raises(httpx.ReadTimeout):
        client.get(url, timeout=0.1)


def test_many_clients_at_once_are_all_served_and_logged(index: Index, wheel: str) -> None:
    def ask(_: int) -> bytes:
        return httpx.get(wheel, trust_env=False).content

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(64))) == {WHEEL}
    assert len(index.requests) == index.connections == 64


# -- behaviours


def test_a_behaviour_holds_for_its_paths_and_times(index: Index, client: httpx.Client, wheel: str) -> None:
    index.on("/files/apple*", Status(code=503, retry_after="7"), times=2, skip=1)

    assert [client.get(wheel).status_code for _ in range(4)] == [200, 503, 503, 200]
    assert client.get(f"{index.url}apple/").status_code == 200


def test_a_status_carries_what_it_needs(index: Index, client: httpx.Client, wheel: str) -> None:
    index.on("/files/*", Status(code=429, retry_after="7"), times=1)
    index.on("/files/*", Status(code=401), skip=1)

    assert client.get(wheel).headers["retry-after"] == "7"
    assert client.get(wheel).headers["www-authenticate"].startswith("Basic")


def test_wrong_bytes_have_the_right_length(index: Index, client: httpx.Client, wheel: str) -> None:
    index.on("/files/*", WrongBytes())

    reply = client.get(wheel)

    assert len(reply.content) == len(WHEEL)
    assert reply.content != WHEEL


@pytest.mark.parametrize("reset", [False, True])
def test_a_dropped_connection_gave_so_many_bytes(
    index: Index, client: httpx.Client, wheel: str, *, reset: bool
) -> None:
    index.on("/files/*", Drop(after=100, reset=reset), times=1)

    with pytest.raises(httpx.TransportError):
        client.get(wheel)
    assert index.requests[0].body_sent == 100
    assert client.get(wheel).content == WHEEL


def test_a_connection_may_end_without_a_word(index: Index, client: httpx.Client, wheel: str) -> None:
    index.on("/files/*", Drop())

    with pytest.raises(httpx.RemoteProtocolError):
        client.get(wheel)
    assert index.requests[0].status == 0


def test_the_length_may_lie_both_ways(index: Index, client: httpx.Client, wheel: str) -> None:
    index.on("/files/*", WrongLength(by=10), times=1)
    index.on("/files/*", WrongLength(by=-10), skip=1)

    with pytest.raises(httpx.RemoteProtocolError):
        client.get(wheel)
    assert client.get(wheel).content == WHEEL[:-10]


def test_slow_is_slow(index: Index, client: httpx.Client, wheel: str) -> None:
    index.on("/files/*", Throttle(bytes_per_second=len(WHEEL) * 5), times=1)
    index.on("/files/*", Delay(seconds=0.2), skip=1)

    for _ in range(2):
        began = time.monotonic()
        assert client.get(wheel).content == WHEEL
        assert 0.15 < time.monotonic() - began < 3


def test_closing_does_not_wait_for_the_slow(client: httpx.Client) -> None:
    with Index() as index:
        index.add(APPLE)
        index.on("/files/*", Delay(seconds=60))
        with pytest.raises(httpx.ReadTimeout):
            client.get(index.file_url(APPLE.filename), timeout=0.1)
        began = time.monotonic()
    assert time.monotonic() - began < 2


def test_a_redirect_leads_to_another_host(index: Index, client: httpx.Client) -> None:
    with Index() as other:
        other.add(APPLE)
        index.on("/*", Redirect(to=f"{other.localhost_root}{{path}}"))

        reply = client.get(index.file_url(APPLE.filename), follow_redirects=True)

    assert (reply.content, reply.url.host) == (WHEEL, "localhost")


def test_bodies_types_and_chunks(index: Index, client: httpx.Client, wheel: str) -> None:
    index.on("/simple/*", Body(content=b"<a href=", media_type="text/html"))
    index.on("/files/*", Typed(media_type=None), times=1)
    index.on("/files/*", Chunked(), skip=1)

    assert client.get(f"{index.url}apple/").content == b"<a href="
    assert "content-type" not in client.get(wheel).headers
    chunked = client.get(wheel)
    assert (chunked.content, "content-length" in chunked.headers) == (WHEEL, False)


def test_pages_may_be_compressed(index: Index, client: httpx.Client, wheel: str) -> None:
    plain = client.get(f"{index.url}apple/").text
    index.on("/simple/*", Gzipped())

    coded = client.get(f"{index.url}apple/")

    assert (coded.text, coded.headers["content-encoding"]) == (plain, "gzip")
    asked = client.get(f"{index.url}apple/", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in asked.headers
    assert client.get(wheel).content == WHEEL


@pytest.mark.parametrize("announced", [True, False])
def test_connections_may_end_after_each_reply(
    index: Index, client: httpx.Client, wheel: str, *, announced: bool
) -> None:
    index.on("/files/*", Closing(announced=announced))

    replies = []
    for _ in range(2):
        replies.append(client.get(wheel))
        time.sleep(0.05)  # the end has to arrive: httpx looks before it sends

    assert [reply.headers.get("connection") for reply in replies] == ["close" if announced else None] * 2
    assert index.connections == 2


def test_authentication_is_asked_for_everywhere_or_somewhere(client: httpx.Client) -> None:
    with Index(auth=("user", "p@ss")) as index:
        index.add(APPLE)
        assert client.get(f"{index.url}apple/").status_code == 401
        assert client.get(f"{index.url}apple/", auth=("user", "wrong")).status_code == 401
        assert client.get(f"{index.url_as('user', 'p@ss')}apple/").status_code == 200
        index.behave_well()
        index.on("/files/*", Authenticated(user="u", password="p"))
        assert client.get(f"{index.url}apple/").status_code == 200
        assert client.get(index.file_url(APPLE.filename)).status_code == 401


def test_a_proxy_passes_on_and_counts(index: Index, wheel: str) -> None:
    with ForwardProxy(auth=("u", "p")) as proxy:
        with httpx.Client(proxy=proxy.url, trust_env=False) as client:
            assert client.get(wheel).status_code == 407
        address = proxy.url.replace("//", "//u:p@")
        with httpx.Client(proxy=address, trust_env=False) as client:
            assert client.get(wheel, headers={"Range": "bytes=-5"}).content == WHEEL[-5:]
            assert client.get(wheel).content == WHEEL
        assert [each.target for each in proxy.requests] == [wheel] * 3
    assert len(index.requests) == 2
