from __future__ import annotations

import gzip
import hashlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks.local_index import answer, running
from benchmarks.pages import JSON_TYPE, build_site
from tests.support.wheels import build_wheel, pkg

ACCEPT_JSON = {"accept": f"{JSON_TYPE}, text/html;q=0.1"}


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    for name in ("Some.Thing", "other"):
        build_wheel(pkg(name, "1.5"), str(tmp_path))
    return tmp_path


@pytest.fixture
def connection(wheels: Path) -> Iterator[http.client.HTTPConnection]:
    with running(str(wheels), past=2) as url:
        assert urlsplit(url).path == "/simple/"
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        yield connection
        connection.close()


def ask(
    connection: http.client.HTTPConnection, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    return response, response.read()


def test_a_page_lists_the_wheel_after_older_releases_with_hashes_and_sidecar(wheels: Path) -> None:
    content = build_site(str(wheels), past=2)["/simple/some-thing/"].plain
    page = json.loads(content.body)
    assert page["versions"] == ["0.0.1", "0.0.2", "1.5"]
    assert [file["filename"] for file in page["files"][:2]] == [
        "some_thing-0.0.1-py3-none-any.whl",
        "some_thing-0.0.1.tar.gz",
    ]
    (path,) = (path for path in wheels.glob("*.whl") if path.name == page["files"][-1]["filename"])
    assert page["files"][-1]["hashes"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert page["files"][-1]["size"] == path.stat().st_size
    sidecar = build_site(str(wheels), past=2)[f"/files/{path.name}.metadata"].plain.body
    assert page["files"][-1]["core-metadata"] == {"sha256": hashlib.sha256(sidecar).hexdigest()}
    assert b"Version: 1.5" in sidecar


def test_json_goes_to_whom_names_it_and_html_to_others(wheels: Path) -> None:
    site = build_site(str(wheels), past=0)
    assert b"application/vnd.pypi.simple.v1+json" in answer(site, "GET", "/simple/other/", ACCEPT_JSON).head
    html = answer(site, "GET", "/simple/other/", {"accept": "*/*"})
    assert b"text/html" in html.head
    assert html.content is not None
    assert b'data-core-metadata="sha256=' in html.content.body


def test_one_connection_answers_pages_ranges_and_what_is_not_there(
    connection: http.client.HTTPConnection, wheels: Path
) -> None:
    response, body = ask(connection, "/simple/other/", Accept=JSON_TYPE, Accept_Encoding="gzip")
    assert response.status == 200
    filename = json.loads(gzip.decompress(body))["files"][-1]["filename"]
    tag = response.headers["ETag"]
    assert (
        ask(connection, "/simple/other/", Accept=JSON_TYPE, Accept_Encoding="gzip", If_None_Match=tag)[0].status == 304
    )
    assert ask(connection, "/simple/missing/")[0].status == 404
    assert ask(connection, "/simple/other")[0].headers["Location"] == "/simple/other/"
    whole = (wheels / filename).read_bytes()
    assert ask(connection, f"/files/{filename}")[1] == whole
    for wanted, part in (("bytes=3-9", whole[3:10]), ("bytes=-5", whole[-5:]), ("bytes=10-", whole[10:])):
        response, body = ask(connection, f"/files/{filename}", Range=wanted)
        assert (response.status, body) == (206, part)
    assert response.headers["Content-Range"] == f"bytes 10-{len(whole) - 1}/{len(whole)}"
    assert ask(connection, f"/files/{filename}", Range="bytes=999999-")[0].status == 416
    assert ask(connection, f"/files/{filename}", Range="bytes=0-3", If_Range='"older"')[0].status == 200
    response, body = ask(connection, f"/files/{filename}", method="HEAD")
    assert (response.headers["Content-Length"], body) == (str(len(whole)), b"")
    assert ask(connection, "/simple/other/", method="DELETE")[0].status == 405
