"""What the tests of composing and filling share: a stored wheel, a target in a directory, an action."""

from __future__ import annotations

import hashlib
import os
import sys
from typing import NamedTuple

from holdfast.model.composed import ComposedDistribution, Generated
from holdfast.model.metadata import Metadata
from holdfast.model.plan import Install
from holdfast.model.release import ReleaseFile
from holdfast.model.resolution import IndexWheel, Pin
from holdfast.model.stored import StoredWheel
from holdfast.model.target import Interpreter, Scheme, Target, TargetKind
from holdfast.stage.compose import compose
from holdfast.store.wheels import WheelStore
from tests.support.wheels import WheelSpec, build_wheel


class Directory(NamedTuple):
    """The rights of a directory (``model.rights.Status``)."""

    st_mode: int
    st_gid: int = 7
    st_uid: int = 0


def stored_in(root: str, spec: WheelSpec, *, cached: bool = True) -> StoredWheel:
    """The wheel of a specification, in a store below ``root``."""
    path = build_wheel(spec, f"{root}/dist")
    with open(path, "rb") as file:
        sha256 = hashlib.sha256(file.read()).hexdigest()
    store = WheelStore.open(f"{root}/cache" if cached else None, f"{root}/work")
    return store.add(path, sha256=sha256, filename=spec.filename)


def venv_target(root: str, *, executable: str | None = None, relocation: str = "") -> Target:
    """A target laid out like a virtual environment; its directories exist."""
    library = f"{root}/lib/python3.12/site-packages"
    scheme = Scheme(
        purelib=library, platlib=library, scripts=f"{root}/bin", headers=f"{root}/include/site/python3.12", data=root
    )
    for directory in (library, scheme.scripts):
        os.makedirs(directory, exist_ok=True)
    return target_of(scheme, root, executable=executable or f"{root}/bin/python", relocation=relocation)


def target_of(scheme: Scheme, root: str, *, executable: str = sys.executable, relocation: str = "") -> Target:
    """A target with this scheme."""
    interpreter = Interpreter(
        executable=executable,
        version="3.12.1",
        implementation="cpython",
        markers={},
        tags=(),
        prefix=root,
        base_prefix="/usr",
        scheme=scheme,
        user_scheme=None,
        stdlib="/usr/lib/python3.12",
        externally_managed=None,
        site_packages=(scheme.purelib,),
        cache_tag="cpython-312",
    )
    return Target(kind=TargetKind.VENV, interpreter=interpreter, scheme=scheme, root=root, relocation=relocation)


def install(stored: StoredWheel) -> Install:
    """The action that installs exactly this wheel."""
    manifest = stored.manifest
    return Install(
        pin=Pin(
            name=manifest.name,
            version=manifest.version,
            source=IndexWheel(file=ReleaseFile(filename=manifest.filename, url="https://example.org/x.whl")),
            metadata=Metadata(name=manifest.name, display_name=manifest.name, version=manifest.version),
        )
    )


def composed(stored: StoredWheel, target: Target) -> ComposedDistribution:
    """Composed as a plain installation."""
    return compose(install(stored), stored, target, requested=False)


def content(distribution: ComposedDistribution, name: str) -> bytes:
    """The bytes of a generated file, by the end of its path."""
    (found,) = [file for file in distribution.files if file.path.endswith(name)]
    assert isinstance(found.source, Generated)
    return found.source.content
