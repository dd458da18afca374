"""`Index`: a package index that serves what a test puts in, and misbehaves where a test says so."""

from __future__ import annotations

import threading
from dataclasses import replace
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Self
from urllib.parse import quote, unquote

from packaging.utils import canonicalize_name

from tests.support.certificates import Certificates
from tests.support.index.behaviours import Authenticated, Behaviour, Reply, Rule, asked_headers, behave
from tests.support.index.catalogue import File, Project, Sidecar, listed
from tests.support.index.content import Manners
from tests.support.index.negotiation import Formats
from tests.support.index.pages import SidecarWords, Style
from tests.support.index.server import Request, Server
from tests.support.index.site import Site
from tests.support.sdists import SdistSpec
from tests.support.wheels import WheelSpec


class Index:
    """A package index on 127.0.0.1, a context manager.

    ``url`` is for ``--index-url``, ``links_url`` for ``--find-links``. Files are at ``/files/{filename}``,
    sidecars at ``/files/{filename}.metadata``, pages at ``/simple/{name}/``.

    Args:
        formats: JSON, HTML or both, by content negotiation.
        sidecars: default for `add`: whether METADATA is served beside wheels.
        sidecar_words: which spelling announces them.
        hashes: default for `add`: algorithms that the pages name.
        sizes: default for `add`: whether pages say sizes (JSON only).
        api_version: that pages claim; None: unsaid.
        absolute_urls: whether links to files carry scheme and host.
        ranges: whether range requests are answered with parts.
        etag: whether replies carry an ETag (and 304 is given).
        last_modified: whether replies carry Last-Modified (and 304 is given).
        max_age: seconds in Cache-Control; None: no such header.
        auth: user and password that every request must bring.
        port: 0 for any.
        tls: speak TLS with these certificates.
        client_required: and ask for a client certificate.
    """

    def __init__(
        self,
        *,
        formats: Formats = Formats.BOTH,
        sidecars: bool = True,
        sidecar_words: SidecarWords = SidecarWords.BOTH,
        hashes: tuple[str, ...] = ("sha256",),
        sizes: bool = True,
        api_version: str | None = "1.4",
        absolute_urls: bool = False,
        ranges: bool = True,
        etag: bool = True,
        last_modified: bool = False,
        max_age: int | None = 600,
        auth: tuple[str, str] | None = None,
        port: int = 0,
        tls: Certificates | None = None,
        client_required: bool = False,
    ) -> None:
        self.sidecars = sidecars
        self.hashes = hashes
        self.sizes = sizes
        self.site = Site(
            formats=formats,
            style=Style(api_version=api_version, sidecar_words=sidecar_words, absolute_urls=absolute_urls),
            manners=Manners(etag=etag, last_modified=last_modified, max_age=max_age, ranges=ranges),
        )
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._port = port
        self._tls = tls.context(client_required=client_required) if tls else None
        self._server: Server | None = None
        if auth is not None:
            self.on("*", Authenticated(user=auth[0], password=auth[1]))

    def __enter__(self) -> Self:
        self.reopen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop: from now on connections are refused at this port (`port`, `url` stay as they were)."""
        if self._server is not None:
            self._server.close()

    def reopen(self) -> None:
        """Listen at the same port again."""
        self._server = Server(self._answer, self._port, tls=self._tls)
        self._port = self._server.port

    # -- what is on it

    def add(
        self,
        *specs: WheelSpec | SdistSpec,
        hashes: tuple[str, ...] | dict[str, str] | None = None,
        requires_python: str | bool = True,
        yanked: str | bool = False,
        upload_time: str | None = None,
        sidecar: Sidecar | bool | None = None,
        host: Index | None = None,
    ) -> tuple[File, ...]:
        """Put wheels and sdists on the index; the options hold for all of them (see `listed`).

        Args:
            specs: what to build and list.
            hashes: algorithms to say truly, or the digests to say instead.
            requires_python: True: as the metadata says; a text: that instead; False: unsaid.
            yanked: True, or the reason.
            upload_time: ISO 8601.
            sidecar: whether and how METADATA is served beside wheels.
            host: another simulator that has the files; this one only lists them.
        """
        files = tuple(
            listed(
                spec,
                hashes=self.hashes if hashes is None else hashes,
                requires_python=requires_python,
                yanked=yanked,
                size=self.sizes,
                upload_time=upload_time,
                sidecar=self.sidecars if sidecar is None else sidecar,
                base=None if host is None else host.root,
            )
            for spec in specs
        )
        for file in files:
            self.list_file(file)
            (self if host is None else host).site.hosted[file.filename] = file
        return files

    def list_file(self, file: File) -> None:
        """List one entry as it is, replacing one of the same file name; hosts it unless `base` is set."""
        project = self.project(file.project)
        project.files = [other for other in project.files if other.filename != file.filename]
        project.files.append(file)
        if file.base is None:
            self.site.hosted[file.filename] = file

    def project(self, name: str) -> Project:
        """The project of that name, made (without files) if it was not there."""
        name = canonicalize_name(name)
        return self.site.projects.setdefault(name, Project(name=name))

    def remove(self, name: str) -> None:
        """Take a project off the index; its files stay where they were."""
        del self.site.projects[canonicalize_name(name)]

    def yank(self, filename: str, reason: str = "") -> None:
        """Mark a listed file as yanked."""
        (file,) = (
            file for project in self.site.projects.values() for file in project.files if file.filename == filename
        )
        self.list_file(replace(file, yanked=reason))

    # -- how it behaves

    def on(
        self,
        pattern: str,
        behaviour: Behaviour,
        *,
        times: int | None = None,
        skip: int = 0,
        method: str | None = None,
    ) -> None:
        """Behave so for paths that match the `fnmatch` pattern (``/simple/a/``, ``/files/*.whl``).

        Behaviours of several rules are applied in the order they were given.

        Args:
            pattern: of the path, without query.
            behaviour: what happens.
            times: only for the first so many requests that match.
            skip: but not for so many before.
            method: only for this one.
        """
        self._rules.append(Rule(pattern=pattern, behaviour=behaviour, times=times, skip=skip, method=method))

    def behave_well(self) -> None:
        """Forget every rule, authentication too."""
        self._rules.clear()

    # -- where it is

    @property
    def port(self) -> int:
        """The port; known once started, and kept after `close`."""
        return self._port

    @property
    def root(self) -> str:
        """``http://127.0.0.1:port``, without slash; https with TLS."""
        return f"{self._scheme}://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """For ``--index-url``."""
        return f"{self.root}/simple/"

    @property
    def links_url(self) -> str:
        """For ``--find-links``: every file on one page."""
        return f"{self.root}/links/"

    def url_as(self, user: str, password: str) -> str:
        """`url` with credentials inside."""
        who = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"{self._scheme}://{who}@127.0.0.1:{self._port}/simple/"

    def file_url(self, filename: str) -> str:
        """The address of a file here."""
        return f"{self.root}/files/{quote(filename)}"

    @property
    def localhost_root(self) -> str:
        """The same server under another host name."""
        return f"{self._scheme}://localhost:{self._port}"

    @property
    def _scheme(self) -> str:
        return "http" if self._tls is None else "https"

    # -- what it saw

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request so far, oldest first."""
        return tuple(self._started.log.requests)

    @property
    def connections(self) -> int:
        """How many connections were accepted."""
        return self._started.log.connections

    def asked(self, pattern: str = "*", method: str | None = None) -> tuple[Request, ...]:
        """The requests whose path matches."""
        return tuple(
            request
            for request in self.requests
            if fnmatchcase(unquote(request.path), pattern) and method in {None, request.method}
        )

    def forget(self) -> None:
        """Clear the log of requests."""
        self._started.log.clear()

    @property
    def _started(self) -> Server:
        assert self._server is not None, "the index is used before `with`"
        return self._server

    def _answer(self, request: Request) -> Reply:
        path = unquote(request.path)
        with self._lock:
            behaviours = [rule.behaviour for rule in self._rules if rule.takes(request.method, path)]
        reply = self.site.reply(path, asked_headers(behaviours, request.headers), self.root)
        for behaviour in behaviours:
            reply = behave(behaviour, reply, path=request.path, headers=request.headers)
        return reply
