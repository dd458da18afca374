"""A package index on loopback. `Index` is the door; behaviours are given with `Index.on`."""

from tests.support.index.behaviours import (
    Authenticated,
    Behaviour,
    Body,
    Chunked,
    Closing,
    Delay,
    Drop,
    Gzipped,
    IgnoreRange,
    Redirect,
    Status,
    Throttle,
    Typed,
    WrongBytes,
    WrongLength,
    WrongRange,
)
from tests.support.index.catalogue import File, Project, Sidecar, SidecarDigest, listed
from tests.support.index.negotiation import Formats
from tests.support.index.pages import HTML_TYPE, JSON_TYPE, SidecarWords
from tests.support.index.proxy import ForwardProxy
from tests.support.index.server import Request
from tests.support.index.simulator import Index
from tests.support.index.unreachable import refused, silent

__all__ = [
    "HTML_TYPE",
    "JSON_TYPE",
    "Authenticated",
    "Behaviour",
    "Body",
    "Chunked",
    "Closing",
    "Delay",
    "Drop",
    "File",
    "Formats",
    "ForwardProxy",
    "Gzipped",
    "IgnoreRange",
    "Index",
    "Project",
    "Redirect",
    "Request",
    "Sidecar",
    "SidecarDigest",
    "SidecarWords",
    "Status",
    "Throttle",
    "Typed",
    "WrongBytes",
    "WrongLength",
    "WrongRange",
    "listed",
    "refused",
    "silent",
]
