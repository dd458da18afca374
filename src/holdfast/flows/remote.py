"""Reads requirements files that lie on a server."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.errors import UsageError
from holdfast.events import Reporter
from holdfast.model.request import Network

_LIMIT = 16 * 1024 * 1024


def url_opener(network: Network, reporter: Reporter) -> Callable[[str], bytes]:
    """What reads a URL for ``requirements``; connects only when it is called."""

    def read(url: str) -> bytes:
        from holdfast.fetch.http import ABSENT, Client  # noqa: PLC0415 - few files lie on a server

        with Client(network, urls=(url,), reporter=reporter) as client:
            reply = client.get(url, limit=_LIMIT)
        if reply.status in ABSENT:
            raise UsageError(f"There is no requirements file at {reply.url}: the server answers {reply.status}.")
        return reply.body

    return read
