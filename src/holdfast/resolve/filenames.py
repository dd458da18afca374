"""What a distribution's file name says (PEP 427 and the binary and source distribution format specifications)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from holdfast.model.filenames import LONGEST, SDIST_SUFFIXES, is_filename

BuildTag = tuple[int, str]
NO_BUILD: BuildTag = (-1, "")
_PARTS = (2, 3)
_SPLIT = 4
"""Name with version (and build), and three tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelName:
    """A wheel's file name, taken apart.

    Attributes:
        project: As written; may need normalising.
        version: As written; ``_`` stands for ``-``.
        build: (number, rest); ``(-1, "")`` without one, so that any build sorts above none.
        tags: ``(python, abi, platform)``, each possibly compressed (``py2.py3``).
    """

    project: str
    version: str
    build: BuildTag
    tags: tuple[str, str, str]


def split_wheel_name(filename: str) -> WheelName | None:
    """Take a wheel's file name apart; None when it is none. Fast: an index page has thousands."""
    if not filename.endswith(".whl") or not is_filename(filename):
        return None
    parts = filename[:-4].rsplit("-", 3)
    if len(parts) != _SPLIT:
        return None
    head = parts[0].split("-")
    if len(head) not in _PARTS:
        return None
    build = NO_BUILD
    if len(head) == _PARTS[1]:
        digits = len(head[2]) - len(head[2].lstrip("0123456789"))
        if not digits:
            return None
        build = (int(head[2][:digits]), head[2][digits:])
    return WheelName(project=head[0], version=head[1], build=build, tags=(parts[1], parts[2], parts[3]))


def parse_version(text: str) -> Version | None:
    """The version of a file name; None when it is invalid."""
    try:
        return Version(text.replace("_", "-"))
    except InvalidVersion:
        return None


def sdist_version(filename: str, name: str) -> Version | None:
    """The version of a project's sdist; None when the file is not one."""
    for suffix in SDIST_SUFFIXES:
        if filename.endswith(suffix):
            stem = filename.removesuffix(suffix)
            for place, character in enumerate(stem):
                if character == "-" and canonicalize_name(stem[:place]) == name:
                    return parse_version(stem[place + 1 :])
    return None


class TagRanks:
    """Which wheels the target can use, and which of them it likes best.

    Args:
        tags: As strings, best first.
    """

    def __init__(self, tags: tuple[str, ...]) -> None:
        self._ranks = {tag: rank for rank, tag in reversed(tuple(enumerate(tags)))}
        self._known: dict[tuple[str, str, str], int | None] = {}

    def rank_of_filename(self, filename: str) -> int | None:
        """As `rank`, for a wheel's file name, which is looked at no further; None also when it has no tags.

        This is the first question about each of the thousands of files of a page, and for most the last.
        """
        if len(filename) > LONGEST:
            return None  # its tags could be multiplied for hours
        parts = filename[:-4].rsplit("-", 3)
        return self.rank((parts[1], parts[2], parts[3])) if len(parts) == _SPLIT else None

    def rank(self, tags: tuple[str, str, str]) -> int | None:
        """0 for the best tag; None when the target cannot use the wheel."""
        try:
            return self._known[tags]
        except KeyError:
            pythons, abis, platforms = (part.lower().split(".") for part in tags)
            ranks = (self._ranks.get("-".join(tag)) for tag in product(pythons, abis, platforms))
            self._known[tags] = rank = min((rank for rank in ranks if rank is not None), default=None)
            return rank
