"""A package index on loopback. `Index` is the door; behaviours are given with `Index.on`."""

from tests.support.index.behaviours import (
    Authenticated,
    Behaviour,
    Body,
    Chunked,
    Delay,
    Drop,
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
from tests.support.index.pages import SidecarWords
from tests.support.index.proxy import ForwardProxy
from tests.support.index.server import Request
from tests.support.index.simulator import Formats, Index
from tests.support.index.unreachable import refused, silent

__all__ = [
    "Authenticated",
    "Behaviour",
    "Body",
    "Chunked",
    "Delay",
    "Drop",
    "File",
    "Formats",
    "ForwardProxy",
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
