"""A project's page, parsed; and the text in which it is kept in the cache. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.model.hashes import Hash
from holdfast.model.release import ProjectStatus, ReleaseFile

SUPPORTED_MAJOR = 1
"""Of the simple repository API (PEP 629)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one index says of one project.

    Attributes:
        files: In the order of the page.
        status: PEP 792.
    """

    files: tuple[ReleaseFile, ...] = ()
    status: ProjectStatus = ProjectStatus.ACTIVE


def is_supported(version: str) -> bool:
    """Whether an API version can be read: its major is not above ours (PEP 629).

    Raises:
        ValueError: It is no version.
    """
    major, _, minor = version.strip().partition(".")
    if not (major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()):
        raise ValueError(f"the API version is {version[:40]!r}")
    return int(major) <= SUPPORTED_MAJOR


def status_of(text: str) -> ProjectStatus:
    """PEP 792's word; an unknown one does not hinder (active)."""
    try:
        return ProjectStatus(text)
    except ValueError:
        return ProjectStatus.ACTIVE


def encode(page: Page) -> bytes:
    """One line of JSON."""
    rows = [
        [
            file.filename,
            file.url,
            [str(each) for each in file.hashes],
            file.requires_python,
            file.yanked,
            file.size,
            file.upload_time,
            None if file.sidecar is None else [str(each) for each in file.sidecar],
        ]
        for file in page.files
    ]
    return json.dumps([page.status.value, rows], separators=(",", ":")).encode("ascii")


def decode(data: bytes, origin: str) -> Page:
    """What `encode` made; ``origin`` is put into every file.

    Raises:
        ValueError: It is something else.
    """
    try:
        status, rows = json.loads(data)
        return Page(files=tuple(_file(row, origin) for row in rows), status=ProjectStatus(status))
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("not a page from the cache") from error


def _file(row: list[object], origin: str) -> ReleaseFile:
    filename, url, hashes, requires_python, yanked, size, upload_time, sidecar = row
    if not (isinstance(filename, str) and isinstance(url, str) and isinstance(hashes, list)):
        raise TypeError
    return ReleaseFile(
        filename=filename,
        url=url,
        hashes=_hashes(hashes),
        requires_python=_text(requires_python),
        yanked=_text(yanked),
        size=size if isinstance(size, int) else None,
        upload_time=_text(upload_time),
        sidecar=_hashes(sidecar) if isinstance(sidecar, list) else None,
        origin=origin,
    )


def _hashes(texts: Iterable[object]) -> tuple[Hash, ...]:
    found = []
    for text in texts:
        if not isinstance(text, str):
            raise TypeError
        algorithm, _, digest = text.partition(":")
        found.append(Hash(algorithm=algorithm, digest=digest))
    return tuple(found)


def _text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value
