"""Addresses that nobody answers at."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def refused() -> Iterator[str]:
    """A URL whose port is ours, bound and not listening: connections are refused at once."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/simple/"


@contextmanager
def silent() -> Iterator[str]:
    """A URL whose port takes connections and never says a word."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(64)
        yield f"http://127.0.0.1:{held.getsockname()[1]}/simple/"
