"""Which page format a client gets (PEP 691). Pure."""

from __future__ import annotations

from enum import StrEnum

from tests.support.index.pages import HTML_TYPE, JSON_TYPE, PLAIN_HTML


class Formats(StrEnum):
    """Which page formats the index speaks."""

    BOTH = "both"
    JSON = "json"
    HTML = "html"


def negotiated(formats: Formats, accept: str) -> str | None:
    """The format the client likes best among ours (PEP 691); HTML wins a draw, as on old servers."""
    ours: tuple[str, ...]
    match formats:
        case Formats.BOTH:
            ours = (PLAIN_HTML, HTML_TYPE, JSON_TYPE)
        case Formats.JSON:
            ours = (JSON_TYPE,)
        case Formats.HTML:
            ours = (PLAIN_HTML, HTML_TYPE)
    liking = _liking(accept)
    wildcard = liking.get("*/*", 0.0)
    major = {each: liking.get(f"{each.partition('/')[0]}/*", wildcard) for each in ours}
    best = max(ours, key=lambda each: liking.get(each, major[each]))
    return best if liking.get(best, major[best]) > 0 else None


def _liking(accept: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for each in accept.split(","):
        kind, *parameters = (part.strip() for part in each.split(";"))
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        weights[kind.replace("simple.latest+", "simple.v1+")] = float(quality)
    return weights
