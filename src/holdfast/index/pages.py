"""Pages of indexes, wherever they lie: from the cache while fresh, from a server, from a directory.

**Guarantees**: a page is what the server says now, or said within its max-age (ten minutes at most); with
``--offline``, what it said last. 404 and 410 are "no such project"; everything else that is not a page raises.

**On crash**: holds nothing on disk by itself.

**Limits**: that a project is absent is not remembered.
"""

from __future__ import annotations

import os
import re
import time
from hashlib import sha256

from holdfast.errors import IntegrityError, NetworkError
from holdfast.events import Reporter, Warned
from holdfast.fetch.addresses import parse_address
from holdfast.fetch.http import ABSENT, Client, Reply
from holdfast.fetch.local import path_of, read_file, url_of
from holdfast.index.cache import ByteCache
from holdfast.index.filenames import is_distribution
from holdfast.index.freshness import Head, head_of, join, split
from holdfast.index.page import Page, decode, encode
from holdfast.index.simple_html import parse_html
from holdfast.index.simple_json import parse_json
from holdfast.model.release import ReleaseFile
from holdfast.model.urls import printable_url

JSON = "application/vnd.pypi.simple.v1+json"
ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_UNCHANGED = 304
_CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9_.:-]+)")
_OF_PAGES = re.compile(
    r"utf-?(?:8|16|16[bl]e)|(?:us-)?ascii|latin-?1|(?:iso-?8859|windows|cp)[-_]?[0-9-]+", re.IGNORECASE
)
"""Character sets. Python knows other codecs by name as well: some raise whatever they are given, some take for ever."""
_HIGHER = re.compile(r"application/vnd\.pypi\.simple\.v(\d+)\+")


class PageReader:
    """Reads project pages. Safe to share between threads.

    Args:
        client: Asks the servers.
        cache: Keeps what they said.
        reporter: Warned once of a local index that is not there.
    """

    def __init__(self, client: Client, cache: ByteCache, reporter: Reporter) -> None:
        self._client = client
        self._cache = cache
        self._reporter = reporter
        self._missing: set[str] = set()

    def page(self, index: str, name: str) -> Page | None:
        """An index's page of a project; None: the index has no such project.

        Args:
            index: As `locate` gives it.
            name: Normalised.

        Raises:
            NetworkError: The server cannot be reached or fails.
            AuthenticationError: It wants other credentials.
            IntegrityError: It answers with something that is no page.
        """
        if index.startswith("file:"):
            return self._local(index, name)
        url = page_url(index, name)
        kept = self._kept(url)
        if kept is not None and (kept[0].is_fresh(time.time()) or self._client.network.offline):
            page = _decoded(kept[1], printable_url(index))
            if page is not None:
                return page
            kept = None
        conditions = kept[0].conditions if kept else {}
        reply = self._client.get(url, headers={"Accept": ACCEPT, **conditions})
        if reply.status in ABSENT:
            return None
        return self._answered(index, url, reply, kept)

    def is_fresh(self, index: str, name: str) -> bool:
        """Whether `page` will answer without asking a server."""
        if index.startswith("file:"):
            return True
        kept = self._kept(page_url(index, name))
        return kept is not None and kept[0].is_fresh(time.time())

    def _kept(self, url: str) -> tuple[Head, bytes] | None:
        data = self._cache.read_page(self._key(url))
        try:
            return None if data is None else split(data)
        except ValueError:
            return None

    def _answered(self, index: str, url: str, reply: Reply, kept: tuple[Head, bytes] | None) -> Page:
        origin = printable_url(index)
        if reply.status == _UNCHANGED:
            page = _decoded(kept[1], origin) if kept else None
            if kept is None or page is None:
                raise NetworkError(
                    f"{printable_url(url)} answered 304 without reason.", hint="The same with --no-cache."
                )
            self._keep(url, reply, kept[0].digest, kept[1], kept[0])
            return page
        digest = sha256(reply.url.encode() + b"\n" + reply.body).hexdigest()
        if kept is not None and kept[0].digest == digest and (page := _decoded(kept[1], origin)) is not None:
            head = head_of(reply.headers, digest, time.time())
            if head is not None and (head.lifetime or head.conditions):
                self._keep(url, reply, digest, kept[1], None)
            return page
        page = parse_page(reply, origin=origin)
        self._keep(url, reply, digest, encode(page), None)
        return page

    def _keep(self, url: str, reply: Reply, digest: str, page: bytes, previous: Head | None) -> None:
        head = head_of(reply.headers, digest, time.time(), previous)
        if head is not None:
            self._cache.write_page(self._key(url), join(head, page), private=reply.authorised)

    def _key(self, url: str) -> str:
        """Another user may see another page; the password is no part of it."""
        return f"{self._client.user_of(url) or ''}\n{parse_address(url).url}"

    def _local(self, index: str, name: str) -> Page | None:
        root = path_of(index)
        directory = os.path.join(root, name)
        origin = printable_url(index)
        content = read_file(os.path.join(directory, "index.html"))
        if content is not None:
            url = f"{url_of(directory)}/index.html"
            return parse_html(content.decode("utf-8", "replace"), url=url, origin=origin)
        try:
            names = sorted(os.listdir(directory))
        except OSError:
            self._look_for(root)
            return None
        return Page(files=local_files(directory, names, origin))

    def _look_for(self, root: str) -> None:
        if root not in self._missing and not os.path.isdir(root):
            self._missing.add(root)
            self._reporter.emit(Warned(text=f"The index {root} is not there; it is searched no further."))


def locate(index: str) -> str:
    """An index as the user gave it (URL or path) as a URL."""
    if re.match(r"(?:https?|file):", index, re.IGNORECASE):
        return index
    return url_of(os.path.expanduser(index))


def page_url(index: str, name: str) -> str:
    """The URL of a project's page."""
    base, mark, query = index.partition("#")[0].partition("?")
    return f"{base.rstrip('/')}/{name}/{mark}{query}"


def local_files(directory: str, names: list[str], origin: str) -> tuple[ReleaseFile, ...]:
    """The distributions among the files of a directory."""
    return tuple(
        ReleaseFile(filename=name, url=url_of(os.path.join(directory, name)), origin=origin)
        for name in names
        if is_distribution(name)
    )


def parse_page(reply: Reply, *, origin: str) -> Page:
    """Parse a reply by its media type.

    Raises:
        IntegrityError: It is no index page.
    """
    said = reply.headers.get("content-type", "")
    media = said.partition(";")[0].strip().lower()
    if media in {JSON, "application/json"} or (not media and reply.body.lstrip()[:1] == b"{"):
        return parse_json(reply.body, url=reply.url, origin=origin)
    if media in {"application/vnd.pypi.simple.v1+html", "text/html", "application/xhtml+xml", ""}:
        return parse_html(text_of(reply), url=reply.url, origin=origin)
    higher = _HIGHER.match(media)
    what = f"version {higher[1]} of the index API is not understood" if higher else f"it is {media[:80]}"
    raise IntegrityError(f"{printable_url(reply.url)} is not an index page: {what}.", hint="Check the index URL.")


def text_of(reply: Reply) -> str:
    """The body as text, in the charset that the reply names."""
    match = _CHARSET.search(reply.headers.get("content-type", ""))
    charset = match[1] if match and _OF_PAGES.fullmatch(match[1]) else "utf-8"
    try:
        return reply.body.decode(charset, "replace")
    except LookupError:
        return reply.body.decode("utf-8", "replace")


def _decoded(data: bytes, origin: str) -> Page | None:
    try:
        return decode(data, origin)
    except ValueError:
        return None
