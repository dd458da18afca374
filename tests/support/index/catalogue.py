"""What an index offers: projects and their files, with everything the pages may say of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from packaging.utils import canonicalize_name

from tests.support.sdists import SdistSpec, sdist_bytes
from tests.support.wheels import WheelSpec, metadata_bytes, wheel_bytes


class SidecarDigest(StrEnum):
    """What the page says of a sidecar (PEP 658, 714)."""

    RIGHT = "right"  # the sha256 of what is served
    WRONG = "wrong"  # the sha256 of something else
    UNSAID = "unsaid"  # only that there is one ("true")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """A ``.metadata`` file.

    Args:
        content: what is served; None: the wheel's own METADATA.
        digest: what the page says of it.
        served: False: announced, and 404 when asked for.
    """

    content: bytes | None = None
    digest: SidecarDigest = SidecarDigest.RIGHT
    served: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a project, as the pages list it.

    Args:
        hashes: algorithm to hex digest, as the page says it; empty: the page gives none.
        sidecar_content: of ``{filename}.metadata``; None: there is none.
        sidecar_said: what the page says of the sidecar: its hashes, True, or None for nothing.
        base: URL prefix of another host that has the file; None: this index.
        size: bytes; None: unsaid.
    """

    project: str
    filename: str
    content: bytes
    hashes: Mapping[str, str]
    requires_python: str | None = None
    yanked: str | None = None
    size: int | None = None
    upload_time: str | None = None
    sidecar_content: bytes | None = None
    sidecar_said: Mapping[str, str] | bool | None = None
    base: str | None = None


@dataclass(slots=True, kw_only=True)
class Project:
    """One name of the index.

    Args:
        name: normalised.
        status: PEP 792: ``active``, ``archived``, ``quarantined``, ``deprecated``; None: unsaid.
    """

    name: str
    files: list[File] = field(default_factory=list)
    status: str | None = None
    status_reason: str | None = None


def listed(
    spec: WheelSpec | SdistSpec,
    *,
    hashes: tuple[str, ...] | Mapping[str, str] = ("sha256",),
    requires_python: str | bool = True,
    yanked: str | bool = False,
    size: bool = True,
    upload_time: str | None = None,
    sidecar: Sidecar | bool | None = True,
    base: str | None = None,
) -> File:
    """The entry of a wheel or sdist.

    Args:
        spec: what to build.
        hashes: algorithms to say truly, or what to say instead.
        requires_python: True: as the metadata says; a text: that instead; False: unsaid.
        yanked: True, or the reason.
        size: whether the size is said.
        upload_time: ISO 8601.
        sidecar: whether and how METADATA is served beside it; sdists have none.
        base: URL prefix of the host that has the file, if not the index.
    """
    content = wheel_bytes(spec) if isinstance(spec, WheelSpec) else sdist_bytes(spec)
    said = (
        dict(hashes)
        if isinstance(hashes, Mapping)
        else {algorithm: hashlib.new(algorithm, content).hexdigest() for algorithm in hashes}
    )
    if isinstance(sidecar, bool):
        sidecar = Sidecar() if sidecar else None
    sidecar_content, sidecar_said = _sidecar(spec, sidecar) if sidecar and isinstance(spec, WheelSpec) else (None, None)
    return File(
        project=canonicalize_name(spec.name),
        filename=spec.filename,
        content=content,
        hashes=said,
        requires_python=(spec.requires_python if requires_python else None)
        if isinstance(requires_python, bool)
        else requires_python,
        yanked=("" if yanked else None) if isinstance(yanked, bool) else yanked,
        size=len(content) if size else None,
        upload_time=upload_time,
        sidecar_content=sidecar_content,
        sidecar_said=sidecar_said,
        base=base,
    )


def _sidecar(spec: WheelSpec, sidecar: Sidecar) -> tuple[bytes | None, Mapping[str, str] | bool]:
    content = metadata_bytes(spec) if sidecar.content is None else sidecar.content
    said: Mapping[str, str] | bool
    match sidecar.digest:
        case SidecarDigest.RIGHT:
            said = {"sha256": hashlib.sha256(content).hexdigest()}
        case SidecarDigest.WRONG:
            said = {"sha256": hashlib.sha256(content + b"?").hexdigest()}
        case SidecarDigest.UNSAID:
            said = True
    return (content if sidecar.served else None), said
