"""What is installed, as lines and JSON: ``list`` and ``freeze`` in pip's forms. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packaging.utils import NormalizedName

from holdfast.model.installed import InstalledDistribution, InstalledState
from holdfast.model.urls import as_recorded
from holdfast.report.escape import printable

_NOT_FROZEN = frozenset({"pip"})
_NOT_FROZEN_BEFORE_312 = _NOT_FROZEN | {"setuptools", "distribute", "wheel"}
_NO_SETUPTOOLS = (3, 12)


def chosen(
    state: InstalledState, *, local: bool = False, exclude: Iterable[NormalizedName] = ()
) -> tuple[InstalledDistribution, ...]:
    """The distributions to show, sorted by name; ``local``: only those of the target itself."""
    left_out = frozenset(exclude)
    return tuple(
        sorted(
            (item for item in state if item.name not in left_out and (item.owned or not local)),
            key=lambda item: item.name,
        )
    )


def not_frozen(python_version: str) -> frozenset[str]:
    """What ``freeze`` leaves out unless ``--all``: the tools that a new environment of that Python comes with (pip)."""
    parts = python_version.split(".")
    return _NOT_FROZEN if (int(parts[0]), int(parts[1])) >= _NO_SETUPTOOLS else _NOT_FROZEN_BEFORE_312


def list_json(distributions: Iterable[InstalledDistribution]) -> list[dict[str, str]]:
    """Pip's ``list --format json``."""
    entries = []
    for item in distributions:
        entry = {"name": item.metadata.display_name, "version": str(item.version)}
        if (location := editable_location(item)) is not None:
            entry["editable_project_location"] = location
        entries.append(entry)
    return entries


def list_columns(distributions: Sequence[InstalledDistribution]) -> tuple[str, ...]:
    """Pip's ``list``: a header, a rule, a row for each; nothing when nothing is installed."""
    if not distributions:
        return ()
    rows = [("Package", "Version", "Editable project location")]
    rows += [
        (printable(item.metadata.display_name), str(item.version), printable(editable_location(item) or ""))
        for item in distributions
    ]
    columns = 3 if any(row[2] for row in rows[1:]) else 2
    widths = [max(len(row[column]) for row in rows) for column in range(columns)]
    rows.insert(1, ("-" * widths[0], "-" * widths[1], "-" * widths[-1]))
    return tuple(
        " ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows
    )


def freeze_line(item: InstalledDistribution) -> str:
    """Pip's ``freeze``: ``name==version``, ``name @ url`` for a direct reference, ``-e`` for an editable project."""
    name = item.metadata.display_name
    if item.direct_url is None:
        return printable(f"{name}=={item.version}")
    url = as_recorded(str(item.direct_url.get("url", "")))
    vcs, archive = _mapping(item.direct_url, "vcs_info"), _mapping(item.direct_url, "archive_info")
    fragments = []
    if vcs:
        url = f"{vcs.get('vcs')}+{url}@{vcs.get('commit_id')}"
    if archive and (digest := _archive_digest(archive)):
        fragments.append(digest)
    if subdirectory := item.direct_url.get("subdirectory"):
        fragments.append(f"subdirectory={subdirectory}")
    if item.editable and vcs:
        return printable(f"-e {url}#{'&'.join((f'egg={name}', *fragments))}")
    if item.editable:
        return printable(f"-e {editable_location(item)}")
    return printable(f"{name} @ {url}{'#' if fragments else ''}{'&'.join(fragments)}")


def editable_location(item: InstalledDistribution) -> str | None:
    """Directory of an editable project (PEP 660, PEP 610), or None."""
    if not item.editable:
        return None
    url = str((item.direct_url or {}).get("url", ""))
    if not url.startswith("file://"):
        return url or item.location
    from urllib.parse import unquote  # noqa: PLC0415 - only for editable projects

    return unquote(url.removeprefix("file://").removeprefix("localhost"))


def _mapping(direct_url: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = direct_url.get(key)
    return value if isinstance(value, Mapping) else {}


def _archive_digest(archive: Mapping[str, object]) -> str:
    if isinstance(archive.get("hash"), str):
        return str(archive["hash"])
    hashes = _mapping(archive, "hashes")
    return next((f"{algorithm}={digest}" for algorithm, digest in hashes.items()), "")
