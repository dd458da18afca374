"""A small forward proxy: ``GET http://...`` is passed on, CONNECT tunnelled; every request is logged."""

from __future__ import annotations

import http.client
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.support.index.behaviours import Reply, credentials
from tests.support.index.server import Request, Server

HOP_BY_HOP = frozenset({"connection", "proxy-connection", "proxy-authorization", "keep-alive", "te", "host"})
OURS = frozenset({"connection", "content-length", "transfer-encoding", "date", "server"})


class ForwardProxy:
    """A context manager; `url` is for ``--proxy`` and ``http_proxy``.

    Args:
        auth: user and password that every request must bring; without: 407.
    """

    def __init__(self, *, auth: tuple[str, str] | None = None) -> None:
        self._auth = auth
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self._server = Server(self._answer, tunnel=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._started.close()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``."""
        return self._started.url

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request that came through, oldest first; `target` is the whole URL."""
        return tuple(self._started.log.requests)

    @property
    def _started(self) -> Server:
        assert self._server is not None, "the proxy is used before `with`"
        return self._server

    def _answer(self, request: Request) -> Reply:
        if self._auth and request.headers.get("proxy-authorization") != credentials(*self._auth):
            return Reply(status=407, headers={"Proxy-Authenticate": 'Basic realm="proxy"'})
        if request.method == "CONNECT":
            return Reply(status=200)
        parts = urlsplit(request.target)
        if parts.scheme != "http" or parts.hostname is None:
            return Reply(status=400, body=b"a proxy is asked for whole URLs\n")
        upstream = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=30)
        try:
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            headers = {key: value for key, value in request.headers.items() if key not in HOP_BY_HOP}
            upstream.request(request.method, path or "/", headers={**headers, "host": parts.netloc})
            reply = upstream.getresponse()
            kept = {key: value for key, value in reply.getheaders() if key.lower() not in OURS}
            return Reply(status=reply.status, headers=kept, body=reply.read())
        except OSError as error:
            return Reply(status=502, body=f"{error}\n".encode())
        finally:
            upstream.close()
