"""Rules of PEP 503 and 691 pages, attacked: any page that says something is read as it says; anything else is refused.

"It never raises anything but IntegrityError" holds for every input.
"""

from __future__ import annotations

from contextlib import suppress
from html import escape

from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import IntegrityError
from holdfast.index.freshness import head_of, join, split
from holdfast.index.page import Page, decode, encode
from holdfast.index.simple_html import parse_html, parse_links
from holdfast.index.simple_json import parse_json
from holdfast.model.hashes import Hash
from holdfast.model.release import ProjectStatus, ReleaseFile

URL = "https://index.test/simple/a/"
WORDS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=30)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}-[0-9]{1,2}\.[0-9]-py3-none-any\.whl", fullmatch=True)
HASHES = st.builds(
    Hash,
    algorithm=st.sampled_from(["sha256", "sha512", "md5"]),
    digest=st.text("0123456789abcdef", min_size=32, max_size=64),
)


@st.composite
def release_files(draw: st.DrawFn) -> ReleaseFile:
    """Files as HTML can say them: at most one hash, at most one of the sidecar's."""
    filename = draw(NAMES)
    return ReleaseFile(
        filename=filename,
        url=f"https://files.test/{draw(st.integers(0, 99))}/{filename}",
        hashes=tuple(draw(st.lists(HASHES, max_size=1))),
        requires_python=draw(st.none() | WORDS.filter(bool)),
        yanked=draw(st.none() | WORDS),
        sidecar=draw(st.none() | st.lists(HASHES, max_size=1).map(tuple)),
        origin="i",
    )


PAGES = st.builds(
    Page, files=st.lists(release_files(), min_size=1, max_size=5).map(tuple), status=st.sampled_from(ProjectStatus)
)


def attribute(name: str, value: str, quote: str) -> str:
    return f"{name}={quote}{escape(value, quote=True)}{quote}"


def render(page: Page, quote: str, gap: str) -> str:
    lines = [f'<meta name="pypi:project-status" content="{page.status.value}">']
    for file in page.files:
        fragment = "".join(f"#{each.algorithm}={each.digest}" for each in file.hashes)
        words = [attribute("href", file.url + fragment, quote)]
        if file.requires_python is not None:
            words.append(attribute("data-requires-python", file.requires_python, quote))
        if file.yanked is not None:
            words.append(attribute("data-yanked", file.yanked, quote))
        if file.sidecar is not None:
            said = f"{file.sidecar[0].algorithm}={file.sidecar[0].digest}" if file.sidecar else "true"
            words.append(attribute("data-core-metadata", said, quote))
        lines.append(f"<a{gap}{gap.join(words)}>{escape(file.filename)}</a><br/>")
    return "\n".join(lines)


@given(page=PAGES, quote=st.sampled_from("\"'"), gap=st.sampled_from([" ", "\n", "\t  "]))
def test_a_rendered_page_is_read_as_it_says(page: Page, quote: str, gap: str) -> None:
    assert parse_html(render(page, quote, gap), url=URL, origin="i") == page


@given(page=PAGES)
def test_a_page_survives_the_cache(page: Page) -> None:
    assert decode(encode(page), "i") == page


@given(text=st.text() | st.text(alphabet="<>a \"'=/!-href&;#", max_size=300))
def test_no_html_raises_anything_else(text: str) -> None:
    with suppress(IntegrityError):
        parse_html(text, url=URL, origin="i")
    parse_links(text, url=URL, origin="i")


@given(
    pieces=st.lists(
        st.sampled_from(
            [
                '<a href="',
                "<a href='",
                "a-1.whl",
                "#sha256=",
                '">',
                "<!--",
                "-->",
                "<base href=",
                "<meta name=",
                "[",
                "//",
                "pypi:repository-version",
                ' content="',
                "2",
                "&#x0;",
                "&",
                "\x00",
                "<a ",
                ">",
                "%ff",
                "data-yanked",
            ]
        ),
        max_size=30,
    )
)
def test_no_spoilt_html_raises_anything_else(pieces: list[str]) -> None:
    text = "".join(pieces)
    with suppress(IntegrityError):
        parse_html(text, url=URL, origin="i")
    parse_links(text, url=URL, origin="i")


@given(data=st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with suppress(IntegrityError):
        parse_json(data, url=URL, origin="i")
    with suppress(ValueError):
        decode(data, "i")
    with suppress(ValueError):
        split(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["1.0", "2.0", "//[", "a-1.whl"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "meta",
                    "api-version",
                    "files",
                    "filename",
                    "url",
                    "hashes",
                    "sha256",
                    "yanked",
                    "core-metadata",
                    "size",
                    "project-status",
                    "status",
                    "requires-python",
                    "dist-info-metadata",
                    "upload-time",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(page=JSON)
def test_no_json_raises_anything_else(page: object) -> None:
    import json  # noqa: PLC0415 - JSON is a strategy here

    for data in (json.dumps(page), json.dumps({"files": page}), json.dumps({"files": [page], "meta": page})):
        with suppress(IntegrityError):
            parse_json(data.encode(), url=URL, origin="i")


@given(
    headers=st.dictionaries(st.sampled_from(["etag", "last-modified", "cache-control", "age"]), st.text(max_size=20)),
    now=st.floats(0, 4e9),
)
def test_no_header_raises_and_nothing_is_fresh_for_long(headers: dict[str, str], now: float) -> None:
    head = head_of(headers, "0", now)
    if head is not None:
        assert not head.is_fresh(now + 601)
        with suppress(ValueError):
            assert split(join(head, b"")) == (head, b"")
