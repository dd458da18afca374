"""Core metadata of one wheel, as far as resolving and installing need it (PEP 566 to metadata 2.6)."""

from __future__ import annotations

from dataclasses import dataclass, field

from packaging.metadata import parse_email
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from holdfast.model.requirement import Requirement, has_endless_number, parse_requirement

SUPPORTED_MAJOR = 2
METADATA_LIMIT = 16 * 1024 * 1024
"""Bytes of a METADATA file that are read; a longer one is refused."""
HEAD_LIMIT = 2 * 1024 * 1024
"""Bytes of its fields, the description below them left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What METADATA says.

    Attributes:
        name: Normalised.
        display_name: As the project writes it.
        version: Parsed.
        requires: Requires-Dist in order, markers not evaluated.
        requires_python: None when not stated.
        extras: Provides-Extra, normalised.
        summary: One line, may be empty.
        headers: All other single-valued fields that ``show`` prints (author, license, home-page ...), lower-case keys.
    """

    name: NormalizedName
    display_name: str
    version: Version
    requires: tuple[Requirement, ...] = ()
    requires_python: SpecifierSet | None = None
    extras: frozenset[NormalizedName] = frozenset()
    summary: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), compare=False)


def parse_metadata(data: bytes) -> Metadata:
    """Parse the bytes of a METADATA file (the description below the headers is not read).

    Raises:
        ValueError: It is not metadata, a field is invalid, or Metadata-Version has a major above 2; the message names
        the field.
    """
    head = data.split(b"\n\n", 1)[0].split(b"\r\n\r\n", 1)[0] + b"\n\n"
    if len(head) > HEAD_LIMIT:
        raise ValueError(f"the fields of METADATA have {len(head)} bytes, more than the {HEAD_LIMIT} that make sense")
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"METADATA is not UTF-8: {error.reason} at byte {error.start}") from error
    raw, _ = parse_email(head)
    major = raw.get("metadata_version", "1.0").partition(".")[0]
    if not major.isdigit() or int(major) > SUPPORTED_MAJOR:
        raise ValueError(f"Metadata-Version {raw.get('metadata_version')!r} is newer than {SUPPORTED_MAJOR}.x")
    try:
        name, version = raw["name"], Version(raw["version"])
    except KeyError as error:
        raise ValueError(f"METADATA has no {str(error)[1:-1].title()} field") from error
    except InvalidVersion as error:
        raise ValueError(str(error)) from error
    requires_python = raw.get("requires_python")
    try:
        specifier = SpecifierSet(requires_python) if requires_python else None
    except InvalidSpecifier as error:
        raise ValueError(f"Requires-Python: {error}") from error
    if requires_python and has_endless_number(requires_python):
        raise ValueError("Requires-Python: a number without end")
    texts = {key: value for key, value in raw.items() if isinstance(value, str)}
    return Metadata(
        name=canonicalize_name(name),
        display_name=name,
        version=version,
        requires=tuple(parse_requirement(line) for line in raw.get("requires_dist", ())),
        requires_python=specifier,
        extras=frozenset(canonicalize_name(extra) for extra in raw.get("provides_extra", ())),
        summary=raw.get("summary", ""),
        headers=tuple((key, text) for key, text in texts.items() if key != "description"),
    )
