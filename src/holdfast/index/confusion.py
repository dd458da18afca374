"""The same name on two indexes: which one won, and what it hides (dependency confusion). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.index.filenames import version_of
from holdfast.index.page import Page
from holdfast.model.urls import printable_url

_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """A project whose winning index has less than another one.

    Attributes:
        winner: The index that counts, as it may be shown.
        other: The one that has more.
        ours: The highest final version that counts; None: there is none.
        theirs: The highest final version of the other.
    """

    name: NormalizedName
    winner: str
    other: str
    ours: Version | None
    theirs: Version

    @classmethod
    def of(cls, name: NormalizedName, winner: str, page: Page, other: str, their_page: Page | None) -> Self | None:
        """Compare two pages; None: nothing is hidden."""
        ours, theirs = highest(page), highest(their_page) if their_page is not None else None
        if theirs is None or (ours is not None and theirs <= ours):
            return None
        return cls(name=name, winner=printable_url(winner), other=printable_url(other), ours=ours, theirs=theirs)


def highest(page: Page) -> Version | None:
    """The highest version on a page that is neither yanked nor a pre-release."""
    versions = {version_of(file.filename) for file in page.files if file.yanked is None}
    return max((each for each in versions if each is not None and not each.is_prerelease), default=None)


def rivals_notice(rivals: tuple[Rivals, ...]) -> str:
    """One line about all of them."""
    named = [f"{each.name} ({each.ours or 'none'}; {each.theirs} at {each.other})" for each in rivals[:_NAMED]]
    more = f" and {len(rivals) - _NAMED} more" if len(rivals) > _NAMED else ""
    return (
        f"The first index that has a name counts; others have higher versions of {', '.join(named)}{more}. "
        "To mix them: --index-strategy unsafe-best-match"
    )
