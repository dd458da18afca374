from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from holdfast.errors import AuthenticationError, IntegrityError, NetworkError, UnusableMetadataError
from holdfast.events import Notice, ProjectConsidered, Warned
from holdfast.fetch.http import Client
from holdfast.index.cache import ByteCache
from holdfast.index.finder import Finder
from holdfast.model.release import ProjectListing, ProjectStatus
from holdfast.model.request import IndexStrategy, Network, Sources
from holdfast.model.resolution import DirectWheel, IndexWheel
from holdfast.model.stored import StoredWheel
from holdfast.store.pages import PageCache
from tests.support.hearing import Heard
from tests.support.index import (
    Authenticated,
    Behaviour,
    Body,
    Delay,
    Drop,
    Formats,
    Gzipped,
    Index,
    Redirect,
    Status,
    Typed,
    refused,
)
from tests.support.sdists import SdistSpec
from tests.support.wheels import build_wheel, pkg

NETWORK = Network(timeout=5.0, retries=1)
A = canonicalize_name("a")


def no_whole(wheel: IndexWheel | DirectWheel) -> StoredWheel:
    raise AssertionError(f"{wheel} was downloaded whole")


class Asker:
    """Asks a fresh finder one thing; what it heard stays."""

    def __init__(self, cache: ByteCache | None = None, network: Network = NETWORK) -> None:
        self.cache = cache
        self.network = network
        self.heard = Heard()

    def listing(self, name: str, sources: Sources) -> ProjectListing:
        with (
            Client(self.network, urls=sources.indexes, reporter=self.heard) as client,
            Finder(sources, client, whole=no_whole, cache=self.cache, reporter=self.heard) as finder,
        ):
            return finder.listing(canonicalize_name(name))


def on(*urls: str, find_links: tuple[str, ...] = (), strategy: IndexStrategy = IndexStrategy.FIRST_INDEX) -> Sources:
    return Sources(indexes=urls, find_links=find_links, strategy=strategy)


def names(listing: ProjectListing) -> list[str]:
    return [file.filename for file in listing.files]


@pytest.fixture
def cache(tmp_path: object) -> PageCache:
    return PageCache(os.path.join(str(tmp_path), "cache"))


@pytest.mark.parametrize("formats", list(Formats))
def test_both_page_formats_say_the_same(formats: Formats) -> None:
    with Index(formats=formats) as index:
        wheel, sdist = index.add(pkg("a", requires_python=">=3.8"), SdistSpec(name="a", version="1.0"))
        index.yank(sdist.filename, "old")
        listing = Asker().listing("a", on(index.url))
    assert names(listing) == [wheel.filename, sdist.filename]
    first, second = listing.files
    assert first.url == index.file_url(wheel.filename)
    assert [str(each) for each in first.hashes] == [f"sha256:{wheel.hashes['sha256']}"]
    assert (first.requires_python, first.yanked, second.yanked) == (">=3.8", None, "old")
    assert first.sidecar is not None
    assert second.sidecar is None
    assert first.origin == index.url


def test_json_is_preferred(index: Index) -> None:
    index.add(pkg("a"))
    assert Asker().listing("a", on(index.url)).files[0].size is not None
    assert index.requests[0].headers["accept"].startswith("application/vnd.pypi.simple.v1+json, ")


def test_absent_and_empty_are_told_apart(index: Index) -> None:
    index.project("empty")
    assert not Asker().listing("a", on(index.url)).found
    empty = Asker().listing("empty", on(index.url))
    assert empty.found
    assert not empty.files


def test_no_index_at_all() -> None:
    listing = Asker().listing("a", on())
    assert (listing.found, listing.searched) == (False, ())


def test_status_reaches_the_listing(index: Index) -> None:
    index.add(pkg("a"))
    index.project("a").status = "quarantined"
    assert Asker().listing("a", on(index.url)).status is ProjectStatus.QUARANTINED


def test_an_answer_does_not_change_while_the_finder_lives(index: Index) -> None:
    index.add(pkg("a"))
    with Client(NETWORK) as client, Finder(on(index.url), client, whole=no_whole) as finder:
        first = finder.listing(A)
        index.add(pkg("a", "2.0"))
        assert finder.listing(A) is first
    assert len(index.requests) == 1


