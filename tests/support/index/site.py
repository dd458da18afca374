"""What an honest index answers at each path. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from tests.support.index import pages
from tests.support.index.behaviours import Reply
from tests.support.index.catalogue import File, Project
from tests.support.index.content import Manners, answer
from tests.support.index.negotiation import Formats, negotiated
from tests.support.index.pages import JSON_TYPE, PLAIN_HTML, Style


@dataclass(slots=True, kw_only=True)
class Site:
    """An index without a server.

    Args:
        formats: that pages are offered in.
        style: of the pages.
        manners: of all replies.
        projects: by normalised name.
        hosted: the files that lie here, by file name.
    """

    formats: Formats
    style: Style
    manners: Manners
    projects: dict[str, Project] = field(default_factory=dict)
    hosted: dict[str, File] = field(default_factory=dict)

    def reply(self, path: str, headers: Mapping[str, str], root: str) -> Reply:
        match path.split("/")[1:]:
            case ["files", filename]:
                return self._file(filename, headers)
            case ["links", ""]:
                page = pages.find_links(tuple(self.hosted.values()), self.style, root)
                return answer(page, PLAIN_HTML, headers, self.manners, ranged=False)
            case ["simple"] | ["simple", _] if not path.endswith("/"):
                return Reply(status=301, headers={"Location": f"{path}/"})
            case ["simple", ""]:
                return self._page(None, headers, root)
            case ["simple", name, ""] if name != canonicalize_name(name):
                return Reply(status=301, headers={"Location": f"/simple/{canonicalize_name(name)}/"})
            case ["simple", name, ""] if name in self.projects:
                return self._page(self.projects[name], headers, root)
            case _:
                return Reply(status=404, headers={"Content-Type": "text/plain"}, body=b"not here\n")

    def _file(self, filename: str, headers: Mapping[str, str]) -> Reply:
        if filename in self.hosted:
            content = self.hosted[filename].content
            return answer(content, "application/octet-stream", headers, self.manners, ranged=True)
        wheel = self.hosted.get(filename.removesuffix(".metadata"))
        if wheel is None or wheel.sidecar_content is None:
            return Reply(status=404, headers={"Content-Type": "text/plain"}, body=b"not here\n")
        return answer(wheel.sidecar_content, "application/octet-stream", headers, self.manners, ranged=True)

    def _page(self, project: Project | None, headers: Mapping[str, str], root: str) -> Reply:
        media_type = negotiated(self.formats, headers.get("accept", "*/*"))
        if media_type is None:
            return Reply(status=406, headers={"Content-Type": "text/plain"}, body=b"not in that format\n")
        if media_type == JSON_TYPE:
            body = (
                pages.json_root(self.projects.values(), self.style)
                if project is None
                else pages.json_project(project, self.style, root)
            )
        else:
            body = (
                pages.html_root(self.projects.values(), self.style)
                if project is None
                else pages.html_project(project, self.style, root)
            )
        return answer(body, media_type, headers, self.manners, ranged=False)
