"""A project's page in HTML (PEP 503, 592, 629, 658, 714, 792), and any page with links to files. Pure.

Raises nothing but IntegrityError, whatever it is given. Regular expressions instead of ``html.parser``: the largest
pages have thousands of links, and this takes 10 ms where the parser takes 300.
"""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urljoin

from holdfast.errors import IntegrityError
from holdfast.index.filenames import is_distribution, is_reachable
from holdfast.index.page import Page, is_supported, status_of
from holdfast.index.simple_json import unsupported
from holdfast.model.filenames import filename_of
from holdfast.model.hashes import Hash
from holdfast.model.release import ReleaseFile

# Attribute values may hold ">" when quoted. Possessive and bounded, so that no input makes it backtrack.
_INSIDE = r"""((?:[^<>"']++|"[^"]{0,65536}+"|'[^']{0,65536}+'){0,64}+)"""
_ANCHOR = re.compile(rf"<a\s{_INSIDE}>", re.IGNORECASE)
_META = re.compile(rf"<meta\s{_INSIDE}>", re.IGNORECASE)
_BASE = re.compile(rf"<base\s{_INSIDE}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([^\s"'>/=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'<>]++)))?+""")
_SHA256 = re.compile(r"sha256=[0-9a-f]{64}")
_FIRST = re.compile(r"<a\s", re.IGNORECASE)
_TAG = re.compile(r"<(?:title|style|script)\b.*?</[^>]*>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_SAYS_LINKS = re.compile(r"links\s+for|simple\s+index", re.IGNORECASE)
_HEAD = 16 * 1024
"""Characters of a page without links that are looked at."""


def parse_html(text: str, *, url: str, origin: str) -> Page:
    """Parse an index's page of one project.

    Args:
        text: The body.
        url: Where it came from, without credentials: relative links start there.
        origin: The index, for messages.

    Raises:
        IntegrityError: It is no such page (a login or error page, for example), or one of a higher major.
    """
    text = _without_comments(text)
    said = _metas(text)
    if (version := said.get("pypi:repository-version")) is not None:
        try:
            supported = is_supported(version)
        except ValueError as error:
            raise _fault(url, str(error)) from error
        if not supported:
            raise unsupported(url, version)
    files = _files(text, url, origin)
    if not files and version is None and not _may_be_empty(text):
        raise _fault(url, "it has no link to a file")
    return Page(files=files, status=status_of(said.get("pypi:project-status", "")))


def parse_links(text: str, *, url: str, origin: str) -> tuple[ReleaseFile, ...]:
    """The files that any page links to (``--find-links``); none is fine."""
    return _files(_without_comments(text), url, origin)


def _files(text: str, url: str, origin: str) -> tuple[ReleaseFile, ...]:
    base = _base(text, url)
    found = []
    for inside in _ANCHOR.findall(text):
        attributes = _attributes(inside)
        href = attributes.get("href", "").strip()
        target, _, fragment = href.partition("#")
        filename = filename_of(target)
        if not is_distribution(filename):
            continue
        try:
            absolute = (
                target if target.startswith(("https://", "http://")) and "[" not in target else urljoin(base, target)
            )
        except ValueError:
            continue  # a malformed host
        if is_reachable(absolute, url):
            found.append(_file(filename, absolute, fragment, attributes, origin))
    return tuple(found)


def _file(filename: str, url: str, fragment: str, attributes: dict[str, str], origin: str) -> ReleaseFile:
    sidecar = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
    return ReleaseFile(
        filename=filename,
        url=url,
        hashes=_hashes(fragment) if fragment else (),
        requires_python=attributes.get("data-requires-python") or None,
        yanked=attributes.get("data-yanked"),
        upload_time=attributes.get("data-upload-time") or None,
        sidecar=None if sidecar is None or sidecar == "false" else Hash.from_fragment(sidecar),
        origin=origin,
    )


def _hashes(fragment: str) -> tuple[Hash, ...]:
    if _SHA256.fullmatch(fragment):  # nearly all are; this is worth a fifth of the page's time
        return (Hash(algorithm="sha256", digest=fragment[7:]),)
    return Hash.from_fragment(fragment)


def _attributes(inside: str) -> dict[str, str]:
    """The first of each name counts, as in browsers."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(inside):
        value = double or single or bare
        found.setdefault(name.lower(), unescape(value) if "&" in value else value)
    return found


def _without_comments(text: str) -> str:
    if "<!--" not in text:
        return text
    kept, position = [], 0
    while (start := text.find("<!--", position)) >= 0:
        kept.append(text[position:start])
        end = text.find("-->", start + 4)
        if end < 0:
            return "".join(kept)
        position = end + 3
    return "".join((*kept, text[position:]))


def _head(text: str) -> str:
    """What stands before the first link."""
    first = _FIRST.search(text)
    return text[: _HEAD if first is None else first.start()]


def _metas(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for inside in _META.findall(_head(text)):
        attributes = _attributes(inside)
        if "name" in attributes and "content" in attributes:
            found.setdefault(attributes["name"].lower(), attributes["content"].strip())
    return found


def _base(text: str, url: str) -> str:
    match = _BASE.search(_head(text))
    if match is None:
        return url
    try:
        return urljoin(url, _attributes(match[1]).get("href", "").strip())
    except ValueError:
        return url


def _may_be_empty(text: str) -> bool:
    """Whether a page without files may be a project's: it says so, or it is an HTML page that says nothing at all."""
    if _SAYS_LINKS.search(text[:_HEAD]):
        return True
    lowered = text[:_HEAD].lower()
    return "<html" in lowered and "<form" not in lowered and not _TAG.sub("", text[:_HEAD]).strip()


def _fault(url: str, what: str) -> IntegrityError:
    return IntegrityError(
        f"{url} is not an index page: {what}.",
        hint="Check the index URL; a login page or a proxy's error page looks like this.",
    )
