"""How a server may behave, as data: what happens to an honest reply before and while it is sent. Pure."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import assert_never


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes over the wire, and how.

    Args:
        length: the Content-Length to claim; None: the body's own.
        delay: seconds before the first byte.
        rate: body bytes per second; None: at once.
        drop_after: the connection is closed after so many body bytes; -1: before the status line.
        reset: whether it is closed by RST.
        chunked: whether the body goes in chunks, without Content-Length.
        close: whether the connection ends after this reply, as `Connection: close` says.
        hang_up: whether it ends after this reply without a word.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None
    delay: float = 0.0
    rate: float | None = None
    drop_after: int | None = None
    reset: bool = False
    chunked: bool = False
    close: bool = False
    hang_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Nothing for `seconds`, then the honest reply."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """The body at so many bytes per second."""

    bytes_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """The connection ends after so many bytes of the body; -1: without any reply."""

    after: int = -1
    reset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """This status instead. 401 asks for Basic; 429 and 503 may say `retry_after` (seconds or a date)."""

    code: int
    retry_after: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"the server says no\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """To `to`, where ``{path}`` stands for the path asked for."""

    to: str
    code: int = 302


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongBytes:
    """The same length, the byte at `at` flipped: the hash is wrong. Only in whole-file replies."""

    at: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Status 200 with this content instead: garbage, another file, another media type."""

    content: bytes
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongLength:
    """Content-Length is `by` off. Above: the body ends early. Below: bytes follow the body."""

    by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """Another Content-Type; None: none."""

    media_type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunked:
    """Transfer-Encoding: chunked, no Content-Length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gzipped:
    """Content-Encoding: gzip, for whoever accepts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The connection ends after the reply; not `announced`: the next request meets a closed one."""

    announced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRange:
    """A Range is not looked at: 200 and everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongRange:
    """206 with bytes of `shift` further on, Content-Range as asked."""

    shift: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticated:
    """Basic authentication; without: 401, with others: 401 too."""

    user: str
    password: str


Behaviour = (
    Delay
    | Throttle
    | Drop
    | Status
    | Redirect
    | WrongBytes
    | Body
    | WrongLength
    | Typed
    | Chunked
    | Gzipped
    | Closing
    | IgnoreRange
    | WrongRange
    | Authenticated
)


@dataclass(slots=True, kw_only=True)
class Rule:
    """A behaviour for the paths that match, after `skip` requests and for `times` (None: for ever)."""

    pattern: str
    behaviour: Behaviour
    times: int | None = None
    skip: int = 0
    method: str | None = None

    def takes(self, method: str, path: str) -> bool:
        """Whether this request is behaved upon; counts it."""
        if not fnmatchcase(path, self.pattern) or self.method not in {None, method}:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


def credentials(user: str, password: str) -> str:
    """The value of ``Authorization``."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def asked_headers(behaviours: list[Behaviour], headers: Mapping[str, str]) -> dict[str, str]:
    """The request headers (names in lower case) that the honest part of the server gets to see."""
    seen = dict(headers)
    for behaviour in behaviours:
        if isinstance(behaviour, IgnoreRange):
            seen.pop("range", None)
        if isinstance(behaviour, WrongRange) and seen.get("range", "").startswith("bytes="):
            first, _, last = seen["range"].removeprefix("bytes=").partition("-")
            shift = behaviour.shift
            if first and last:
                seen["range"] = f"bytes={int(first) + shift}-{int(last) + shift}"
            elif last:
                seen["range"] = f"bytes=-{int(last) + shift}"
    return seen


def behave(  # noqa: C901, PLR0912 - one arm per behaviour
    behaviour: Behaviour, reply: Reply, *, path: str, headers: Mapping[str, str]
) -> Reply:
    """The reply after one behaviour; `headers` are the request's, names in lower case."""
    match behaviour:
        case Delay(seconds=seconds):
            return replace(reply, delay=reply.delay + seconds)
        case Throttle(bytes_per_second=rate):
            return replace(reply, rate=rate)
        case Drop(after=after, reset=reset):
            return replace(reply, drop_after=after, reset=reset)
        case Status():
            return _status(behaviour)
        case Redirect(to=to, code=code):
            return Reply(status=code, headers={"Location": to.replace("{path}", path)})
        case WrongBytes(at=at) if reply.status == 200 and reply.body:
            body = bytearray(reply.body)
            body[at] ^= 0xFF
            return replace(reply, body=bytes(body))
        case Body(content=content, media_type=media_type):
            return Reply(status=200, headers={"Content-Type": media_type}, body=content)
        case WrongLength(by=by) if reply.body:
            return replace(reply, length=len(reply.body) + by, close=True)
        case Typed(media_type=media_type):
            kept = {key: value for key, value in reply.headers.items() if key != "Content-Type"}
            return replace(reply, headers=kept | ({"Content-Type": media_type} if media_type else {}))
        case Chunked():
            return replace(reply, chunked=True)
        case Gzipped() if reply.status == 200 and "gzip" in headers.get("accept-encoding", ""):
            coded = {**reply.headers, "Content-Encoding": "gzip"}
            return replace(reply, headers=coded, body=gzip.compress(reply.body, mtime=0))
        case Closing(announced=announced):
            return replace(reply, close=announced, hang_up=not announced)
        case WrongRange() if reply.status == 206:
            said = headers["range"].removeprefix("bytes=")
            total = reply.headers["Content-Range"].rpartition("/")[2]
            if said.startswith("-"):
                said = f"{int(total) - int(said[1:])}-{int(total) - 1}"
            return replace(reply, headers={**reply.headers, "Content-Range": f"bytes {said}/{total}"})
        case Authenticated(user=user, password=password):
            if headers.get("authorization") == credentials(user, password):
                return reply
            return _status(Status(code=401))
        case WrongBytes() | WrongLength() | WrongRange() | IgnoreRange() | Gzipped():
            return reply
        case _:
            assert_never(behaviour)


def _status(status: Status) -> Reply:
    headers = {"Content-Type": "text/plain", **status.headers}
    if status.code == 401:
        headers.setdefault("WWW-Authenticate", 'Basic realm="simulator"')
    if status.retry_after is not None:
        headers["Retry-After"] = status.retry_after
    return Reply(status=status.code, headers=headers, body=status.body)
