"""A project's page in JSON (PEP 691, 700, 714, 792). Pure.

Raises nothing but IntegrityError, whatever it is given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urljoin

from holdfast.errors import IntegrityError
from holdfast.index.filenames import is_reachable
from holdfast.index.page import Page, is_supported, status_of
from holdfast.model.filenames import is_filename
from holdfast.model.hashes import Hash
from holdfast.model.release import ReleaseFile


def parse_json(data: bytes, *, url: str, origin: str) -> Page:
    """Parse a page.

    Args:
        data: The body.
        url: Where it came from, without credentials: relative links start there.
        origin: The index, for messages.

    Raises:
        IntegrityError: It is no such page, or one of a higher major; the path to the fault is named.
    """
    try:
        page = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _fault(url, "it is not JSON") from error
    root = _mapping(page, "the page", url)
    meta = _mapping(root.get("meta", {}), "meta", url)
    version = meta.get("api-version", "1.0")
    try:
        supported = is_supported(version) if isinstance(version, str) else False
    except ValueError as error:
        raise _fault(url, f"meta.api-version: {error}") from error
    if not supported:
        raise unsupported(url, str(version)[:40])
    files = root.get("files")
    if not isinstance(files, list):
        raise _fault(url, "files is not a list")
    status = root.get("project-status")
    word = status.get("status") if isinstance(status, dict) else status
    found = [_file(entry, f"files[{number}]", url, origin) for number, entry in enumerate(files)]
    return Page(
        files=tuple(file for file in found if is_filename(file.filename) and is_reachable(file.url, url)),
        status=status_of(word if isinstance(word, str) else ""),
    )


def unsupported(url: str, version: str) -> IntegrityError:
    """The page is of a higher major (PEP 629)."""
    return IntegrityError(
        f"{url} speaks version {version} of the index API; holdfast understands 1.x.",
        hint="Use a newer holdfast for this index.",
    )


def _file(entry: object, where: str, page_url: str, origin: str) -> ReleaseFile:
    said = _mapping(entry, where, page_url)
    filename, url = said.get("filename"), said.get("url")
    if not isinstance(filename, str) or not isinstance(url, str):
        raise _fault(page_url, f"{where} has no filename or url")
    try:
        absolute = url if url.startswith(("https://", "http://")) and "[" not in url else urljoin(page_url, url)
    except ValueError as error:
        raise _fault(page_url, f"{where}.url is malformed") from error
    yanked, size = said.get("yanked", False), said.get("size")
    sidecar = said.get("core-metadata", said.get("dist-info-metadata", False))
    return ReleaseFile(
        filename=filename,
        url=absolute.partition("#")[0],
        hashes=_hashes(said.get("hashes", {}), f"{where}.hashes", page_url),
        requires_python=_text(said.get("requires-python")),
        yanked=yanked if isinstance(yanked, str) else "" if yanked is True else None,
        size=size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None,
        upload_time=_text(said.get("upload-time")),
        sidecar=_hashes(sidecar, f"{where}.core-metadata", page_url)
        if isinstance(sidecar, dict)
        else ()
        if sidecar is True
        else None,
        origin=origin,
    )


def _hashes(value: object, where: str, url: str) -> tuple[Hash, ...]:
    found = []
    for algorithm, digest in _mapping(value, where, url).items():
        try:
            found.append(Hash.parse(f"{algorithm}:{digest}"))
        except ValueError as error:
            raise _fault(url, f"{where}: {algorithm[:40]} is not a hash") from error
    return tuple(found)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _mapping(value: object, where: str, url: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _fault(url, f"{where} is not an object")
    return value


def _fault(url: str, what: str) -> IntegrityError:
    return IntegrityError(f"{url} is not an index page: {what}.", hint="Check the index URL.")
