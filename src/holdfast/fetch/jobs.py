"""What is to be downloaded and what it must be: hashes and metadata that were promised, and whether they are kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from holdfast.errors import IntegrityError
from holdfast.model.hashes import Hash
from holdfast.model.metadata import METADATA_LIMIT, Metadata, parse_metadata
from holdfast.model.resolution import AlreadyInstalled, DirectWheel, IndexWheel, Pin
from holdfast.model.stored import StoredWheel
from holdfast.model.urls import printable_url

_SHA256_DIGITS = 64
_KNOWN = frozenset(name for name in hashlib.algorithms_guaranteed if not name.startswith("shake_"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelJob:
    """One wheel to get.

    Attributes:
        filename: The wheel's name.
        url: May carry credentials.
        listed: What the index says: for each algorithm in it, one digest must match.
        required: What the user says: one of them must match; empty: nothing is required.
        size: Bytes, as the index says.
        metadata: What was resolved with; the wheel must agree.
        sidecar: Hashes of the sidecar that the metadata may come from.
        allow_bad_record: ``--allow-bad-record`` names the project.
    """

    filename: str
    url: str
    listed: tuple[Hash, ...] = ()
    required: tuple[Hash, ...] = ()
    size: int | None = None
    metadata: Metadata | None = None
    sidecar: tuple[Hash, ...] = ()
    allow_bad_record: bool = False

    @property
    def algorithms(self) -> frozenset[str]:
        """What to compute: sha256 always, and all that is promised."""
        return frozenset({"sha256"}).union(each.algorithm for each in (*self.listed, *self.required)) & _KNOWN

    @property
    def possible(self) -> tuple[str, ...]:
        """The sha256 digests under which the store may have exactly this wheel; empty: only the bytes can tell."""
        listed = _sha256(self.listed)
        required = _sha256(self.required)
        if self.required and not listed:
            return required if len(required) == len(self.required) else ()
        if self.required:
            return tuple(digest for digest in listed if digest in required)
        return listed


def job_of(source: IndexWheel | DirectWheel, *, required: tuple[Hash, ...] = ()) -> WheelJob:
    """The job for a wheel as such, before anything is known of its metadata."""
    match source:
        case IndexWheel(file=file):
            return WheelJob(
                filename=file.filename,
                url=file.url,
                listed=file.hashes,
                required=required,
                size=file.size,
                sidecar=file.sidecar or (),
            )
        case DirectWheel(direct=direct, filename=filename):
            return WheelJob(filename=filename, url=direct.url, listed=direct.hashes, required=required)
        case _:
            assert_never(source)


def job_of_pin(pin: Pin, *, required: tuple[Hash, ...] = (), allow_bad_record: bool = False) -> WheelJob:
    """The job for a pin, whose metadata the wheel must agree with.

    Raises:
        ValueError: The pin is what is installed already.
    """
    if isinstance(pin.source, AlreadyInstalled):
        raise ValueError(f"{pin.name} is installed, there is nothing to download")  # noqa: TRY004 - not a type error
    job = job_of(pin.source, required=required)
    return WheelJob(
        filename=job.filename,
        url=job.url,
        listed=job.listed,
        required=job.required,
        size=job.size,
        metadata=pin.metadata,
        sidecar=job.sidecar,
        allow_bad_record=allow_bad_record,
    )


def new_hashers(job: WheelJob) -> dict[str, hashlib._Hash]:
    """One hasher for each algorithm that the job needs."""
    return {name: hashlib.new(name, usedforsecurity=False) for name in job.algorithms}


def check_digests(job: WheelJob, digests: Mapping[str, str]) -> None:
    """Compare what was computed with what was promised.

    Raises:
        IntegrityError: They differ; the file, what was expected and what came are named.
    """
    where = f"{job.filename} from {printable_url(job.url)}"
    for algorithm in sorted({each.algorithm for each in job.listed} & digests.keys()):
        wanted = [each.digest for each in job.listed if each.algorithm == algorithm]
        if digests[algorithm] not in wanted:
            raise IntegrityError(
                f"{where} has not the hash that was promised.",
                hint="The same command again; if it stays so, tell whoever runs the index.",
                details=(
                    f"expected {algorithm}: {' or '.join(wanted)}",
                    f"got      {algorithm}: {digests[algorithm]}",
                ),
            )
    if job.required and not any(digests.get(each.algorithm) == each.digest for each in job.required):
        algorithms = sorted({each.algorithm for each in job.required})
        raise IntegrityError(
            f"{where} has none of the hashes that are required.",
            hint="Compare with the release's published hashes, then correct --hash.",
            details=(
                *(f"expected {each}" for each in job.required),
                *(f"got      {name}:{digests.get(name, 'an algorithm not known here')}" for name in algorithms),
            ),
        )


def check_metadata(job: WheelJob, stored: StoredWheel) -> None:
    """Compare the wheel with the metadata that was resolved with (PEP 658 wants them identical).

    Raises:
        IntegrityError: The sidecar, or whatever it came from, lied.
    """
    promised, manifest = job.metadata, stored.manifest
    if promised is None or manifest.metadata_sha256 in _sha256(job.sidecar):
        return
    differing = _differences(promised, read_stored_metadata(stored))
    if differing:
        raise IntegrityError(
            f"The metadata that {printable_url(job.url)} was chosen by is not that of the wheel itself.",
            hint="Tell whoever runs the index: its .metadata file must be the wheel's METADATA.",
            details=tuple(differing),
        )


def read_stored_metadata(stored: StoredWheel) -> Metadata:
    """The METADATA of a wheel in the store.

    Raises:
        IntegrityError: It cannot be read or is no metadata.
    """
    path = os.path.join(stored.tree, stored.manifest.info_name, "METADATA")
    try:
        with open(path, "rb") as file:
            return parse_metadata(file.read(METADATA_LIMIT))
    except (OSError, ValueError) as error:
        raise IntegrityError(f"The metadata of {stored.manifest.filename} cannot be used: {error}.") from error


def _differences(promised: Metadata, actual: Metadata) -> Iterable[str]:
    found = []
    if (promised.name, promised.version) != (actual.name, actual.version):
        found.append(f"promised {promised.name} {promised.version}, the wheel is {actual.name} {actual.version}")
    if promised.requires_python != actual.requires_python:
        found.append(f"promised Requires-Python {promised.requires_python}, the wheel says {actual.requires_python}")
    found += [f"promised Requires-Dist: {each}" for each in promised.requires if each not in actual.requires]
    found += [f"the wheel says Requires-Dist: {each}" for each in actual.requires if each not in promised.requires]
    return found


def _sha256(hashes: Iterable[Hash]) -> tuple[str, ...]:
    """Their digests; one of another length is none, and no file will have it."""
    return tuple(each.digest for each in hashes if each.algorithm == "sha256" and len(each.digest) == _SHA256_DIGITS)
