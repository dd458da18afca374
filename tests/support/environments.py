"""Virtual environments for tests: made for real, described by what their files say."""

from __future__ import annotations

import csv
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from typing import cast

from packaging.utils import canonicalize_name

from tests.support.interpreters import Interpreter, this_interpreter


@dataclass(frozen=True, slots=True, kw_only=True)
class Venv:
    """One virtual environment.

    Args:
        root: of the environment.
        version: major and minor of its Python.
    """

    root: str
    version: tuple[int, int]

    @property
    def python(self) -> str:
        """Its interpreter."""
        return os.path.join(self.root, "bin", "python")

    @property
    def bin(self) -> str:
        """Its scripts directory."""
        return os.path.join(self.root, "bin")

    @property
    def site_packages(self) -> str:
        """Its purelib (and platlib)."""
        return os.path.join(self.root, "lib", f"python{self.version[0]}.{self.version[1]}", "site-packages")

    def run(self, *args: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run its Python, isolated (``-I``)."""
        return subprocess.run([self.python, "-I", *args], capture_output=True, text=True, timeout=timeout, check=False)

    def script(self, name: str, *args: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run one of its scripts."""
        return subprocess.run(
            [os.path.join(self.bin, name), *args],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def imported(self, expression: str, module: str) -> str:
        """What an expression over an imported module prints, in its Python."""
        done = self.run("-c", f"import {module}; print({expression})")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def distributions(self) -> Mapping[str, str]:
        """What is installed: normalised name to version."""
        return distributions(self.site_packages)


def make_venv(root: str, interpreter: Interpreter | None = None) -> Venv:
    """An environment without pip at `root`, made by ``-m venv`` once per interpreter and copied after that.

    The copy is what venv itself would have made at `root`: pyvenv.cfg and the scripts that name the root are
    written anew.
    """
    python = interpreter or this_interpreter()
    template = _template(python)
    shutil.copytree(template, root, symlinks=True)
    for path in (
        "pyvenv.cfg",
        *(os.path.join("bin", name) for name in os.listdir(os.path.join(root, "bin"))),
    ):
        _moved(os.path.join(root, path), template, root)
    return Venv(root=root, version=python.version[:2])


@functools.cache
def _template(interpreter: Interpreter) -> str:
    # One per process and interpreter; `tests/conftest.py` points the temporary directory somewhere that goes.
    root = os.path.join(tempfile.mkdtemp(prefix="holdfast-tests-template-"), "venv")
    subprocess.run(
        [interpreter.executable, "-I", "-m", "venv", "--without-pip", "--symlinks", root],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return root


def _moved(path: str, old: str, new: str) -> None:
    """Write the file anew where it names the old root; links and others stay."""
    if os.path.islink(path):
        return
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if old in text:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFault:
    """One line of one RECORD that is not so."""

    distribution: str
    path: str
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One installed distribution as its dist-info directory says."""

    name: str
    version: str
    info: str
    record: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)

    @property
    def files(self) -> tuple[str, ...]:
        """The absolute, normalised paths that RECORD lists."""
        site = os.path.dirname(self.info)
        return tuple(os.path.normpath(os.path.join(site, path)) for path, _, _ in self.record)

    def read(self, name: str) -> str | None:
        """A file of the dist-info directory; None: it has none."""
        try:
            with open(os.path.join(self.info, name), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return None


def installed(site_packages: str) -> tuple[Distribution, ...]:
    """Every dist-info directory, in order of their names; two of one name are two."""
    found = []
    for entry in sorted(os.listdir(site_packages)):
        info = os.path.join(site_packages, entry)
        if not entry.endswith(".dist-info"):
            continue
        with open(os.path.join(info, "METADATA"), "rb") as file:
            metadata = BytesHeaderParser().parse(file)
        found.append(
            Distribution(
                name=canonicalize_name(metadata["Name"]),
                version=metadata["Version"],
                info=info,
                record=_record(info),
            )
        )
    return tuple(found)


def distributions(site_packages: str) -> Mapping[str, str]:
    """Normalised name to version; a name that is there twice is a failure."""
    found = installed(site_packages)
    names = {each.name: each.version for each in found}
    assert len(names) == len(found), f"installed twice: {[each.info for each in found]}"
    return names


def verify_record(site_packages: str) -> tuple[RecordFault, ...]:
    """Every line of every RECORD against the files: empty when all is so.

    Checked: the file is there; its hash and size are the listed ones; only RECORD itself, signatures and
    bytecode go without; nothing is listed twice; everything in the dist-info directory is listed.
    """
    faults: list[RecordFault] = []
    for each in installed(site_packages):
        listed: set[str] = set()
        if not each.record:
            faults.append(RecordFault(distribution=each.name, path="RECORD", fault="missing or empty"))
        for path, digest, size in each.record:
            full = os.path.normpath(os.path.join(site_packages, path))
            faults += [
                RecordFault(distribution=each.name, path=path, fault=fault)
                for fault in (*(["listed twice"] * (full in listed)), *_row_faults(full, digest, size))
            ]
            listed.add(full)
        faults += [
            RecordFault(distribution=each.name, path=os.path.relpath(path, site_packages), fault="not listed")
            for path in _files(each.info)
            if each.record and path not in listed
        ]
    return tuple(faults)


def unowned(site_packages: str) -> tuple[str, ...]:
    """Files below site-packages (relative paths) that no RECORD lists, bytecode apart."""
    owned = {path for each in installed(site_packages) for path in each.files}
    return tuple(
        os.path.relpath(path, site_packages)
        for path in _files(site_packages)
        if path not in owned and not path.endswith(".pyc")
    )


def _row_faults(full: str, digest: str, size: str) -> list[str]:
    if not os.path.lexists(full):
        return ["missing"]
    if not digest:
        bare = full.endswith((".dist-info/RECORD", "/RECORD.jws", "/RECORD.p7s", ".pyc"))
        return [] if bare else ["listed without hash"]
    with open(full, "rb") as file:
        content = file.read()
    algorithm, _, expected = digest.partition("=")
    actual = urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
    return [*(["hash differs"] * (actual != expected)), *(["size differs"] * (size not in {"", str(len(content))}))]


def _record(info: str) -> tuple[tuple[str, str, str], ...]:
    try:
        with open(os.path.join(info, "RECORD"), encoding="utf-8", newline="") as file:
            return tuple(cast("tuple[str, str, str]", tuple(row)) for row in csv.reader(file) if row)
    except FileNotFoundError:
        return ()


def _files(root: str) -> list[str]:
    return sorted(os.path.join(parent, name) for parent, _, names in os.walk(root) for name in names)
