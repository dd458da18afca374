"""Everything that the local index answers, made before the first request: bytes for pages, paths for wheels."""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.workloads import distribution_of, wheels_in

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "text/html; charset=utf-8"
PAGE_AGE = "max-age=600, public"
FILE_AGE = "max-age=365000000, immutable, public"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One answer with status 200: `body`, or the file at `path`."""

    kind: str
    etag: str
    age: str
    size: int
    body: bytes = b""
    path: str | None = None
    zipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What one URL answers: plain, gzipped where it pays, and as HTML where it has two forms."""

    plain: Content
    zipped: Content | None = None
    html: Resource | None = None

    def negotiated(self, accept: str, encoding: str) -> Content:
        """The content for these two request headers; JSON to whoever names it (PEP 691)."""
        if self.html is not None and JSON_TYPE not in accept:
            return self.html.negotiated(accept, encoding)
        return self.zipped if self.zipped is not None and "gzip" in encoding else self.plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file on a project's page."""

    filename: str
    sha256: str
    size: int
    requires_python: str | None
    metadata_sha256: str | None


def _content(kind: str, body: bytes, *, age: str) -> Content:
    return Content(kind=kind, etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"', age=age, size=len(body), body=body)


def _page(kind: str, text: str) -> Resource:
    plain = _content(kind, text.encode(), age=PAGE_AGE)
    body = gzip.compress(plain.body, mtime=0)
    etag = plain.etag[:-1] + 'z"'
    zipped = Content(kind=kind, etag=etag, age=PAGE_AGE, size=len(body), body=body, zipped=True)
    return Resource(plain=plain, zipped=zipped)


def _listing(name: str, versions: list[str], entries: list[Entry]) -> Resource:
    """A project's page, PEP 691 and 503, with PEP 658 and 700."""
    files: list[dict[str, object]] = []
    lines = [
        f'<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.1"></head><body><h1>{name}</h1>'
    ]
    for entry in entries:
        url = f"../../files/{entry.filename}"
        file: dict[str, object] = {"filename": entry.filename, "url": url, "hashes": {"sha256": entry.sha256}}
        file |= {"size": entry.size, "yanked": False, "upload-time": "2024-01-01T00:00:00.000000Z"}
        attributes = ""
        if entry.requires_python is not None:
            file["requires-python"] = entry.requires_python
            attributes += f' data-requires-python="{html.escape(entry.requires_python)}"'
        if entry.metadata_sha256 is not None:
            hashes = {"sha256": entry.metadata_sha256}
            file |= {"core-metadata": hashes, "data-dist-info-metadata": hashes}
            attributes += f' data-core-metadata="sha256={entry.metadata_sha256}"'
            attributes += f' data-dist-info-metadata="sha256={entry.metadata_sha256}"'
        files.append(file)
        lines.append(f'<a href="{url}#sha256={entry.sha256}"{attributes}>{entry.filename}</a><br />')
    document = {"meta": {"api-version": "1.1"}, "name": name, "versions": versions, "files": files}
    page = _page(JSON_TYPE, json.dumps(document))
    return Resource(plain=page.plain, zipped=page.zipped, html=_page(HTML_TYPE, "\n".join([*lines, "</body></html>"])))


def _past(name: str, releases: int) -> Iterator[tuple[str, list[Entry]]]:
    """Older releases, a wheel and an sdist each, listed and never downloaded: pages have the size of real ones."""
    stem = name.replace("-", "_")
    for number in range(releases):
        version = f"0.0.{number + 1}"
        digest = hashlib.sha256(f"{name} {version}".encode()).hexdigest()
        yield (
            version,
            [
                Entry(
                    filename=filename,
                    sha256=digest,
                    size=100_000 + number,
                    requires_python=">=3.8",
                    metadata_sha256=digest if filename.endswith(".whl") else None,
                )
                for filename in (f"{stem}-{version}-py3-none-any.whl", f"{stem}-{version}.tar.gz")
            ],
        )


def _metadata(path: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        inside = next(
            name for name in archive.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1
        )
        return archive.read(inside)


def _requires_python(metadata: bytes) -> str | None:
    head = metadata.split(b"\n\n", 1)[0].decode("utf-8", "replace")
    found = [line.split(":", 1)[1].strip() for line in head.splitlines() if line.lower().startswith("requires-python:")]
    return found[0] if found else None


def build_site(directory: str, *, past: int) -> dict[str, Resource]:
    """URL path -> what it answers, for the wheels of `directory` and `past` older releases of each project."""
    site: dict[str, Resource] = {}
    projects: dict[str, list[tuple[str, Entry]]] = {}
    for filename in wheels_in(directory):
        path = os.path.join(directory, filename)
        with open(path, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        metadata, size = _metadata(path), os.path.getsize(path)
        kind, etag = "application/octet-stream", f'"{digest[:32]}"'
        wheel = Content(kind=kind, etag=etag, age=FILE_AGE, size=size, path=path)
        site[f"/files/{filename}"] = Resource(plain=wheel)
        site[f"/files/{filename}.metadata"] = Resource(plain=_content(kind, metadata, age=FILE_AGE))
        entry = Entry(
            filename=filename,
            sha256=digest,
            size=size,
            requires_python=_requires_python(metadata),
            metadata_sha256=hashlib.sha256(metadata).hexdigest(),
        )
        name, version = distribution_of(filename)
        projects.setdefault(name, []).append((version, entry))
    for name, current in projects.items():
        older = list(_past(name, past))
        versions = [version for version, _ in older] + sorted({version for version, _ in current})
        entries = [entry for _, release in older for entry in release] + [entry for _, entry in current]
        site[f"/simple/{name}/"] = _listing(name, versions, entries)
    return site
