"""One HTTP client for a whole command: pooled connections, retries, redirects, credentials, proxies.

**Guarantees**: credentials never cross hosts and never appear in output; every failure is a NetworkError or
AuthenticationError that names the host; `Client.break_off` ends every request under way within moments.

**On crash**: holds nothing on disk.

**Limits**: those of `transports`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from holdfast.errors import IntegrityError
from holdfast.events import SILENT, Reporter
from holdfast.fetch.addresses import parse_address
from holdfast.fetch.credentials import CredentialStore
from holdfast.fetch.exchange import BrokenError, Exchange, Streamed
from holdfast.fetch.local import path_of, read_file
from holdfast.fetch.retry import Attempts
from holdfast.fetch.transports import Transports
from holdfast.model.request import Network
from holdfast.model.urls import printable_url

HANDLED = frozenset({200, 206, 304, 404, 410})
"""Statuses that `Client.get` gives back; every other one raises."""

ABSENT = frozenset({404, 410})
"""There is no such thing."""

_BODY_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer.

    Attributes:
        status: 200 ...
        headers: Lower-case names.
        url: Where it came from in the end.
        body: Decoded.
        authorised: Credentials were sent on the way: others may not see it.
    """

    status: int
    headers: Mapping[str, str]
    url: str
    body: bytes
    authorised: bool = False


class Client:
    """Asks servers. Safe to share between threads; a context manager.

    Args:
        network: Time-outs, retries, proxy, certificates.
        urls: Index and find-links URLs: their credentials count for everything at the same place.
        reporter: Told of retries.
    """

    def __init__(self, network: Network, *, urls: tuple[str, ...] = (), reporter: Reporter = SILENT) -> None:
        self.network = network
        self.reporter = reporter
        self._credentials = CredentialStore(urls, reporter)
        self._transports = Transports(network)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.break_off()
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._transports.close()

    def break_off(self) -> None:
        """End what is under way: those requests raise `Cancelled` soon. The client can be used again."""
        self._transports.break_off()

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        handled: frozenset[int] = HANDLED,
        limit: int = _BODY_LIMIT,
    ) -> Reply:
        """Fetch a whole body, decoded.

        Args:
            url: ``https:``, ``http:`` or ``file:``.
            headers: Of the request.
            handled: Statuses that the caller understands; others raise.
            limit: Most bytes of the body.

        Raises:
            NetworkError: The server cannot be reached or fails, after the retries.
            AuthenticationError: 401, 403 or 407.
            IntegrityError: The body is longer than ``limit``.
            UsageError: The URL cannot be used.
            Cancelled: `break_off` was called.
        """
        if url.startswith("file:"):
            content = read_file(path_of(url))
            return Reply(status=404 if content is None else 200, headers={}, url=url, body=content or b"")
        exchange, attempts = self._begin()
        while True:
            streamed = exchange.send(url, headers or {}, handled, attempts)
            try:
                body = b"".join(_bounded(streamed, limit))
            except BrokenError as error:
                attempts.again(streamed.url, error.failure.error, error.failure.reason)
            else:
                return Reply(
                    status=streamed.status,
                    headers=streamed.headers,
                    url=streamed.url,
                    body=body,
                    authorised=exchange.authorised,
                )
            finally:
                streamed.close()

    @contextmanager
    def stream(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        handled: frozenset[int] = HANDLED,
        attempts: Attempts | None = None,
    ) -> Iterator[Streamed]:
        """Ask for a body that is read piece by piece; as `get`, but a body that breaks is the caller's to resume."""
        exchange, own = self._begin()
        streamed = exchange.send(url, headers or {}, handled, attempts or own)
        try:
            yield streamed
        finally:
            streamed.close()

    def user_of(self, url: str) -> str | None:
        """As whom a URL is asked, by URLs and netrc; None: as nobody."""
        try:
            found = self._credentials.find(parse_address(url))
        except ValueError:  # the request itself will complain
            return None
        return None if found is None else found.user

    def attempts(self) -> Attempts:
        """The tries of a request that the caller repeats by itself."""
        return self._begin()[1]

    def _begin(self) -> tuple[Exchange, Attempts]:
        exchange = Exchange(self._transports, self._credentials)
        return exchange, Attempts(self.network.retries, self.reporter, exchange.pause)


def _bounded(streamed: Streamed, limit: int) -> Iterator[bytes]:
    left = limit
    for chunk in streamed.chunks(decoded=True):
        left -= len(chunk)
        if left < 0:
            raise IntegrityError(f"{printable_url(streamed.url)} is longer than {limit} bytes and was not read on.")
        yield chunk
