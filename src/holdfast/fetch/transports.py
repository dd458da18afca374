"""The open connections: pools by kind of security and proxy, and their sockets, so that they can be cut.

**Guarantees**: plain http is spoken to loopback and trusted hosts only; certificates are verified everywhere else.
`Transports.break_off` shuts every socket down, so that each reader gets an end of file.

**On crash**: holds nothing on disk.

**Limits**: a name lookup or connection attempt under way is not interrupted by `Transports.break_off`; it ends by
itself, at the latest after the time-out. HTTP/1.1 only.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from holdfast import __version__
from holdfast.errors import NetworkError, UsageError
from holdfast.fetch.addresses import Address, is_bypassed, is_loopback, is_trusted, parse_address
from holdfast.model.request import Network
from holdfast.model.urls import printable_url

if TYPE_CHECKING:
    import socket

    import httpx

_IDLE_SECONDS = 60.0


class Transports:
    """The pools of one client. Safe to share between threads."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._lock = threading.Lock()
        self._pools: dict[tuple[str, str | None], httpx.Client] = {}
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._stop = threading.Event()

    @property
    def stop(self) -> threading.Event:
        """Set when what began before is to end."""
        with self._lock:
            return self._stop

    def close(self) -> None:
        """Close every connection, for good: a request of a thread that was left behind is told to end, not retried."""
        with self._lock:
            self._stop.set()
            pools = list(self._pools.values())
            self._pools.clear()
            sockets = list(self._sockets)
        for connection in sockets:
            _shut(connection)
        for pool in pools:
            pool.close()

    def break_off(self) -> None:
        """End what is under way; what begins later is not concerned."""
        with self._lock:
            stop, self._stop = self._stop, threading.Event()
            sockets = list(self._sockets)
        stop.set()
        for connection in sockets:
            _shut(connection)

    def address_of(self, url: str) -> Address:
        """Take a URL apart and refuse what must not be asked.

        Raises:
            UsageError: It is not a URL that can be asked.
            NetworkError: ``--offline``, or plain http to another machine.
        """
        try:
            address = parse_address(url)
        except ValueError as error:
            raise UsageError(f"{printable_url(url)} cannot be used: {error}.") from error
        if address.scheme == "file":
            return address
        if self.network.offline:
            raise NetworkError(
                f"{address.place} is not asked for {printable_url(address.url)}: --offline.",
                hint="Run it without --offline.",
            )
        if (
            address.scheme == "http"
            and not is_loopback(address.host)
            and not is_trusted(address, self.network.trusted_hosts)
        ):
            raise NetworkError(
                f"{address.place} would be asked without encryption (http).",
                hint=f"Use https, or say --trusted-host {address.place}.",
            )
        return address

    def pool_of(self, address: Address) -> tuple[httpx.Client, str | None]:
        """The pool for an address, and the proxy that it goes through."""
        proxy = self._proxy(address)
        if address.scheme == "http":
            kind = "plain"
        else:
            kind = "unverified" if is_trusted(address, self.network.trusted_hosts) else "verified"
        with self._lock:
            found = self._pools.get((kind, proxy))
            if found is None:
                found = self._pools[kind, proxy] = self._open(kind, proxy)
        return found, proxy

    def watch(self, event: str, info: Mapping[str, Any], stop: threading.Event) -> None:
        """Called by httpcore (its trace extension); remembers each new socket."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            connection = info["return_value"].get_extra_info("socket")
            if connection is not None:
                with self._lock:
                    self._sockets.add(connection)
                if stop.is_set():
                    _shut(connection)

    def _proxy(self, address: Address) -> str | None:
        environ = os.environ
        no_proxy = environ.get("no_proxy", environ.get("NO_PROXY", ""))
        if no_proxy and is_bypassed(address.host, address.port, no_proxy):
            return None
        scheme = address.scheme
        found = self.network.proxy or environ.get(f"{scheme}_proxy") or environ.get(f"{scheme.upper()}_PROXY")
        found = found or environ.get("all_proxy") or environ.get("ALL_PROXY") or None
        return found if found is None or "://" in found else f"http://{found}"

    def _open(self, kind: str, proxy: str | None) -> httpx.Client:
        import httpx  # noqa: PLC0415 - 50 ms, paid by the first request

        from holdfast.fetch import tls  # noqa: PLC0415 - it imports ssl

        match kind:
            case "verified":
                context = tls.verified(self.network)
            case "unverified":
                context = tls.unverified(self.network)
            case _:
                context = tls.plain()
        most = max(1, self.network.concurrency)
        try:
            return httpx.Client(
                verify=context,
                proxy=proxy,
                trust_env=False,
                timeout=httpx.Timeout(self.network.timeout, pool=None),
                limits=httpx.Limits(
                    max_connections=most, max_keepalive_connections=most, keepalive_expiry=_IDLE_SECONDS
                ),
                headers={"User-Agent": f"holdfast/{__version__}"},
            )
        except (ValueError, ImportError) as error:  # an unknown scheme; socks without its library
            raise UsageError(f"The proxy {printable_url(proxy or '')} cannot be used: {error}.") from error


def _shut(connection: socket.socket) -> None:
    import socket  # noqa: PLC0415 - httpx imported it long since

    with suppress(OSError):  # closed meanwhile
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not SSLSocket's: it forgets the session under the reader
