"""A dependency specifier (PEP 508), parsed once at the edge, immutable from there on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as _Parsed
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from holdfast.model.hashes import Hash
from holdfast.model.urls import without_credentials

LONGEST = 64 * 1024
"""Characters of a requirement."""
LONGEST_NUMBER = 1000
"""Digits of a number in one; Python itself refuses 4,300, but only when it comes to compare versions."""

_ENDLESS = re.compile(rf"[0-9]{{{LONGEST_NUMBER}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectUrl:
    """Where a requirement's one and only file lies (PEP 508 ``name @ url``, or a path on the command line).

    Attributes:
        url: ``https://``, ``http://`` or ``file://`` URL without its fragment; may carry credentials (never print it).
        hashes: From the fragment (``#sha256=...``) or ``--hash``; any of one algorithm may match.
        editable: ``-e``.
    """

    url: str
    hashes: tuple[Hash, ...] = ()
    editable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """``name[extras]specifier ; marker`` or ``name[extras] @ url ; marker``.

    Attributes:
        name: PEP 503 normalised.
        extras: Normalised extra names.
        specifier: Empty for a URL requirement.
        url: Set for a direct reference.
        marker: Not yet evaluated.
        text: As somebody wrote it, credentials included; never compared. Messages take ``str``, which leaves them out.
    """

    name: NormalizedName
    extras: frozenset[NormalizedName] = frozenset()
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    url: DirectUrl | None = None
    marker: Marker | None = None
    text: str = field(default="", compare=False)

    def __str__(self) -> str:
        return without_credentials(self.text) or self.name


@lru_cache(maxsize=20_000)
def parse_requirement(text: str) -> Requirement:
    """Parse one dependency specifier.

    Args:
        text: As in a ``Requires-Dist`` field or on the command line.

    Raises:
        ValueError: The text does not follow PEP 508; the message points at the fault.
    """
    if len(text) > LONGEST:
        raise ValueError(f"a requirement of {len(text)} characters, more than the {LONGEST} that make sense")
    if len(text) > LONGEST_NUMBER and has_endless_number(text):
        raise ValueError(f"a number of more than {LONGEST_NUMBER} digits")
    try:
        parsed = _Parsed(text)
    except InvalidRequirement as error:
        raise ValueError(str(error)) from error
    except RecursionError:
        raise ValueError("its marker has too many parentheses") from None
    return Requirement(
        name=canonicalize_name(parsed.name),
        extras=frozenset(canonicalize_name(extra) for extra in parsed.extras),
        specifier=parsed.specifier,
        url=parse_direct_url(parsed.url) if parsed.url else None,
        marker=parsed.marker,
        text=text.strip(),
    )


def has_endless_number(text: str) -> bool:
    """Whether a number in a version is too long for an integer."""
    return _ENDLESS.search(text) is not None


def parse_direct_url(url: str) -> DirectUrl:
    """Split a URL from its fragment and take the hashes in it (``#sha256=...&egg=...``).

    Raises:
        ValueError: Its host is malformed (``https://[``).
    """
    base, _, fragment = url.partition("#")
    urlsplit(base)
    return DirectUrl(url=base, hashes=Hash.from_fragment(fragment))
