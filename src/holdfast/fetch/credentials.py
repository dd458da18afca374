"""Who we say we are, and to whom: URLs, then netrc, then keyring.

**Guarantees**: credentials are bound to scheme, host and port; they are never printed. Keyring is asked only after a
server answered 401, and once for each user and place.

**On crash**: changes nothing.

**Limits**: keyring is the program ``keyring`` on PATH, asked for a user that the URL names; without a user it is not
asked. A ``http://`` URL's credentials are also used at ``https://`` of the same host (an index that redirects to its
secure self).
"""

from __future__ import annotations

import os
import threading
from base64 import b64encode
from collections.abc import Iterable

from holdfast.events import Detail, Reporter
from holdfast.fetch.addresses import Address, Credentials, parse_address

_KEYRING_SECONDS = 60.0  # somebody may have to unlock it


def basic(credentials: Credentials) -> str:
    """The value of an Authorization header (RFC 7617)."""
    both = f"{credentials.user}:{credentials.password or ''}"
    return "Basic " + b64encode(both.encode()).decode("ascii")


class CredentialStore:
    """What is known of each place. Safe to share between threads.

    Args:
        urls: Index and find-links URLs, whose credentials also count for other paths of the same place.
        reporter: Gets a line when netrc or keyring cannot be used.
    """

    def __init__(self, urls: Iterable[str], reporter: Reporter) -> None:
        self._reporter = reporter
        self._lock = threading.Lock()
        self._known: list[Address] = []
        self._rings: dict[tuple[str, str], str | None] = {}
        self._netrc: dict[str, Credentials] | None = None
        for url in urls:
            try:
                self.learn(parse_address(url))
            except ValueError:
                continue  # the request itself will complain

    def learn(self, address: Address) -> None:
        """Remember the credentials in a URL, if there are any."""
        if address.credentials is not None:
            with self._lock:
                if address not in self._known:
                    self._known.append(address)

    def find(self, address: Address) -> Credentials | None:
        """The credentials to send with a request, before any 401."""
        said = address.credentials or self._from_urls(address)
        if said is not None and said.password is not None:
            return said
        if said is not None:
            ring = self._rings.get((said.user, _service(address)))
            return Credentials(user=said.user, password=ring) if ring is not None else said
        return self._from_netrc(address.host)

    def ask_keyring(self, address: Address) -> Credentials | None:
        """After a 401: what the keyring knows and was not tried yet."""
        said = address.credentials or self._from_urls(address)
        if said is None or said.password is not None:
            return None
        key = (said.user, _service(address))
        with self._lock:
            if key in self._rings:
                return None
            password = self._run_keyring(_service(address), said.user) or self._run_keyring(address.host, said.user)
            self._rings[key] = password
        return None if password is None else Credentials(user=said.user, password=password)

    def _from_urls(self, address: Address) -> Credentials | None:
        """The known URL of the same place whose path has the most in common with the one asked for."""
        with self._lock:
            fitting = [known for known in self._known if _same_place(known, address)]
        best = max(fitting, key=lambda known: len(os.path.commonpath([known.path, address.path])), default=None)
        return None if best is None else best.credentials

    def _from_netrc(self, host: str) -> Credentials | None:
        with self._lock:
            if self._netrc is None:
                self._netrc = self._read_netrc()
        return self._netrc.get(host)

    def _read_netrc(self) -> dict[str, Credentials]:
        path = os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
        if not os.path.isfile(path):
            return {}
        import netrc  # noqa: PLC0415 - only where there is such a file

        try:
            hosts = netrc.netrc(path).hosts
        except (netrc.NetrcParseError, OSError, UnicodeDecodeError) as error:
            # the parser's message quotes the file, perhaps a password
            reason = f"line {error.lineno}" if isinstance(error, netrc.NetrcParseError) else type(error).__name__
            self._reporter.emit(Detail(text=f"{path} is not used: {reason}"))
            return {}
        return {
            host: Credentials(user=login or account or "", password=password)
            for host, (login, account, password) in hosts.items()
        }

    def _run_keyring(self, service: str, user: str) -> str | None:
        import shutil  # noqa: PLC0415 - only after a 401
        import subprocess  # noqa: PLC0415 - only after a 401

        program = shutil.which("keyring")
        if program is None:
            return None
        try:
            done = subprocess.run(
                [program, "get", service, user],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_KEYRING_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self._reporter.emit(Detail(text=f"keyring could not be asked: {type(error).__name__}"))
            return None
        answer = done.stdout.decode(errors="replace").rstrip("\r\n")
        return answer if done.returncode == 0 and answer else None


def _service(address: Address) -> str:
    return f"{address.scheme}://{address.place}"


def _same_place(known: Address, asked: Address) -> bool:
    if known.origin == asked.origin:
        return True
    return known.origin == ("http", asked.host, 80) and asked.origin == ("https", asked.host, 443)
