"""The loopback index: a process of its own that answers from memory and sends wheels with sendfile.

Run as a program (``python benchmarks/local_index.py WHEELS``) it prints its base URL and serves until it is stopped.

**Guarantees**: simple API as JSON (PEP 691) and HTML (PEP 503), sidecars (PEP 658), ETag, gzip, ranges, HTTP/1.1 with
connections kept. **Limits**: GET and HEAD; one range; requests are not checked beyond that, it is a benchmark's server.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

if __package__ in {None, ""}:  # run as a program: the modules are found from the checkout
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from benchmarks.pages import Content, Resource, build_site

LONGEST_HEAD = 64 * 1024
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
REASONS = {200: "OK", 206: "Partial Content", 301: "Moved Permanently", 304: "Not Modified", 404: "Not Found"} | {
    405: "Method Not Allowed",
    416: "Range Not Satisfiable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response: its head, and which part of which content follows."""

    head: bytes
    content: Content | None = None
    start: int = 0
    end: int = 0


def _head(status: int, fields: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS[status]}", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """The range that is asked for, end exclusive; None: there are no such bytes."""
    match = RANGE.fullmatch(wanted.strip())
    if match is None or match.group(0) == "bytes=-":
        return 0, size
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    return (start, end) if start < end else None


def answer(site: dict[str, Resource], method: str, path: str, headers: dict[str, str]) -> Answer:
    """What the site says to one request; `headers` by lower-case name."""
    if method not in {"GET", "HEAD"}:
        return Answer(head=_head(405, {"Content-Length": "0"}))
    path = path.partition("?")[0]
    resource = site.get(path)
    if resource is None:
        if f"{path}/" in site:
            return Answer(head=_head(301, {"Location": f"{path}/", "Content-Length": "0"}))
        return Answer(head=_head(404, {"Content-Length": "0"}))
    content = resource.negotiated(headers.get("accept", ""), headers.get("accept-encoding", ""))
    fields = {"Content-Type": content.kind, "ETag": content.etag, "Cache-Control": content.age}
    if resource.html is not None or resource.zipped is not None:
        fields["Vary"] = "Accept, Accept-Encoding"
    if headers.get("if-none-match") == content.etag:
        return Answer(head=_head(304, fields))
    status, start, end = 200, 0, content.size
    if content.zipped:
        fields["Content-Encoding"] = "gzip"
    else:
        fields["Accept-Ranges"] = "bytes"
        wanted = headers.get("range")
        if wanted is not None and headers.get("if-range", content.etag) == content.etag:
            span = _span(wanted, content.size)
            if span is None:
                return Answer(head=_head(416, {"Content-Range": f"bytes */{content.size}", "Content-Length": "0"}))
            if span != (0, content.size) or "bytes=0-" in wanted:
                status, (start, end) = 206, span
                fields["Content-Range"] = f"bytes {start}-{end - 1}/{content.size}"
    fields["Content-Length"] = str(end - start)
    head = _head(status, fields)
    return Answer(head=head, content=content, start=start, end=end) if method == "GET" else Answer(head=head)


def _send(connection: socket.socket, reply: Answer) -> None:
    content = reply.content
    if content is None:
        connection.sendall(reply.head)
    elif content.path is None:
        connection.sendall(reply.head + content.body[reply.start : reply.end])
    else:
        connection.sendall(reply.head)
        with open(content.path, "rb") as stream:
            connection.sendfile(stream, reply.start, reply.end - reply.start)


def _talk(connection: socket.socket, site: dict[str, Resource], latency: float) -> None:
    """Answer the requests of one connection until it ends."""
    with connection, contextlib.suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                more = connection.recv(LONGEST_HEAD)
                if not more or len(buffer) > LONGEST_HEAD:
                    return
                buffer += more
            raw, _, buffer = buffer.partition(b"\r\n\r\n")
            first, *lines = raw.decode("latin-1").split("\r\n")
            method, path, _ = first.split(" ", 2)
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            if latency:
                time.sleep(latency)
            _send(connection, answer(site, method, path, headers))
            if headers.get("connection", "").lower() == "close":
                return


def serve(site: dict[str, Resource], listener: socket.socket, *, latency: float) -> None:
    """Answer for ever, each connection in a thread; every answer comes `latency` seconds late."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_talk, args=(connection, site, latency), daemon=True).start()


@contextlib.contextmanager
def running(directory: str, *, latency_ms: float = 0, past: int = 50) -> Iterator[str]:
    """The index in a process of its own, for the time of the block; its simple URL."""
    line = [sys.executable, __file__, directory, "--latency", str(latency_ms), "--past", str(past)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError(f"The local index did not start for {directory}.")
            yield url
        finally:
            process.terminate()


def main() -> None:
    """Serve the wheels of a directory on loopback."""
    parser = argparse.ArgumentParser(description="Serve the wheels of a directory as a package index on loopback.")
    parser.add_argument("directory")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0, metavar="MS", help="every answer comes this late")
    parser.add_argument("--past", type=int, default=50, help="older releases that each project's page lists")
    options = parser.parse_args()
    site = build_site(options.directory, past=options.past)
    listener = socket.create_server(("127.0.0.1", options.port), backlog=256)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/simple/", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        serve(site, listener, latency=options.latency / 1000)


if __name__ == "__main__":
    main()
