"""A wheel's metadata as it is kept in the cache: what resolving and installing need, parsed once. Pure."""

from __future__ import annotations

import json

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from holdfast.model.metadata import Metadata
from holdfast.model.requirement import parse_requirement


def encode(metadata: Metadata) -> bytes:
    """One line of JSON."""
    row = [
        metadata.display_name,
        str(metadata.version),
        [each.text for each in metadata.requires],
        None if metadata.requires_python is None else str(metadata.requires_python),
        sorted(metadata.extras),
        metadata.summary,
        metadata.headers,
    ]
    return json.dumps(row, separators=(",", ":")).encode("ascii")


def decode(data: bytes) -> Metadata:
    """What `encode` made.

    Raises:
        ValueError: It is something else.
    """
    try:
        name, version, requires, requires_python, extras, summary, headers = json.loads(data)
        if not (isinstance(name, str) and isinstance(summary, str)):
            raise TypeError
        return Metadata(
            name=canonicalize_name(name),
            display_name=name,
            version=Version(version),
            requires=tuple(parse_requirement(line) for line in requires),
            requires_python=None if requires_python is None else SpecifierSet(requires_python),
            extras=frozenset(canonicalize_name(extra) for extra in extras),
            summary=summary,
            headers=tuple((str(key), str(text)) for key, text in headers),
        )
    except (TypeError, AttributeError, RecursionError, InvalidVersion, InvalidSpecifier) as error:
        raise ValueError("not metadata from the cache") from error