def test_the_first_index_that_has_the_name_wins_and_the_other_is_told() -> None:
    asker = Asker()
    with Index() as private, Index() as public:
        private.add(pkg("a", "1.0"))
        public.add(pkg("a", "9.0"), pkg("b"))
        url = private.url_as("me", "secret")
        listing = asker.listing("a", on(url, public.url))
        assert names(listing) == ["a-1.0-py3-none-any.whl"]
        assert listing.searched == (private.url, public.url)
        assert names(asker.listing("b", on(url, public.url))) == ["b-1.0-py3-none-any.whl"]
    (notice,) = asker.heard.of(Notice)
    assert "a (1.0; 9.0 at" in notice.text
    assert "--index-strategy unsafe-best-match" in notice.text
    assert "secret" not in asker.heard.words + repr(listing.searched) + listing.files[0].origin


@pytest.mark.parametrize("theirs", ["1.0", "0.9", "2.0rc1"])
def test_nothing_is_told_where_nothing_is_hidden(theirs: str) -> None:
    asker = Asker()
    with Index() as first, Index() as second:
        first.add(pkg("a", "1.0"))
        second.add(pkg("a", theirs))
        asker.listing("a", on(first.url, second.url))
    assert not asker.heard.of(Notice)


def test_one_index_is_not_compared(index: Index) -> None:
    index.add(pkg("a"))
    Asker().listing("a", on(index.url, index.url))
    assert len(index.requests) == 1


def test_an_index_that_is_not_needed_may_be_down(index: Index) -> None:
    index.add(pkg("a"))
    asker = Asker(network=Network(timeout=5, retries=5))
    began = time.monotonic()
    with refused() as dead:
        assert asker.listing("a", on(index.url, dead)).found
        assert time.monotonic() - began < 3
        with pytest.raises(NetworkError):
            Asker(network=Network(retries=0)).listing("a", on(dead, index.url))


def test_best_match_takes_all() -> None:
    asker = Asker()
    with Index() as first, Index() as second:
        first.add(pkg("a", "1.0"))
        second.add(pkg("a", "9.0"))
        listing = asker.listing("a", on(first.url, second.url, strategy=IndexStrategy.UNSAFE_BEST_MATCH))
    assert names(listing) == ["a-1.0-py3-none-any.whl", "a-9.0-py3-none-any.whl"]
    assert not asker.heard.of(Notice)


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (Status(code=401), AuthenticationError),
        (Status(code=403), AuthenticationError),
        (Status(code=500), NetworkError),
        (Status(code=429, retry_after="0"), NetworkError),
        (Drop(), NetworkError),
        (Body(content=b"<html><form>log in</form></html>", media_type="text/html"), IntegrityError),
        (Body(content=b"{}", media_type="application/vnd.pypi.simple.v1+json"), IntegrityError),
        (Body(content=b"x", media_type="application/vnd.pypi.simple.v2+json"), IntegrityError),
        (Body(content=b"x" * 10, media_type="application/octet-stream"), IntegrityError),
        (Redirect(to="{path}"), NetworkError),
    ],
)
def test_what_is_no_answer_is_never_absence(index: Index, behaviour: Behaviour, kind: type[Exception]) -> None:
    index.add(pkg("a"))
    index.on("*", behaviour)
    with pytest.raises(kind, match=f"127.0.0.1:{index.port}"):
        Asker().listing("a", on(index.url))


@pytest.mark.parametrize(
    "behaviour", [Gzipped(), Delay(seconds=0.1), Typed(media_type=None), Typed(media_type="text/html; charset=utf-8")]
)
def test_harmless_oddities(behaviour: Behaviour) -> None:
    with Index(formats=Formats.HTML) as index:
        index.add(pkg("a"))
        index.on("*", behaviour)
        assert names(Asker().listing("a", on(index.url))) == ["a-1.0-py3-none-any.whl"]


def test_a_redirected_page_has_its_links_where_it_lies(index: Index) -> None:
    with Index() as other:
        other.add(pkg("a"))
        index.on("/simple/a/", Redirect(to=f"{other.root}{{path}}"))
        listing = Asker().listing("a", on(index.url))
        assert listing.files[0].url == other.file_url("a-1.0-py3-none-any.whl")


