"""A wheel made again of the files that the history kept of an editable installation."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import zipfile

from packaging.utils import NormalizedName

from holdfast import disk
from holdfast.flows.world import World
from holdfast.model.hashes import record_text
from holdfast.model.history import KnownState, KnownWheel

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)


def editable_wheel(name: NormalizedName, state: KnownState, world: World) -> KnownWheel:
    """Put the wheel into the store; verified there as any other.

    Args:
        name: The project.
        state: With its files.
        world: The store.

    Raises:
        IntegrityError: The files are those of no wheel.
        TargetError: There is no room for it.
    """
    data = _zipped(name, state)
    digest = hashlib.sha256(data).hexdigest()
    filename = f"{name.replace('-', '_')}-{state.version}-0.editable-py3-none-any.whl"
    path = os.path.join(world.work, f"{digest}.whl")
    if world.store.get(digest) is None:
        disk.write_new(path, data)
        try:
            world.store.add(path, sha256=digest, filename=filename)
        finally:
            disk.unlink(path)
    return KnownWheel(filename=filename, url=state.direct, sha256=digest)


def _zipped(name: NormalizedName, state: KnownState) -> bytes:
    """The same files give the same bytes."""
    whole, table = io.BytesIO(), io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    info = next((path.partition("/")[0] for path, _ in state.files if path.endswith(".dist-info/METADATA")), str(name))
    with zipfile.ZipFile(whole, "w") as archive:
        for path, content in state.files:
            archive.writestr(_member(path), content)
            rows.writerow((path, f"sha256={record_text(hashlib.sha256(content).digest())}", len(content)))
        rows.writerow((f"{info}/RECORD", "", ""))
        archive.writestr(_member(f"{info}/RECORD"), table.getvalue())
    return whole.getvalue()


def _member(path: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(path, _FIRST_DAY)
    member.external_attr = (0o755 if "/scripts/" in path else 0o644) << 16
    return member
