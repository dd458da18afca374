"""holdfast and what it needs as wheels, made of what is installed beside the tests: an image installs them by pip."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import os
import zipfile

import holdfast
from tests.support.users import needed


def make_wheelhouse(directory: str) -> str:
    """Fill a new directory with wheels, all of them pure Python; no index is asked."""
    os.makedirs(directory)
    for name in ("holdfast", *needed("holdfast")):
        _pack(importlib.metadata.distribution(name), directory)
    return directory


def _pack(distribution: importlib.metadata.Distribution, directory: str) -> None:
    files = _files(distribution)
    (wheel,) = [path for path in files if path.endswith(".dist-info/WHEEL")]
    info = os.path.dirname(wheel)
    tag = next(line[5:] for line in files[wheel].decode().splitlines() if line.startswith("Tag: "))
    rows = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()},{len(content)}"
        for path, content in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(f"{directory}/{info.removesuffix('.dist-info')}-{tag}.whl", "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)


def _files(distribution: importlib.metadata.Distribution) -> dict[str, bytes]:
    """By path in the wheel. What is installed editable has its package elsewhere."""
    found = {}
    for file in distribution.files or ():
        left_out = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"} if ".dist-info" in str(file) else set()
        if ".." in file.parts or file.suffix in {".pyc", ".pth"} or file.name in left_out:
            continue
        found[str(file)] = file.read_binary()
    if distribution.name == "holdfast":
        package = os.path.dirname(os.path.abspath(holdfast.__file__))
        for parent, directories, names in os.walk(package):
            directories[:] = [name for name in directories if name != "__pycache__"]
            for name in names:
                path = os.path.join(parent, name)
                with open(path, "rb") as content:
                    found[os.path.relpath(path, os.path.dirname(package))] = content.read()
    return found
