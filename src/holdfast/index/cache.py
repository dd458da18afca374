"""What the room keeps from one command to the next, through whatever the flows hand in."""

from __future__ import annotations

from typing import Protocol


class ByteCache(Protocol):
    """Pages and metadata by key; anything may be missing, and what is found is untrusted text."""

    def read_page(self, key: str) -> bytes | None:
        """What was kept of an index page."""

    def write_page(self, key: str, data: bytes, *, private: bool = False) -> None:
        """Keep an index page; ``private``: it was obtained with credentials."""

    def read_metadata(self, key: str) -> bytes | None:
        """What was kept of a wheel's metadata."""

    def write_metadata(self, key: str, data: bytes, *, private: bool = False) -> None:
        """Keep a wheel's metadata; ``private``: it was obtained with credentials."""


class NoCache:
    """Keeps nothing."""

    def read_page(self, key: str) -> bytes | None:  # noqa: ARG002 - as the protocol says
        """Nothing."""
        return None

    def write_page(self, key: str, data: bytes, *, private: bool = False) -> None:
        """Drop it."""

    def read_metadata(self, key: str) -> bytes | None:  # noqa: ARG002 - as the protocol says
        """Nothing."""
        return None

    def write_metadata(self, key: str, data: bytes, *, private: bool = False) -> None:
        """Drop it."""
