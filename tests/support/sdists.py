"""Source distributions that exist to be listed on an index; a backend of their own is not inside."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name


@dataclass(frozen=True, slots=True, kw_only=True)
class SdistSpec:
    """One ``{name}-{version}.tar.gz`` with PKG-INFO and pyproject.toml (PEP 517, 643)."""

    name: str
    version: str
    files: Mapping[str, bytes | str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    requires_python: str | None = None

    @property
    def stem(self) -> str:
        """The archive's only top-level directory."""
        return f"{canonicalize_name(self.name).replace('-', '_')}-{self.version}"

    @property
    def filename(self) -> str:
        """The archive's file name (PEP 625)."""
        return f"{self.stem}.tar.gz"


def sdist_bytes(spec: SdistSpec) -> bytes:
    """The whole archive; the same specification gives the same bytes."""
    info = [
        "Metadata-Version: 2.2",
        f"Name: {spec.name}",
        f"Version: {spec.version}",
        *([f"Requires-Python: {spec.requires_python}"] if spec.requires_python else []),
        *(f"Requires-Dist: {requirement}" for requirement in spec.requires),
    ]
    files: dict[str, bytes | str] = {
        "PKG-INFO": "\n".join(info) + "\n",
        "pyproject.toml": '[build-system]\nrequires = ["setuptools"]\n'
        'build-backend = "setuptools.build_meta"\n\n'
        f'[project]\nname = "{spec.name}"\nversion = "{spec.version}"\n',
        **spec.files,
    }
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(f"{spec.stem}/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(plain.getvalue(), mtime=0)


def build_sdist(spec: SdistSpec, directory: str) -> str:
    """Write the archive into `directory` (made if need be); return its path."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, spec.filename)
    with open(path, "wb") as file:
        file.write(sdist_bytes(spec))
    return path
