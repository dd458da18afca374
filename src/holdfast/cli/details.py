"""One installed distribution in full, in pip's fields. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.utils import NormalizedName

from holdfast.cli.listing import editable_location
from holdfast.model.installed import InstalledDistribution, InstalledState
from holdfast.model.requirement import Requirement
from holdfast.model.urls import as_recorded
from holdfast.report.escape import printable

_FIELDS = (
    ("Home-page", "home_page"),
    ("Author", "author"),
    ("Author-email", "author_email"),
)


def show_lines(item: InstalledDistribution, state: InstalledState, markers: Mapping[str, str]) -> tuple[str, ...]:
    """Pip's ``show``, without its files."""
    headers = dict(item.metadata.headers)
    lines = [
        f"Name: {item.metadata.display_name}",
        f"Version: {item.version}",
        f"Summary: {item.metadata.summary}",
        *(f"{title}: {headers.get(key, '')}" for title, key in _FIELDS),
    ]
    expression = headers.get("license_expression", "")
    lines.append(f"License-Expression: {expression}" if expression else f"License: {_license(headers)}")
    lines.append(f"Location: {item.location}")
    if (project := editable_location(item)) is not None:
        lines.append(f"Editable project location: {project}")
    lines += [
        f"Requires: {', '.join(requires(item, markers))}",
        f"Required-by: {', '.join(required_by(item, state, markers))}",
    ]
    return tuple(printable(line) for line in lines)


def show_json(item: InstalledDistribution, state: InstalledState, markers: Mapping[str, str]) -> dict[str, object]:
    """The same as values, and who installed it."""
    headers = dict(item.metadata.headers)
    return {
        "name": item.metadata.display_name,
        "version": str(item.version),
        "summary": item.metadata.summary,
        **{key: headers[key] for _, key in _FIELDS if key in headers},
        "license": headers.get("license_expression") or _license(headers),
        "location": item.location,
        "editable_project_location": editable_location(item),
        "installer": item.installer,
        "requested": item.requested,
        "direct_url": _direct_url(item),
        "requires": list(requires(item, markers)),
        "required_by": list(required_by(item, state, markers)),
    }


def file_lines(item: InstalledDistribution) -> tuple[str, ...]:
    """Pip's ``show -f``: the paths of RECORD, relative to the location."""
    if item.record is None:
        return ("Files:", "Cannot locate RECORD or installed-files.txt")
    return ("Files:", *(printable(f"  {entry.path}") for entry in sorted(item.record, key=lambda entry: entry.path)))


def requires(item: InstalledDistribution, markers: Mapping[str, str]) -> tuple[str, ...]:
    """The projects that it requires in this environment, without extras, sorted."""
    return tuple(sorted({requirement.name for requirement in item.metadata.requires if _applies(requirement, markers)}))


def required_by(item: InstalledDistribution, state: InstalledState, markers: Mapping[str, str]) -> tuple[str, ...]:
    """Who requires it, as they write themselves, sorted."""
    return tuple(
        sorted((other.metadata.display_name for other in state if item.name in requires(other, markers)), key=str.lower)
    )


def missing_names(names: tuple[NormalizedName, ...], state: InstalledState) -> tuple[NormalizedName, ...]:
    """The names that nothing installed has."""
    return tuple(name for name in names if state.get(name) is None)


def _applies(requirement: Requirement, markers: Mapping[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**markers, "extra": ""})


def _direct_url(item: InstalledDistribution) -> dict[str, object] | None:
    """As PEP 610 wants it, whoever wrote it."""
    if item.direct_url is None:
        return None
    url = item.direct_url.get("url")
    return {**item.direct_url, **({"url": as_recorded(url)} if isinstance(url, str) else {})}


def _license(headers: Mapping[str, str]) -> str:
    return headers.get("license", "").partition("\n")[0]
