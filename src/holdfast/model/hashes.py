"""Digests as the standards write them."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

_URLSAFE = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Hash:
    """One digest of a file.

    Attributes:
        algorithm: A name that :mod:`hashlib` guarantees, lower case.
        digest: Lower-case hexadecimal.
    """

    SECURE: ClassVar[tuple[str, ...]] = ("sha512", "sha384", "sha256")

    algorithm: str
    digest: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Hash:
        """Read ``algorithm:hex`` or ``algorithm=hex``.

        Raises:
            ValueError: It is neither, or the digits are not hexadecimal.
        """
        algorithm, separator, digest = text.replace("=", ":", 1).partition(":")
        if not separator or not digest or set(digest.lower()) - set("0123456789abcdef"):
            raise ValueError(f"not a hash: {text!r}")
        return cls(algorithm=algorithm.lower(), digest=digest.lower())

    @classmethod
    def from_fragment(cls, fragment: str) -> tuple[Hash, ...]:
        """Take the ``algorithm=hex`` parts of a URL fragment; other parts are ignored (PEP 503)."""
        found = []
        for part in fragment.split("&"):
            key, _, value = part.partition("=")
            if key.lower() in cls.SECURE or key.lower() in {"md5", "sha1", "sha224"}:
                try:
                    found.append(cls.parse(f"{key}:{value}"))
                except ValueError:
                    continue
        return tuple(found)


def record_text(digest: bytes) -> str:
    """A digest as RECORD writes it after ``sha256=``: urlsafe base64 without padding."""
    return b2a_base64(digest, newline=False).rstrip(b"=").translate(_URLSAFE).decode("ascii")


def archive_hashes(direct_url: Mapping[str, object]) -> frozenset[Hash]:
    """The hashes that ``direct_url.json`` gives for the file, in the newer (``hashes``) and older (``hash``) form."""
    info = direct_url.get("archive_info")
    if not isinstance(info, Mapping):
        return frozenset()
    hashes, single = info.get("hashes"), info.get("hash")
    texts = [f"{name}:{digest}" for name, digest in hashes.items()] if isinstance(hashes, Mapping) else []
    if isinstance(single, str):
        texts.append(single)
    found = set()
    for text in texts:
        try:
            found.add(Hash.parse(text))
        except ValueError:
            continue
    return frozenset(found)
