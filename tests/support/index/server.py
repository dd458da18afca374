"""A real HTTP/1.1 server on 127.0.0.1: threads, keep-alive, a log of requests and connections."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.index.behaviours import Reply

PIECE = 16 * 1024
TICK = 0.05


@dataclass(slots=True, kw_only=True)
class Request:
    """One request as the server saw it.

    Args:
        target: path and query, or the whole URL if the client took us for a proxy.
        headers: names in lower case.
        connection: 1 for the first connection, and so on.
        status: of the reply; 0: none was sent.
        body_sent: bytes of the body that were handed to the socket.
        began: when it was read, by `time.monotonic`.
        ended: when the reply was handed over or given up; 0: not yet.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    connection: int
    status: int = 0
    body_sent: int = 0
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0

    @property
    def path(self) -> str:
        """The path without query."""
        return self.target.partition("?")[0]


Answer = Callable[[Request], Reply]


@dataclass(slots=True, kw_only=True)
class Log:
    """What a server has seen. Reading is safe at any time."""

    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def clear(self) -> None:
        """Forget the requests; connections keep their numbers."""
        self.requests = []


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, handler: type[BaseHTTPRequestHandler], port: int) -> None:
        super().__init__(("127.0.0.1", port), handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base says
        """A client that goes away is no error of ours; anything else is."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Server:
    """Serves `answer` until closed; every connection is cut then, and every delay ends.

    Args:
        answer: gives the reply to a request; called in the connection's thread.
        port: 0 for any.
        tls: speak TLS with this context.
        tunnel: take a reply of 200 to CONNECT as leave to connect the client with the host it named.
    """

    def __init__(
        self, answer: Answer, port: int = 0, *, tls: ssl.SSLContext | None = None, tunnel: bool = False
    ) -> None:
        self.log = Log()
        self._tls = tls
        self._tunnel = tunnel
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._listener = _Listener(self._handler(answer), port)
        self.port: int = self._listener.server_address[1]
        self._loop = threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True)
        self._loop.start()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``, without slash; https with TLS."""
        return f"http{'s' * (self._tls is not None)}://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop listening, cut what is open, wait for the threads."""
        self._closing.set()
        self._listener.shutdown()
        self._listener.server_close()
        self._loop.join()
        with self._lock:
            left, threads = tuple(self._open), tuple(self._threads)
        for connection in left:
            _cut(connection)
        for thread in threads:
            thread.join(timeout=5)

    def _handler(self, answer: Answer) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            timeout = 60

            def setup(self) -> None:
                if server._tls is not None:
                    self.request.settimeout(self.timeout)
                    self.request = server._tls.wrap_socket(self.request, server_side=True)
                super().setup()
                with server._lock:
                    server.log.connections += 1
                    self.number = server.log.connections
                    server._open.add(self.connection)
                    server._threads.add(threading.current_thread())
                    if server._closing.is_set():
                        _cut(self.connection)

            def finish(self) -> None:
                with server._lock:
                    server._open.discard(self.connection)
                    server._threads.discard(threading.current_thread())
                super().finish()
                if server._tls is not None:
                    self.request.close()  # the listener closes the socket that it knows, which is empty now

            def reply(self) -> None:
                server._reply(self, self.number, answer)

            do_GET = do_HEAD = do_POST = do_CONNECT = reply  # noqa: N815 - as the base says

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as the base says
                pass

        return Handler

    def _reply(self, handler: BaseHTTPRequestHandler, number: int, answer: Answer) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        seen = Request(
            method=handler.command,
            target=handler.path,
            headers={key.lower(): value for key, value in handler.headers.items()},
            connection=number,
        )
        with self._lock:
            self.log.requests.append(seen)
        try:
            self._serve(handler, seen, answer(seen))
        finally:
            seen.ended = time.monotonic()

    def _serve(self, handler: BaseHTTPRequestHandler, seen: Request, reply: Reply) -> None:
        if self._closing.wait(reply.delay) or reply.drop_after == -1:
            _end(handler, reset=reply.reset)
            return
        seen.status = reply.status
        if seen.method == "CONNECT" and reply.status == 200 and self._tunnel:
            handler.close_connection = True
            self._connect(handler, seen.target)
            return
        handler.wfile.write(_head(reply))
        if seen.method == "HEAD" or reply.status in {204, 304}:
            handler.close_connection = handler.close_connection or reply.close or reply.hang_up
            return
        if self._send_body(handler, seen, reply):
            handler.close_connection = handler.close_connection or reply.close or reply.hang_up
        else:
            _end(handler, reset=reply.reset)

    def _connect(self, handler: BaseHTTPRequestHandler, target: str) -> None:
        """Pass bytes both ways until one side ends."""
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as upstream:
            handler.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            other = {handler.connection: upstream, upstream: handler.connection}
            while not self._closing.is_set():
                for ready in select.select(list(other), [], [], TICK)[0]:
                    data = ready.recv(PIECE)
                    if not data:
                        return
                    other[ready].sendall(data)

    def _send_body(self, handler: BaseHTTPRequestHandler, seen: Request, reply: Reply) -> bool:
        """Send the body as the reply says; False: the connection is to be dropped now."""
        body = reply.body if reply.drop_after is None else reply.body[: reply.drop_after]
        piece = PIECE if reply.rate is None else max(1, int(reply.rate * TICK))
        began = time.monotonic()
        for start in range(0, len(body), piece):
            part = body[start : start + piece]
            seen.body_sent += len(part)
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if reply.chunked else part)
            if reply.rate is not None:
                due = began + (start + len(part)) / reply.rate
                if self._closing.wait(max(0.0, due - time.monotonic())):
                    return False
        if reply.drop_after is not None:
            return False
        if reply.chunked:
            handler.wfile.write(b"0\r\n\r\n")
        return True


def _head(reply: Reply) -> bytes:
    phrase = HTTPStatus(reply.status).phrase
    headers = {"Date": formatdate(usegmt=True), "Server": "simulator", **reply.headers}
    if reply.chunked:
        headers["Transfer-Encoding"] = "chunked"
    elif reply.status not in {204, 304}:
        headers["Content-Length"] = str(len(reply.body) if reply.length is None else reply.length)
    if reply.close:
        headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {reply.status} {phrase}", *(f"{key}: {value}" for key, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _end(handler: BaseHTTPRequestHandler, *, reset: bool) -> None:
    handler.close_connection = True
    if reset:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
    else:
        _cut(handler.connection)


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # the other side was first
        connection.shutdown(socket.SHUT_RDWR)
