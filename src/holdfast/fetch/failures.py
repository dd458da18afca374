"""What went wrong on the way to a server, in words: who is to blame and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from holdfast.errors import AuthenticationError, NetworkError
from holdfast.fetch.addresses import Address, parse_address
from holdfast.model.urls import printable_url

PROXY_REFUSED = 407
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed try.

    Attributes:
        error: To raise when there is no further try.
        reason: A few words for the retry line.
        final: Another try cannot help.
    """

    error: NetworkError
    reason: str
    final: bool = False


def connection_failure(address: Address, error: Exception, *, proxy: str | None, timeout: float) -> Failure:
    """Explain an exception of httpx."""
    import ssl  # noqa: PLC0415 - 10 ms that only a failure need pay
    from socket import gaierror  # noqa: PLC0415 - as ssl

    place = address.place
    through = f" through the proxy {printable_url(proxy)}" if proxy else ""
    chain = _chain(error)
    for cause in chain:
        if isinstance(cause, ssl.SSLCertVerificationError):
            text = f"The certificate of {place} is not accepted: {cause.verify_message or cause.reason}."
            return Failure(
                error=NetworkError(text, hint=f"Give its authority with --cert FILE, or --trusted-host {place}."),
                reason="certificate not accepted",
                final=True,
            )
        if isinstance(cause, ssl.SSLError):
            return _retried(f"No secure connection to {place}{through}: {cause.reason or cause}.", "TLS failure")
        if isinstance(cause, gaierror):
            # Through a proxy, only the proxy's name is looked up here.
            name = f"of the proxy {printable_url(proxy)}" if proxy else address.host
            return _retried(f"The name {name} cannot be resolved: {cause.strerror or cause}.", "name not resolved")
    name = type(error).__name__
    if name == "ProxyError" and str(PROXY_REFUSED) in str(error):
        return Failure(error=refused(address, PROXY_REFUSED, proxy=proxy), reason="proxy wants a login", final=True)
    if name.endswith("Timeout"):
        return _retried(f"{place} did not answer within {timeout:g} seconds{through}.", "timeout", slow=True)
    for cause in chain:
        if isinstance(cause, OSError) and cause.strerror:
            return _retried(f"The connection to {place} failed{through}: {cause.strerror}.", cause.strerror.lower())
    text = str(error).rstrip(".") or name
    return _retried(f"The connection to {place} failed{through}: {text}.", text)


def status_failure(asked: Address, status: int, *, url: str, proxy: str | None) -> Failure:
    """Explain a status that no caller handles.

    Args:
        asked: What was asked for.
        status: The answer.
        url: Who answered in the end, without credentials.
        proxy: What was asked through.
    """
    address = parse_address(url)
    if status in {401, 403, PROXY_REFUSED}:
        return Failure(error=refused(address, status, proxy=proxy), reason=said(status), final=True)
    redirected = "" if address.origin == asked.origin else f" (redirected there by {asked.place})"
    text = f"{address.place} answered {said(status)} for {printable_url(address.url)}{redirected}."
    hint = "The same command later." if status in RETRIED_STATUSES else "Check the URL."
    return Failure(error=NetworkError(text, hint=hint), reason=said(status), final=status not in RETRIED_STATUSES)


def refused(address: Address, status: int, *, proxy: str | None) -> AuthenticationError:
    """401, 403 or 407."""
    if status == PROXY_REFUSED:
        return AuthenticationError(
            f"The proxy {printable_url(proxy or '')} wants credentials (407).",
            hint="Put them into its URL: --proxy http://USER:PASSWORD@HOST:PORT",
        )
    where = printable_url(address.url)
    if status == 401:  # noqa: PLR2004 - the status says it
        text = f"{address.place} wants credentials, or refuses the ones it got (401), for {where}."
    else:
        text = f"{address.place} forbids access (403) to {where}."
    return AuthenticationError(
        text,
        hint=f"Put credentials for {address.host} into ~/.netrc, the index URL (https://USER@HOST/...) or keyring.",
    )


def said(status: int) -> str:
    """``503 Service Unavailable``."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _retried(text: str, reason: str, *, slow: bool = False) -> Failure:
    hint = "Check the network, or raise --timeout." if slow else "Check the network, the URL and --proxy."
    return Failure(error=NetworkError(text, hint=hint), reason=reason)


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found
