"""How requirements, releases and URLs are written in messages. Credentials and queries never are."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.version import Version

from holdfast.model.request import RootRequirement
from holdfast.model.requirement import Requirement
from holdfast.model.urls import printable_url

_SHOWN = 3
"""Of a long list so many are named; the rest is counted."""


def requirement_words(requirement: Requirement) -> str:
    """A requirement without its marker: ``'django[argon2]>=5'``."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    if requirement.url is not None:
        return f"'{requirement.name}{extras} @ {printable_url(requirement.url.url)}'"
    return f"'{requirement.name}{extras}{_specifier_words(requirement)}'"


def _specifier_words(requirement: Requirement) -> str:
    """The clauses in the order in which they were written, as far as that can be told."""
    clauses = sorted(requirement.specifier, key=lambda clause: (requirement.text.find(clause.version), str(clause)))
    return ",".join(map(str, clauses))


def origin_words(root: RootRequirement) -> str:
    """Who asks: ``the command line`` or ``requirements.txt:3``."""
    return f"the {root.origin}" if root.origin == "command line" else root.origin


def version_words(versions: Sequence[Version], *, every: bool = False) -> str:
    """Versions in ascending order, shortened: ``1.0``, ``1.0 and 1.1``, ``1.0 to 2.3 (14 releases)``."""
    if every and len(versions) > 1:
        return f"(every release, {versions[0]} to {versions[-1]})"
    if len(versions) > _SHOWN:
        return f"{versions[0]} to {versions[-1]} ({len(versions)} releases)"
    return listed([str(version) for version in versions])


def listed(items: Sequence[str], word: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(items) < 2:  # noqa: PLR2004 - one item needs no conjunction
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def capitalised(sentence: str) -> str:
    """The sentence with its first letter in upper case, unless it begins with a name or a quotation."""
    return f"T{sentence[1:]}" if sentence.startswith("the ") else sentence
