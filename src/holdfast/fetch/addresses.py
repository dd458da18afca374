"""URLs taken apart: where they point, who is named in them, how they may be shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit, urlunsplit

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A user and perhaps a password; neither is ever part of a repr."""

    user: str = field(repr=False)
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A URL without its credentials and fragment.

    Attributes:
        url: May be shown and sent.
        scheme: Lower case.
        host: Lower case, without brackets; empty for ``file:``.
        port: The scheme's own when not said.
        path: Percent-encoded.
        credentials: What the URL carried.
    """

    url: str
    scheme: str
    host: str
    port: int
    path: str
    credentials: Credentials | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        """What credentials are bound to."""
        return (self.scheme, self.host, self.port)

    @property
    def place(self) -> str:
        """The host, with its port where that is not the scheme's own, as messages name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS.get(self.scheme) else f"{host}:{self.port}"


@lru_cache(maxsize=4096)
def parse_address(url: str) -> Address:
    """Take a URL apart.

    Raises:
        ValueError: It is not a URL that anything can be asked at; the message does not repeat it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError("the URL's host or port is malformed") from error
    scheme, host = parts.scheme.lower(), parts.hostname or ""
    if scheme not in {"http", "https", "file"}:
        raise ValueError(f"URLs of the scheme {scheme or 'without a name'!r} are not supported")
    if scheme != "file" and not host:
        raise ValueError("the URL names no host")
    netloc = parts.netloc.rpartition("@")[2] if scheme != "file" else parts.netloc
    credentials = None
    if parts.username and scheme != "file":
        password = None if parts.password is None else unquote(parts.password)
        credentials = Credentials(user=unquote(parts.username), password=password)
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return Address(
        url=urlunsplit((scheme, netloc, path if path or scheme == "file" else "/", query, "")),
        scheme=scheme,
        host=host,
        port=_PORTS.get(scheme, 0) if port is None else port,
        path=path or "/",
        credentials=credentials,
    )


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine, so that plain http reaches nobody else."""
    return host == "localhost" or host.endswith(".localhost") or host.startswith("127.") or host == "::1"


def is_trusted(address: Address, trusted_hosts: tuple[str, ...]) -> bool:
    """Whether ``--trusted-host`` names the host (``host`` or ``host:port``)."""
    return any(entry.lower() in {address.host, f"{address.host}:{address.port}"} for entry in trusted_hosts)


def is_bypassed(host: str, port: int, no_proxy: str) -> bool:
    """Whether a NO_PROXY list names the host: ``*``, ``host``, ``.domain``, ``host:port``, an address or a network."""
    for entry in (part.strip().lower() for part in no_proxy.split(",")):
        if entry == "*":
            return True
        name, colon, its_port = entry.rpartition(":")
        if colon and its_port.isdigit() and ":" not in name:
            if int(its_port) != port:
                continue
            entry = name  # noqa: PLW2901 - the same entry without its port
        domain = entry.removeprefix("*").removeprefix(".")
        if domain and (host == domain or host.endswith(f".{domain}")):
            return True
        if "/" in entry and _in_network(host, entry):
            return True
    return False


def _in_network(host: str, network: str) -> bool:
    import ipaddress  # noqa: PLC0415 - only where a proxy is set and a network is named

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
