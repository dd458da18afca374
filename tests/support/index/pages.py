"""The pages of an index: PEP 691 JSON, PEP 503 HTML, and the flat page that ``--find-links`` reads.

With PEP 592 (yanked), 658 and 714 (sidecars), 700 (sizes, versions, upload times), 792 (project status).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from urllib.parse import quote

from packaging.utils import parse_sdist_filename, parse_wheel_filename

from tests.support.index.catalogue import File, Project

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
PLAIN_HTML = "text/html"


class SidecarWords(StrEnum):
    """Which spelling announces a sidecar."""

    BOTH = "both"
    CORE = "core-metadata"  # PEP 714
    LEGACY = "dist-info-metadata"  # PEP 658 as first written


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How pages are written.

    Args:
        api_version: as the page claims it; None: unsaid.
        sidecar_words: which spelling announces a sidecar.
        absolute_urls: whether links to files carry scheme and host.
    """

    api_version: str | None = "1.4"
    sidecar_words: SidecarWords = SidecarWords.BOTH
    absolute_urls: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that announce a sidecar."""
        match self.sidecar_words:
            case SidecarWords.BOTH:
                return ("core-metadata", "dist-info-metadata")
            case one:
                return (one.value,)


def json_project(project: Project, style: Style, root: str) -> bytes:
    """A project's page in JSON; `root` is the URL of the server without the last slash."""
    page: dict[str, object] = {
        "meta": {"api-version": style.api_version} if style.api_version else {},
        "name": project.name,
        "versions": sorted({version for file in project.files if (version := _version(file.filename))}),
        "files": [_json_file(file, style, root) for file in project.files],
    }
    if project.status:
        page["project-status"] = {"status": project.status} | (
            {"reason": project.status_reason} if project.status_reason else {}
        )
    return json.dumps(page, indent=1).encode()


def json_root(projects: Iterable[Project], style: Style) -> bytes:
    """The list of all projects in JSON."""
    meta = {"api-version": style.api_version} if style.api_version else {}
    return json.dumps({"meta": meta, "projects": [{"name": each.name} for each in projects]}).encode()


def html_project(project: Project, style: Style, root: str) -> bytes:
    """A project's page in HTML."""
    metas = [f'<meta name="pypi:repository-version" content="{style.api_version}">'] * bool(style.api_version)
    if project.status:
        metas.append(f'<meta name="pypi:project-status" content="{escape(project.status)}">')
    if project.status_reason:
        metas.append(f'<meta name="pypi:project-status-reason" content="{escape(project.status_reason)}">')
    anchors = [_anchor(file, style, _href(file, style, root, "../../")) for file in project.files]
    return _document(f"Links for {project.name}", metas, anchors)


def html_root(projects: Iterable[Project], style: Style) -> bytes:
    """The list of all projects in HTML."""
    metas = [f'<meta name="pypi:repository-version" content="{style.api_version}">'] * bool(style.api_version)
    return _document("Simple index", metas, [f'<a href="{each.name}/">{each.name}</a>' for each in projects])


def find_links(files: Iterable[File], style: Style, root: str) -> bytes:
    """All files on one page, for ``--find-links``."""
    return _document("Files", [], [_anchor(file, style, _href(file, style, root, "../")) for file in files])


def _json_file(file: File, style: Style, root: str) -> dict[str, object]:
    entry: dict[str, object] = {
        "filename": file.filename,
        "url": _href(file, style, root, "../../"),
        "hashes": dict(file.hashes),
    }
    if file.requires_python is not None:
        entry["requires-python"] = file.requires_python
    if file.yanked is not None:
        entry["yanked"] = file.yanked or True
    if file.size is not None:
        entry["size"] = file.size
    if file.upload_time is not None:
        entry["upload-time"] = file.upload_time
    if file.sidecar_said is not None:
        for key in style.keys:
            entry[key] = file.sidecar_said if isinstance(file.sidecar_said, bool) else dict(file.sidecar_said)
    return entry


def _anchor(file: File, style: Style, href: str) -> str:
    fragment = "".join(f"#{name}={digest}" for name, digest in list(file.hashes.items())[:1])
    words = [f'href="{escape(href + fragment)}"']
    if file.requires_python is not None:
        words.append(f'data-requires-python="{escape(file.requires_python)}"')
    if file.yanked is not None:
        words.append(f'data-yanked="{escape(file.yanked)}"')
    if file.sidecar_said is not None:
        said = "true" if isinstance(file.sidecar_said, bool) else _first_hash(file.sidecar_said)
        words += [f'data-{key}="{said}"' for key in style.keys]
    return f"<a {' '.join(words)}>{escape(file.filename)}</a>"


def _first_hash(hashes: object) -> str:
    assert isinstance(hashes, dict)
    return next(f"{name}={digest}" for name, digest in hashes.items())


def _href(file: File, style: Style, root: str, up: str) -> str:
    path = f"files/{quote(file.filename)}"
    if file.base is not None:
        return f"{file.base.rstrip('/')}/{path}"
    return f"{root}/{path}" if style.absolute_urls else f"{up}{path}"


def _document(title: str, metas: list[str], anchors: list[str]) -> bytes:
    lines = [
        "<!DOCTYPE html>",
        "<html>",
        "<head>",
        *metas,
        f"<title>{escape(title)}</title>",
        "</head>",
        "<body>",
        *(f"{anchor}<br>" for anchor in anchors),
        "</body>",
        "</html>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _version(filename: str) -> str | None:
    try:
        if filename.endswith(".whl"):
            return str(parse_wheel_filename(filename)[1])
        return str(parse_sdist_filename(filename)[1])
    except ValueError:
        return None
