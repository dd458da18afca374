"""HTML and JSON pages as values."""

from __future__ import annotations

import json
import time

import pytest

from holdfast.errors import IntegrityError
from holdfast.index.filenames import is_distribution, project_of, version_of
from holdfast.index.page import Page, decode, encode
from holdfast.index.simple_html import parse_html, parse_links
from holdfast.index.simple_json import parse_json
from holdfast.model.filenames import filename_of
from holdfast.model.hashes import Hash
from holdfast.model.release import ProjectStatus, ReleaseFile

URL = "https://index.test/simple/a/"
SHA = "0123456789abcdef" * 4
HASH = Hash(algorithm="sha256", digest=SHA)


def html(text: str) -> Page:
    return parse_html(text, url=URL, origin="i")


def one(attributes: str, text: str = "a") -> ReleaseFile:
    (file,) = html(f"<a {attributes}>{text}</a>").files
    return file


def of_json(**page: object) -> Page:
    return parse_json(json.dumps(page).encode(), url=URL, origin="i")


def test_a_link_with_everything() -> None:
    file = one(
        f'href="../../files/a-1.0-py3-none-any.whl#sha256={SHA}" data-requires-python="&gt;=3.8,&lt;4" '
        f'data-yanked="broken &amp; bad" data-dist-info-metadata="sha256=00ff" data-core-metadata="sha256={SHA}" '
        'data-upload-time="2024-01-01T00:00:00Z" rel="internal"'
    )
    assert file == ReleaseFile(
        filename="a-1.0-py3-none-any.whl",
        url="https://index.test/files/a-1.0-py3-none-any.whl",
        hashes=(HASH,),
        requires_python=">=3.8,<4",
        yanked="broken & bad",
        upload_time="2024-01-01T00:00:00Z",
        sidecar=(HASH,),
        origin="i",
    )


@pytest.mark.parametrize(
    ("attributes", "url"),
    [
        ("href=a-1.tar.gz", f"{URL}a-1.tar.gz"),
        ("href='a-1.tar.gz'", f"{URL}a-1.tar.gz"),
        ('HREF = "a-1.tar.gz"', f"{URL}a-1.tar.gz"),
        ('data-x=">" href="a-1.tar.gz"', f"{URL}a-1.tar.gz"),
        ('\n\thref="a-1.tar.gz"\n', f"{URL}a-1.tar.gz"),
        ('href="/x/a-1.tar.gz"', "https://index.test/x/a-1.tar.gz"),
        ('href="//cdn.test/a-1.tar.gz"', "https://cdn.test/a-1.tar.gz"),
        ('href="http://cdn.test/a-1.tar.gz?t=1&amp;u=2"', "http://cdn.test/a-1.tar.gz?t=1&u=2"),
        ('href=" a-1.tar.gz "', f"{URL}a-1.tar.gz"),
        ('href="a-1.tar.gz" href="b-1.tar.gz"', f"{URL}a-1.tar.gz"),
    ],
)
def test_ways_to_write_a_link(attributes: str, url: str) -> None:
    assert one(attributes).url == url


def test_the_file_name_comes_from_the_url_decoded() -> None:
    file = one('href="a-1.0%2Bcpu-py3-none-any.whl"', "something else")
    assert file.filename == "a-1.0+cpu-py3-none-any.whl"


@pytest.mark.parametrize(
    ("attributes", "sidecar"),
    [
        ("", None),
        ('data-core-metadata="true"', ()),
        ("data-core-metadata", ()),
        ('data-core-metadata="false" data-dist-info-metadata="true"', None),
        ('data-dist-info-metadata="true"', ()),
        (f'data-dist-info-metadata="sha256={SHA}"', (HASH,)),
    ],
)
def test_sidecars(attributes: str, sidecar: tuple[Hash, ...] | None) -> None:
    assert one(f'href="a-1-py3-none-any.whl" {attributes}').sidecar == sidecar


def test_yanked_without_a_reason_is_yanked() -> None:
    assert one('href="a-1.tar.gz" data-yanked').yanked == ""
    assert one('href="a-1.tar.gz" data-yanked=""').yanked == ""
    assert one('href="a-1.tar.gz"').yanked is None


def test_base() -> None:
    page = html('<head><base href="https://cdn.test/pool/"></head><a href="a-1.tar.gz">a</a>')
    assert page.files[0].url == "https://cdn.test/pool/a-1.tar.gz"


