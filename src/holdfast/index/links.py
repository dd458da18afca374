"""``--find-links``: directories, single files and pages, looked at once.

**Guarantees**: only reads. A location that is not there is a warning; a server that fails is an error.

**On crash**: changes nothing.

**Limits**: files are attributed to projects by their names.
"""

from __future__ import annotations

import os
import re

from packaging.utils import NormalizedName

from holdfast.events import Reporter, Warned
from holdfast.fetch.http import ABSENT, Client
from holdfast.fetch.local import path_of, read_file, url_of
from holdfast.index.filenames import is_distribution, project_of
from holdfast.index.pages import ACCEPT, JSON, local_files, parse_page, text_of
from holdfast.index.simple_html import parse_links
from holdfast.model.filenames import filename_of
from holdfast.model.hashes import Hash
from holdfast.model.release import ReleaseFile
from holdfast.model.urls import printable_url

FilesByProject = dict[NormalizedName, tuple[ReleaseFile, ...]]
_PAGES = (".html", ".htm")


def read_links(location: str, client: Client, reporter: Reporter) -> tuple[ReleaseFile, ...]:
    """The files of one location.

    Args:
        location: A URL or path, as the user gave it.
        client: Asks servers.
        reporter: Warned when there is nothing.

    Raises:
        NetworkError: A server cannot be reached or fails.
        AuthenticationError: It wants other credentials.
        IntegrityError: A JSON page is none.
    """
    if re.match(r"https?:", location, re.IGNORECASE):
        return _remote(location, client, reporter)
    path = path_of(location) if location.startswith("file:") else os.path.abspath(os.path.expanduser(location))
    return _local(path, reporter)


def by_project(files: tuple[ReleaseFile, ...]) -> FilesByProject:
    """Files by the project that their names say; the order is kept."""
    found: dict[NormalizedName, list[ReleaseFile]] = {}
    for file in files:
        name = project_of(file.filename)
        if name is not None:
            found.setdefault(name, []).append(file)
    return {name: tuple(dict.fromkeys(each)) for name, each in found.items()}


def _remote(location: str, client: Client, reporter: Reporter) -> tuple[ReleaseFile, ...]:
    url, _, fragment = location.partition("#")
    filename = filename_of(url)
    if is_distribution(filename):
        return (
            ReleaseFile(filename=filename, url=url, hashes=Hash.from_fragment(fragment), origin=printable_url(url)),
        )
    reply = client.get(url, headers={"Accept": ACCEPT})
    if reply.status in ABSENT:
        reporter.emit(Warned(text=f"--find-links {printable_url(url)} is not there ({reply.status})."))
        return ()
    if reply.headers.get("content-type", "").startswith(JSON):
        return parse_page(reply, origin=printable_url(url)).files
    return parse_links(text_of(reply), url=reply.url, origin=printable_url(url))


def _local(path: str, reporter: Reporter) -> tuple[ReleaseFile, ...]:
    if os.path.isdir(path):
        try:
            names = sorted(os.listdir(path))
        except OSError as error:
            reporter.emit(Warned(text=f"--find-links {path} cannot be read: {error.strerror}."))
            return ()
        pages = [_page(os.path.join(path, name), path) for name in names if name.endswith(_PAGES)]
        return (*local_files(path, names, path), *(file for page in pages for file in page))
    if not os.path.isfile(path):
        reporter.emit(Warned(text=f"--find-links {path} is not there."))
        return ()
    if is_distribution(os.path.basename(path)):
        return (ReleaseFile(filename=os.path.basename(path), url=url_of(path), origin=path),)
    return _page(path, path)


def _page(path: str, origin: str) -> tuple[ReleaseFile, ...]:
    content = read_file(path) or b""
    return parse_links(content.decode("utf-8", "replace"), url=url_of(path), origin=origin)