def test_an_index_url_may_lack_its_slash_and_have_a_query(index: Index) -> None:
    index.add(pkg("a"))
    assert Asker().listing("a", on(index.url.rstrip("/"))).found
    assert Asker().listing("a", on(f"{index.url}?token=1")).found
    assert index.requests[-1].target == "/simple/a/?token=1"


def test_prefetching_is_parallel_and_asks_once(index: Index) -> None:
    projects = [canonicalize_name(f"p{number}") for number in range(8)]
    index.add(*(pkg(name) for name in projects))
    index.on("*", Delay(seconds=1))
    asker, began = Asker(), time.monotonic()
    with (
        Client(NETWORK) as client,
        Finder(on(index.url), client, whole=no_whole, reporter=asker.heard) as finder,
    ):
        finder.prefetch(projects)
        finder.prefetch(projects)
        assert time.monotonic() - began < 1
        assert all(finder.listing(name).found for name in projects)
    assert time.monotonic() - began < len(projects)
    assert len(index.requests) == 8
    assert [event.name for event in asker.heard.of(ProjectConsidered)] == projects


def test_a_prefetch_that_fails_shows_when_asked(index: Index) -> None:
    index.on("*", Status(code=403))
    with Client(NETWORK) as client, Finder(on(index.url), client, whole=no_whole) as finder:
        finder.prefetch([A, canonicalize_name("b")])
        with pytest.raises(AuthenticationError):
            finder.listing(A)


@pytest.mark.parametrize("interrupted", [False, True])
def test_closing_does_not_wait_for_what_nobody_wants(index: Index, *, interrupted: bool) -> None:
    index.on("*", Delay(seconds=30))
    began = time.monotonic()
    with Client(NETWORK) as client:
        finder = Finder(on(index.url), client, whole=no_whole)
        finder.prefetch(canonicalize_name(f"p{number}") for number in range(40))
        while len(index.requests) < 10:
            time.sleep(0.01)
        finder.close(hurried=interrupted)
    assert time.monotonic() - began < 5
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("holdfast")]


# -- the cache


def test_a_fresh_page_is_not_asked_for(index: Index, cache: PageCache) -> None:
    index.add(pkg("a"))
    first = Asker(cache).listing("a", on(index.url))
    index.close()
    assert Asker(cache).listing("a", on(index.url)) == first


def test_a_fresh_page_needs_no_httpx(index: Index, cache: PageCache) -> None:
    index.add(pkg("a"))
    Asker(cache).listing("a", on(index.url))
    asker = Asker(cache)
    with Client(NETWORK) as client, Finder(on(index.url), client, whole=no_whole, cache=cache) as finder:
        before = set(threading.enumerate())
        finder.prefetch([A])
        assert set(threading.enumerate()) <= before  # the server's own may end meanwhile
        assert finder.listing(A).found
    assert len(index.requests) == 1
    assert not asker.heard.events


@pytest.mark.parametrize("manners", [{"etag": True}, {"etag": False, "last_modified": True}])
def test_a_stale_page_is_asked_whether_it_changed(cache: PageCache, manners: dict[str, bool]) -> None:
    with Index(max_age=None, **manners) as index:  # type: ignore[arg-type] # two booleans
        index.add(pkg("a"))
        first = Asker(cache).listing("a", on(index.url))
        assert Asker(cache).listing("a", on(index.url)) == first
        assert [request.status for request in index.requests] == [200, 304]
        if manners["etag"]:
            index.add(pkg("a", "2.0"))
            assert len(Asker(cache).listing("a", on(index.url)).files) == 2


def test_a_page_without_validators_is_asked_for_again(cache: PageCache) -> None:
    with Index(max_age=None, etag=False) as index:
        index.add(pkg("a"))
        for _ in range(2):
            assert len(Asker(cache).listing("a", on(index.url)).files) == 1
        index.add(pkg("a", "2.0"))
        assert len(Asker(cache).listing("a", on(index.url)).files) == 2
        assert [request.status for request in index.requests] == [200, 200, 200]


def test_offline_uses_what_was_said_last(cache: PageCache) -> None:
    offline = Network(offline=True)
    with Index(max_age=None, etag=False) as index:
        index.add(pkg("a"))
        Asker(cache).listing("a", on(index.url))
        assert Asker(cache, offline).listing("a", on(index.url)).found
        with pytest.raises(NetworkError, match="--offline"):
            Asker(cache, offline).listing("b", on(index.url))
        assert len(index.requests) == 1