def test_comments_are_no_links() -> None:
    page = html('<!-- <a href="a-1.tar.gz">a</a> --><a href="a-2.tar.gz">a</a><!-- <a href="a-3.tar.gz">')
    assert [file.filename for file in page.files] == ["a-2.tar.gz"]


def test_links_to_other_things_are_passed_over() -> None:
    page = html(
        '<a href="../">Parent</a><a href="?C=N;O=D">Name</a><a name="x">x</a><a href="http://[bad/a-1.tar.gz">x</a>'
        '<a href="a-1.tar.gz">a</a><a href="a-1.tar.gz.asc">sig</a>'
    )
    assert [file.filename for file in page.files] == ["a-1.tar.gz"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain words",
        "<html><body><h1>502 Bad Gateway</h1></body></html>",
        '<html><form action="/login"><input type="password"></form></html>',
        '<html><title>Sign in</title><body><a href="/help">Help</a></body></html>',
        '{"meta": {"api-version": "1.0"}, "files": []}',
    ],
)
def test_what_is_no_index_page(text: str) -> None:
    with pytest.raises(IntegrityError, match="not an index page") as caught:
        html(text)
    assert URL in caught.value.cause


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE html><html><body></body></html>",
        '<html><head><meta name="pypi:repository-version" content="1.0"></head><body>nothing</body></html>',
        "<html><title>Links for a</title><body><h1>Links for a</h1></body></html>",
        "<html><title>x</title><body></body></html>",
    ],
)
def test_a_project_without_files(text: str) -> None:
    assert html(text) == Page()


def test_a_higher_major_is_refused() -> None:
    with pytest.raises(IntegrityError, match=r"version 2\.0"):
        html('<meta name="pypi:repository-version" content="2.0"><a href="a-1.tar.gz">a</a>')
    assert html('<meta name="pypi:repository-version" content="1.99"><a href="a-1.tar.gz">a</a>').files
    with pytest.raises(IntegrityError, match="not an index page"):
        html('<meta name="pypi:repository-version" content="one"><a href="a-1.tar.gz">a</a>')
    with pytest.raises(IntegrityError, match=r"version 2\.1"):
        of_json(meta={"api-version": "2.1"}, files=[])


def test_a_server_cannot_point_at_files_of_this_machine() -> None:
    for url in ("file:///etc/a-1.tar.gz", "ftp://host/a-1.tar.gz", "data:,a-1.tar.gz"):
        assert not html(f'<a href="{url}">a</a><a href="a-2.tar.gz">a</a>').files[1:]
        assert not of_json(files=[{"filename": "a-1.tar.gz", "url": url, "hashes": {}}]).files
    base = '<base href="file:///etc/"><a href="a-1.tar.gz">a</a>'
    assert not parse_links(base, url=URL, origin="i")
    assert parse_links(base, url="file:///srv/index.html", origin="i")


def test_project_status() -> None:
    meta = '<meta name="pypi:project-status" content="{}"><a href="a-1.tar.gz">a</a>'
    assert html(meta.format("quarantined")).status is ProjectStatus.QUARANTINED
    assert html(meta.format("sleepy")).status is ProjectStatus.ACTIVE
    assert of_json(files=[], **{"project-status": {"status": "archived"}}).status is ProjectStatus.ARCHIVED
    assert of_json(files=[], **{"project-status": None}).status is ProjectStatus.ACTIVE


def test_find_links_pages_may_have_nothing() -> None:
    assert parse_links("<form>", url=URL, origin="i") == ()
    (file,) = parse_links('<a href="b-1.tar.gz">', url="file:///srv/x/index.html", origin="i")
    assert file.url == "file:///srv/x/b-1.tar.gz"


def test_a_json_file_with_everything() -> None:
    entry = {
        "filename": "a-1.0-py3-none-any.whl",
        "url": "../../files/a-1.0-py3-none-any.whl#x",
        "hashes": {"sha256": SHA.upper()},
        "requires-python": ">=3.8",
        "yanked": "bad",
        "size": 3,
        "upload-time": "2024-01-01T00:00:00Z",
        "dist-info-metadata": False,
        "core-metadata": {"sha256": SHA},
        "gpg-sig": False,
        "something-new": [1],
    }
    page = of_json(meta={"api-version": "1.4"}, name="a", files=[entry], versions=["1.0"])
    assert page.files == (
        ReleaseFile(
            filename="a-1.0-py3-none-any.whl",
            url="https://index.test/files/a-1.0-py3-none-any.whl",
            hashes=(HASH,),
            requires_python=">=3.8",
            yanked="bad",
            size=3,
            upload_time="2024-01-01T00:00:00Z",
            sidecar=(HASH,),
            origin="i",
        ),
    )


