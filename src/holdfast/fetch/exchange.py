"""One request with its redirects, credentials and repetitions.

**Guarantees**: credentials go only to the scheme, host and port that they were given for, also on redirects, and never
appear in an error or event. Every failure becomes a NetworkError or AuthenticationError that names the host.

**On crash**: holds nothing on disk.

**Limits**: only GET.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from holdfast.errors import NetworkError, UsageError
from holdfast.fetch.addresses import Address, Credentials
from holdfast.fetch.credentials import CredentialStore, basic
from holdfast.fetch.failures import Failure, connection_failure, status_failure
from holdfast.fetch.pool import Cancelled
from holdfast.fetch.retry import Attempts, parse_retry_after
from holdfast.fetch.transports import Transports
from holdfast.model.urls import printable_url

if TYPE_CHECKING:
    import httpx

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 10
_UNAUTHORISED = 401


class BrokenError(Exception):
    """A try that failed, or a body that ended early. ``failure`` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class Streamed:
    """An answer whose body is still to come.

    Attributes:
        status: 200, 206 ...
        headers: Lower-case names.
        url: Where it came from in the end, without credentials.
    """

    def __init__(self, response: httpx.Response, address: Address, exchange: Exchange) -> None:
        self.status = response.status_code
        self.headers = {key.lower(): value for key, value in response.headers.items()}
        self.url = address.url
        self._response = response
        self._address = address
        self._exchange = exchange

    def chunks(self, *, decoded: bool = False) -> Iterator[bytes]:
        """The body as it comes; ``decoded``: without its Content-Encoding.

        Raises:
            BrokenError: It ends early.
            Cancelled: The client was told to stop.
        """
        import httpx  # noqa: PLC0415 - imported long since

        try:
            yield from self._response.iter_bytes() if decoded else self._response.iter_raw()
        except (httpx.HTTPError, httpx.StreamError) as error:
            self._exchange.check()
            raise BrokenError(self._exchange.explain(self._address, error)) from error

    def close(self) -> None:
        """Give the connection back, or close it if the body was not read to its end."""
        self._response.close()


class Exchange:
    """One request, from now until its body is read.

    Attributes:
        authorised: Credentials were sent, in one of the tries or on the way of the redirects.
    """

    def __init__(self, transports: Transports, credentials: CredentialStore) -> None:
        self._transports = transports
        self._credentials = credentials
        self._stop = transports.stop
        self._via: str | None = None
        self.authorised = False

    def check(self) -> None:
        """Raise `Cancelled` if the client was told to stop since this exchange began."""
        if self._stop.is_set():
            raise Cancelled

    def pause(self, seconds: float) -> None:
        """Sleep; raise `Cancelled` as soon as the client is told to stop."""
        if self._stop.wait(seconds):
            raise Cancelled

    def explain(self, address: Address, error: Exception) -> Failure:
        """What an exception of httpx means."""
        return connection_failure(address, error, proxy=self._via, timeout=self._transports.network.timeout)

    def send(self, url: str, headers: Mapping[str, str], handled: frozenset[int], attempts: Attempts) -> Streamed:
        """Ask until there is an answer that the caller handles.

        Args:
            url: May carry credentials.
            headers: Of the request.
            handled: Statuses that are given back; others are retried or raise.
            attempts: Counts the tries.
        """
        address = self._transports.address_of(url)
        while True:
            retry_after = None
            try:
                streamed = self._follow(address, headers)
            except BrokenError as error:
                failure = error.failure
            else:
                if streamed.status in handled:
                    return streamed
                streamed.close()
                failure = status_failure(address, streamed.status, url=streamed.url, proxy=self._via)
                retry_after = parse_retry_after(streamed.headers.get("retry-after"))
            self.check()
            if failure.final:
                raise failure.error
            attempts.again(address.url, failure.error, failure.reason, retry_after)

    def _follow(self, address: Address, headers: Mapping[str, str]) -> Streamed:
        """One try, to the end of the redirects."""
        asked = address
        for _ in range(_MOST_REDIRECTS + 1):
            streamed = self._authorised(address, headers)
            location = streamed.headers.get("location")
            if streamed.status not in _REDIRECTS or not location:
                return streamed
            streamed.close()
            try:
                target = self._transports.address_of(urljoin(address.url, location))
            except UsageError as error:
                raise NetworkError(f"{address.place} redirects to a URL that cannot be used: {error.cause}") from error
            if target.scheme == "file":
                raise NetworkError(f"{address.place} redirects to a file of this machine; that is not followed.")
            address = target
        raise NetworkError(f"{asked.place} redirects more than {_MOST_REDIRECTS} times for {printable_url(asked.url)}.")

    def _authorised(self, address: Address, headers: Mapping[str, str]) -> Streamed:
        """One request; after a 401 once more with what keyring knows."""
        streamed = self._ask(address, headers, self._credentials.find(address))
        if streamed.status == _UNAUTHORISED and (found := self._credentials.ask_keyring(address)) is not None:
            streamed.close()
            streamed = self._ask(address, headers, found)
        return streamed

    def _ask(self, address: Address, headers: Mapping[str, str], who: Credentials | None) -> Streamed:
        import httpx  # noqa: PLC0415 - 50 ms, paid by the first request

        pool, self._via = self._transports.pool_of(address)
        sent = dict(headers)
        if who is not None:
            sent["Authorization"] = basic(who)
            self.authorised = True
        self.check()
        try:
            request = pool.build_request("GET", address.url, headers=sent)
            request.extensions["trace"] = lambda event, info: self._transports.watch(event, info, self._stop)
            response = pool.send(request, stream=True, follow_redirects=False, auth=None)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self.check()
            raise BrokenError(self.explain(address, error)) from error
        except RuntimeError:  # the pool was closed under us
            self.check()
            raise
        return Streamed(response, address, self)