def test_another_users_page_is_another_page(cache: PageCache) -> None:
    with Index() as index:
        index.add(pkg("a"))
        index.on("*", Authenticated(user="me", password="secret"))
        Asker(cache).listing("a", on(index.url_as("me", "secret")))
        with pytest.raises(AuthenticationError):
            Asker(cache).listing("a", on(index.url))
        assert Asker(cache).listing("a", on(index.url_as("me", "secret"))).found
        assert len(index.requests) == 2


def test_what_was_fetched_with_netrc_is_kept_for_this_user_alone(
    tmp_path: Path, cache: PageCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Index() as index:
        index.add(pkg("a"))
        index.on("*", Authenticated(user="me", password="secret"))
        for user, password in (("me", "secret"), ("you", "guessed")):
            with open(tmp_path / user, "w", encoding="utf-8") as file:
                file.write(f"machine 127.0.0.1 login {user} password {password}\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "me"))
        sources = on(index.url)
        with (
            Client(NETWORK) as client,
            Finder(sources, client, whole=no_whole, cache=cache, reporter=Heard()) as finder,
        ):
            finder.metadata(IndexWheel(file=finder.listing(A).files[0]))
        monkeypatch.setenv("NETRC", str(tmp_path / "you"))
        with pytest.raises(AuthenticationError):
            Asker(cache).listing("a", sources)
    kept = [os.path.join(top, name) for top, _, names in os.walk(tmp_path / "cache") for name in names]
    modes = [os.stat(path).st_mode & 0o777 for path in kept if "-v" in path]
    assert modes == [0o600, 0o600]


def test_a_spoilt_cache_is_done_without(index: Index, tmp_path: object) -> None:
    root = os.path.join(str(tmp_path), "cache")
    index.add(pkg("a"))
    first = Asker(PageCache(root)).listing("a", on(index.url))
    for directory, _, files in os.walk(root):
        for name in files:
            with open(os.path.join(directory, name), "r+b") as file:
                line = file.readline()
                file.seek(0)
                file.truncate()
                file.write(line + b"[")
    assert Asker(PageCache(root)).listing("a", on(index.url)) == first
    assert [request.status for request in index.requests] == [200, 200]


# -- local indexes and find-links


def local_index(root: str, *specs_of_a: str) -> str:
    for version in specs_of_a:
        build_wheel(pkg("a", version), os.path.join(root, "files"))
    os.makedirs(os.path.join(root, "simple", "a"))
    links = "".join(
        f'<a href="../../files/{name}">{name}</a>' for name in sorted(os.listdir(os.path.join(root, "files")))
    )
    with open(os.path.join(root, "simple", "a", "index.html"), "w", encoding="utf-8") as file:
        file.write(f"<html>{links}</html>")
    return os.path.join(root, "simple")


def test_an_index_in_a_directory(tmp_path: object) -> None:
    root = local_index(str(tmp_path), "1.0", "2.0")
    for place in (root, f"file://{root}", f"file://{root}/"):
        listing = Asker().listing("a", on(place))
        assert names(listing) == ["a-1.0-py3-none-any.whl", "a-2.0-py3-none-any.whl"]
        assert listing.files[0].url == f"file://{tmp_path}/files/a-1.0-py3-none-any.whl"
        assert not Asker().listing("b", on(place)).found


def test_a_directory_per_project_will_do(tmp_path: object) -> None:
    build_wheel(pkg("a"), os.path.join(str(tmp_path), "a"))
    assert names(Asker().listing("a", on(str(tmp_path)))) == ["a-1.0-py3-none-any.whl"]


def test_a_local_index_that_is_not_there_is_warned_of_once(tmp_path: object, index: Index) -> None:
    index.add(pkg("a"), pkg("b"))
    asker = Asker()
    missing = os.path.join(str(tmp_path), "missing")
    with Client(NETWORK) as client:
        finder = Finder(on(missing, index.url), client, whole=no_whole, reporter=asker.heard)
        assert finder.listing(A).found
        assert finder.listing(canonicalize_name("b")).found
        finder.close()
    assert [missing in event.text for event in asker.heard.of(Warned)] == [True]


def test_find_links_are_added_to_what_won(index: Index, tmp_path: object) -> None:
    index.add(pkg("a", "1.0"))
    build_wheel(pkg("a", "2.0"), str(tmp_path))
    build_wheel(pkg("Other.Name", "1.0"), str(tmp_path))
    sources = on(index.url, find_links=(str(tmp_path),))
    listing = Asker().listing("a", sources)
    assert sorted(names(listing)) == ["a-1.0-py3-none-any.whl", "a-2.0-py3-none-any.whl"]
    assert listing.searched == (index.url, str(tmp_path))
    assert Asker().listing("other-name", sources).found
    assert not Asker().listing("third", sources).found


def test_find_links_may_be_a_file_a_page_or_a_url(index: Index, tmp_path: object) -> None:
    directory = str(tmp_path)
    path = build_wheel(pkg("a"), os.path.join(directory, "wheels"))
    page = os.path.join(directory, "page.html")
    with open(page, "w", encoding="utf-8") as file:
        file.write('<a href="wheels/a-1.0-py3-none-any.whl">a</a>')
    (hosted,) = index.add(pkg("a"))
    digest = hosted.hashes["sha256"]
    for place, url in (
        (path, f"file://{path}"),
        (f"file://{path}", f"file://{path}"),
        (page, f"file://{path}"),
        (f"file://{page}", f"file://{path}"),
        (os.path.join(directory, "wheels"), f"file://{path}"),
        (index.links_url, index.file_url(hosted.filename)),
        (f"{index.file_url(hosted.filename)}#sha256={digest}", index.file_url(hosted.filename)),
    ):
        listing = Asker().listing("a", on(find_links=(place,)))
        assert [file.url for file in listing.files] == [url], place
    assert str(listing.files[0].hashes[0]) == f"sha256:{digest}"


def test_pages_in_a_find_links_directory_count(tmp_path: object) -> None:
    with open(os.path.join(str(tmp_path), "index.html"), "w", encoding="utf-8") as file:
        file.write('<a href="https://host/a-1.0-py3-none-any.whl">a</a>')
    assert Asker().listing("a", on(find_links=(str(tmp_path),))).files[0].url.startswith("https://host/")


def test_find_links_that_are_not_there_are_warned_of(index: Index, tmp_path: object) -> None:
    places = (os.path.join(str(tmp_path), "no"), f"{index.root}/nothing")
    asker = Asker()
    assert not asker.listing("a", on(find_links=places)).found
    assert [place in event.text for event, place in zip(asker.heard.of(Warned), places, strict=True)] == [True, True]


def test_find_links_that_fail_are_an_error(index: Index) -> None:
    index.on("/links/", Status(code=500))
    with pytest.raises(NetworkError):
        Asker().listing("a", on(find_links=(index.links_url,)))


# -- metadata, as far as the finder itself is concerned (more in test_index_metadata)


def test_metadata_is_asked_for_once_and_ahead(index: Index) -> None:
    index.add(*(pkg("a", f"{number}.0") for number in range(6)))
    index.on("/files/*", Delay(seconds=1))
    with Client(NETWORK) as client, Finder(on(index.url), client, whole=no_whole) as finder:
        wheels = [IndexWheel(file=file) for file in finder.listing(A).files]
        began = time.monotonic()
        finder.prefetch_metadata(wheels)
        assert time.monotonic() - began < 1
        assert [str(finder.metadata(wheel).version) for wheel in wheels] == [f"{number}.0" for number in range(6)]
        assert finder.metadata(wheels[0]) is finder.metadata(wheels[0])
        assert time.monotonic() - began < len(wheels)
    assert len(index.asked("/files/*")) == 6


def test_metadata_failures_show_when_asked_and_again(index: Index) -> None:
    (file,) = index.add(pkg("a"))
    index.list_file(replace(file, filename="b-1.0-py3-none-any.whl", project="b"))
    with Client(NETWORK) as client, Finder(on(index.url), client, whole=no_whole) as finder:
        (listed,) = finder.listing(canonicalize_name("b")).files
        finder.prefetch_metadata([IndexWheel(file=listed)])
        for _ in range(2):
            with pytest.raises(UnusableMetadataError, match=r"b-1\.0-py3-none-any\.whl holds the metadata of a 1\.0"):
                finder.metadata(IndexWheel(file=listed))