@pytest.mark.parametrize(
    ("key", "value", "field", "seen"),
    [
        ("yanked", True, "yanked", ""),
        ("yanked", False, "yanked", None),
        ("yanked", None, "yanked", None),
        ("core-metadata", True, "sidecar", ()),
        ("core-metadata", False, "sidecar", None),
        ("dist-info-metadata", {"sha256": SHA}, "sidecar", (HASH,)),
        ("requires-python", None, "requires_python", None),
        ("requires-python", "", "requires_python", None),
        ("size", None, "size", None),
        ("size", -1, "size", None),
        ("size", True, "size", None),
    ],
)
def test_json_values(key: str, value: object, field: str, seen: object) -> None:
    (file,) = of_json(files=[{"filename": "a-1.tar.gz", "url": "a-1.tar.gz", "hashes": {}, key: value}]).files
    assert getattr(file, field) == seen


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "the page is not an object"),
        (b"{}", "files is not a list"),
        (b'{"meta": 1, "files": []}', "meta is not an object"),
        (b'{"meta": {"api-version": "x"}, "files": []}', "api-version"),
        (b'{"files": [1]}', r"files\[0\] is not an object"),
        (b'{"files": [{"filename": "a"}]}', r"files\[0\] has no filename or url"),
        (b'{"files": [{"filename": "a", "url": "http://[x", "hashes": {}}]}', "malformed"),
        (b'{"files": [{"filename": "a", "url": "u", "hashes": {"sha256": "xyz"}}]}', "is not a hash"),
        (b'{"files": [{"filename": "a", "url": "u", "hashes": []}]}', "hashes is not an object"),
    ],
)
def test_what_is_no_json_page_names_the_fault(data: bytes, where: str) -> None:
    with pytest.raises(IntegrityError, match=where) as caught:
        parse_json(data, url=URL, origin="i")
    assert URL in caught.value.cause


def test_pages_survive_the_cache() -> None:
    page = Page(
        files=(
            ReleaseFile(filename="a-1.tar.gz", url="u", origin="i"),
            ReleaseFile(
                filename="ä", url="u", hashes=(HASH,), requires_python="x", yanked="", size=0, sidecar=(), origin="i"
            ),
        ),
        status=ProjectStatus.DEPRECATED,
    )
    assert decode(encode(page), "i") == page


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"[1,2]",
        b'["active",[[]]]',
        b'["x",[]]',
        b'["active",[["a","u",[1],null,null,null,null,null]]]',
    ],
)
def test_a_spoilt_cache_is_no_page(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(data, "i")


def test_file_names() -> None:
    assert filename_of("https://h/x/a%2B1.whl?y=1/2#z") == "a+1.whl"
    assert filename_of("a.whl") == "a.whl"
    assert is_distribution("a-1.tar.gz")
    assert not is_distribution("a-1.tar.gz.asc")
    assert project_of("Foo_Bar-1.0-py3-none-any.whl") == "foo-bar"
    assert project_of("foo-bar-1.0.tar.gz") == "foo-bar"
    assert project_of("readme.txt") is None
    assert project_of("-1.0.zip") is None
    assert str(version_of("foo-1.0+cpu-py3-none-any.whl")) == "1.0+cpu"
    assert str(version_of("foo-bar-1.0.zip")) == "1.0"
    assert version_of("foo-x.zip") is None


def test_the_largest_pages_are_quick() -> None:
    link = (
        '<a href="https://files.test/packages/aa/bb/{0}/boto3-1.{0}.0-py3-none-any.whl#sha256=' + SHA + '" '
        'data-requires-python="&gt;=3.8" data-upload-time="2024-01-01T00:00:00Z">boto3-1.{0}.0-py3-none-any.whl</a>\n'
    )
    text = "<html><body>" + "".join(link.format(number) for number in range(4000)) + "</body></html>"
    assert len(text) > 1_000_000
    began = time.process_time()
    assert len(html(text).files) == 4000
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("piece", ["<a ", '<a "', "<a '\"", "<!--", "<a x=", "<meta ", "<base ", "<title", "<", "&"])
def test_no_input_takes_for_ever(piece: str) -> None:
    text = piece * (300_000 // len(piece))
    began = time.process_time()
    with pytest.raises(IntegrityError):
        html(text)
    parse_links(text, url=URL, origin="i")
    assert time.process_time() - began < 5.0
