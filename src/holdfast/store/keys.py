"""Where things lie in the cache directory: names only, no disk.

The layout is documented in ``docs/reference/store-layout.md``. Each kind of thing has a directory whose name carries
the version of its layout, so that different holdfasts share one cache without reading what they do not know.
"""

from __future__ import annotations

import re

WHEELS = "wheels-v1"
BYTECODE = "bytecode-v1"

KINDS = ("wheels", "bytecode", "pages", "metadata", "interpreters")
"""Every kind that any version of the cache has or had: what ``cache clean`` may remove."""

TREE = "tree"
"""Directory of a wheel's entry that holds the members."""

MANIFEST = "manifest.json"
"""Beside ``tree``: what is in it."""

LITTER_PREFIX = ".adding-"
"""What is being made in a versioned directory, before its one rename; and what is on its way out."""

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def wheel_entry(sha256: str, *, unverified: bool = False) -> str:
    """The entry of a wheel, relative to the cache directory.

    Args:
        sha256: Lower-case hexadecimal digest of the wheel file.
        unverified: Of a wheel whose own RECORD is wrong and that was let in by ``--allow-bad-record``: kept apart, so
            that nobody gets it who did not ask for it.

    Raises:
        ValueError: It is no such digest.
    """
    return f"{WHEELS}/{_checked(sha256)[:2]}/{sha256}{'-unverified' if unverified else ''}"


def bytecode_entry(sha256: str, tag: str) -> str:
    """The entry of a wheel's bytecode for one kind of interpreter, relative to the cache directory.

    Args:
        sha256: Of the wheel.
        tag: What the bytecode depends on; see ``store.bytecode``.

    Raises:
        ValueError: It is no such digest.
    """
    return f"{BYTECODE}/{_checked(sha256)[:2]}/{sha256}/{_UNSAFE.sub('_', tag)}"


def modified_ns(sha256: str) -> int:
    """The modification time of every file of a wheel in the store: between 2000 and mid-2008, by its digest.

    Bytecode is valid by its source's size and mtime in whole seconds. The dates in wheels are often one constant for
    all releases, and the clock may stand still between two installs: either would let an older release's bytecode
    pass for a newer one's file of equal size (``PYTHONPYCACHEPREFIX``, another user's ``__pycache__``). The digest
    tells releases apart, and a rebuilt entry has the times it had before, so its bytecode stays valid.
    """
    return (946_684_800 + int(_checked(sha256)[:7], 16)) * 1_000_000_000


def _checked(sha256: str) -> str:
    if not _SHA256.match(sha256):
        raise ValueError(f"not a sha256 digest: {sha256!r}")
    return sha256
