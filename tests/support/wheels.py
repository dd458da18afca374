"""Wheels, built in memory: right by default, spoilt only where `damage` says so.

The format is https://packaging.python.org/en/latest/specifications/binary-distribution-format/ . The same
specification gives the same bytes, so that tests may name a hash.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from packaging.utils import canonicalize_name

from tests.support.archives import FILE_MODE, LINK_MODE, PROGRAM_MODE, Member, record_hash, record_text, zip_bytes
from tests.support.damage import (
    Damage,
    Duplicate,
    DuplicateRow,
    FilenameSays,
    Missing,
    NoMetadata,
    NonUtf8Metadata,
    NoRecord,
    NoWheelFile,
    RottenBytes,
    SecondDistInfo,
    SymlinkEntry,
    Traversal,
    Truncated,
    Unhashed,
    Unlisted,
    WrongHash,
    WrongSize,
)

Content = bytes | str


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelSpec:
    """What one wheel holds and says of itself.

    Args:
        name: as METADATA spells it; the file name gets the escaped form.
        version: as METADATA and the file name spell it.
        files: path in the archive to content.
        requires: Requires-Dist lines.
        requires_python: Requires-Python.
        extras: Provides-Extra lines.
        console_scripts: script name to ``module:function``.
        gui_scripts: the same for the GUI.
        entry_points: further groups of entry_points.txt, each name to reference.
        data: path below ``{name}-{version}.data`` (``scripts/x``, ``headers/x.h``, ``data/etc/x``,
            ``purelib/x``, ``platlib/x``) to content.
        dist_info: further files of the dist-info directory (``licenses/LICENSE``) to content.
        headers: further lines of METADATA, as ``("Summary", "...")``.
        description: the body of METADATA.
        tags: of WHEEL and the file name; several give a compressed set as ``py2.py3-none-any``.
        root_is_purelib: of WHEEL.
        metadata_version: of METADATA.
        wheel_version: of WHEEL.
        build: the build number of the file name and WHEEL (``"1"``, ``"2a"``).
        executable: paths of `files` that carry the x bits.
        metadata: METADATA, whole, instead of the one made from the fields above.
        directory_entries: whether the archive lists directories too, as some builders do.
        damage: what is wrong with it.
    """

    name: str
    version: str
    files: Mapping[str, Content] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    requires_python: str | None = None
    extras: tuple[str, ...] = ()
    console_scripts: Mapping[str, str] = field(default_factory=dict)
    gui_scripts: Mapping[str, str] = field(default_factory=dict)
    entry_points: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    data: Mapping[str, Content] = field(default_factory=dict)
    dist_info: Mapping[str, Content] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    description: str = ""
    tags: tuple[str, ...] = ("py3-none-any",)
    root_is_purelib: bool = True
    metadata_version: str = "2.1"
    wheel_version: str = "1.0"
    build: str | None = None
    executable: frozenset[str] = frozenset()
    metadata: Content | None = None
    directory_entries: bool = False
    damage: tuple[Damage, ...] = ()

    @property
    def escaped(self) -> str:
        """The name as file names carry it."""
        return canonicalize_name(self.name).replace("-", "_")

    @property
    def stem(self) -> str:
        """``{name}-{version}``, of the dist-info and data directories."""
        return f"{self.escaped}-{self.version.replace('-', '_')}"

    @property
    def info(self) -> str:
        """The dist-info directory's name."""
        return f"{self.stem}.dist-info"

    @property
    def filename(self) -> str:
        """The wheel's file name, honest unless `FilenameSays`."""
        stem = self.stem
        for damage in self.damage:
            if isinstance(damage, FilenameSays):
                stem = f"{damage.name or self.escaped}-{damage.version or self.version}"
        build = f"-{self.build}" if self.build else ""
        return f"{stem}{build}-{compressed(self.tags)}.whl"


def pkg(
    name: str,
    version: str = "1.0",
    *,
    requires: tuple[str, ...] = (),
    requires_python: str | None = None,
    extras: tuple[str, ...] = (),
    files: Mapping[str, Content] | None = None,
    console_scripts: Mapping[str, str] | None = None,
) -> WheelSpec:
    """A minimal importable package: ``import name; name.__version__``, and ``name.main()`` prints both."""
    module = re.sub(r"[-.]+", "_", name).lower()
    source = f'__version__ = "{version}"\n\n\ndef main():\n    print("{name}", __version__)\n'
    return WheelSpec(
        name=name,
        version=version,
        files={f"{module}/__init__.py": source, **(files or {})},
        requires=requires,
        requires_python=requires_python,
        extras=extras,
        console_scripts=console_scripts or {},
    )


def compressed(tags: tuple[str, ...]) -> str:
    """The tag set of a file name: each part's values joined by dots, in the order given."""
    parts = zip(*(tag.split("-") for tag in tags), strict=True)
    return "-".join(".".join(dict.fromkeys(values)) for values in parts)


def build_wheel(spec: WheelSpec, directory: str) -> str:
    """Write the wheel into `directory` (made if need be); return its path."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, spec.filename)
    with open(path, "wb") as file:
        file.write(wheel_bytes(spec))
    return path


def metadata_bytes(spec: WheelSpec) -> bytes:
    """METADATA as the wheel holds it; a PEP 658 sidecar is this."""
    if spec.metadata is not None:
        return _bytes(spec.metadata)
    lines = [
        f"Metadata-Version: {spec.metadata_version}",
        f"Name: {spec.name}",
        f"Version: {spec.version}",
        *([f"Requires-Python: {spec.requires_python}"] if spec.requires_python else []),
        *(f"Provides-Extra: {extra}" for extra in spec.extras),
        *(f"Requires-Dist: {requirement}" for requirement in spec.requires),
        *(f"{key}: {value}" for key, value in spec.headers),
    ]
    text = "\n".join(lines) + "\n" + (f"\n{spec.description}\n" if spec.description else "")
    if any(isinstance(damage, NonUtf8Metadata) for damage in spec.damage):
        return text.encode() + b"Author: Andr\xe9 M\xfcller\n"
    return text.encode()


def wheel_bytes(spec: WheelSpec) -> bytes:  # noqa: C901, PLR0912 - one arm per kind of damage
    """The whole archive."""
    members = _honest_members(spec)
    rows = {member.path: (record_hash(member.content), str(len(member.content))) for member in members}
    extra_rows: list[tuple[str, str, str]] = []
    with_record = True
    keep: int | None = None
    for damage in spec.damage:
        match damage:
            case WrongHash(path=path):
                rows[path] = (record_hash(b"something else entirely"), rows[path][1])
            case WrongSize(path=path, by=by):
                rows[path] = (rows[path][0], str(int(rows[path][1]) + by))
            case Unlisted(path=path, content=content):
                members.append(Member(path=path, content=content))
            case Unhashed(path=path):
                rows[path] = ("", "")
            case Missing(path=path):
                members = _without(members, path)
            case NoRecord():
                with_record = False
            case NoMetadata() | NoWheelFile():
                path = f"{spec.info}/{'METADATA' if isinstance(damage, NoMetadata) else 'WHEEL'}"
                members = _without(members, path)
                del rows[path]
            case Truncated():
                keep = damage.keep
            case RottenBytes(path=path):
                _named(members, path).rotten = True
            case Traversal(path=path, content=content):
                members.append(Member(path=path, content=content))
                rows[path] = (record_hash(content), str(len(content)))
            case SecondDistInfo(name=name, version=version):
                for member in _second_dist_info(name, version):
                    members.append(member)
                    rows[member.path] = (record_hash(member.content), str(len(member.content)))
            case Duplicate(path=path, content=content):
                members.append(Member(path=path, content=content))
            case DuplicateRow(path=path):
                extra_rows.append((path, record_hash(b"the other row"), rows[path][1]))
            case SymlinkEntry(path=path, to=to):
                members.append(Member(path=path, content=to.encode(), mode=LINK_MODE))
                rows[path] = (record_hash(to.encode()), str(len(to.encode())))
            case FilenameSays() | NonUtf8Metadata():
                pass  # `filename` and `metadata_bytes` say it already
            case _:
                assert_never(damage)
    if with_record:
        record = f"{spec.info}/RECORD"
        table = [(path, *row) for path, row in rows.items()] + extra_rows + [(record, "", "")]
        members.append(Member(path=record, content=record_text(table)))
    return zip_bytes(members, directory_entries=spec.directory_entries)[:keep]


def _honest_members(spec: WheelSpec) -> list[Member]:
    members = [
        Member(path=path, content=_bytes(content), mode=PROGRAM_MODE if path in spec.executable else FILE_MODE)
        for path, content in spec.files.items()
    ]
    for path, content in spec.data.items():
        mode = PROGRAM_MODE if path.startswith("scripts/") or path in spec.executable else FILE_MODE
        members.append(Member(path=f"{spec.stem}.data/{path}", content=_bytes(content), mode=mode))
    members += [Member(path=f"{spec.info}/{path}", content=_bytes(content)) for path, content in spec.dist_info.items()]
    members.append(Member(path=f"{spec.info}/METADATA", content=metadata_bytes(spec)))
    members.append(Member(path=f"{spec.info}/WHEEL", content=_wheel_file(spec)))
    groups = {"console_scripts": spec.console_scripts, "gui_scripts": spec.gui_scripts, **spec.entry_points}
    text = "\n".join(
        f"[{group}]\n" + "".join(f"{name} = {reference}\n" for name, reference in entries.items())
        for group, entries in groups.items()
        if entries
    )
    if text and "entry_points.txt" not in spec.dist_info:
        members.append(Member(path=f"{spec.info}/entry_points.txt", content=text.encode()))
    return members


def _wheel_file(spec: WheelSpec) -> bytes:
    lines = [
        f"Wheel-Version: {spec.wheel_version}",
        "Generator: holdfast-tests",
        f"Root-Is-Purelib: {str(spec.root_is_purelib).lower()}",
        *(f"Tag: {tag}" for tag in spec.tags),
        *([f"Build: {spec.build}"] if spec.build else []),
    ]
    return ("\n".join(lines) + "\n").encode()


def _second_dist_info(name: str, version: str) -> list[Member]:
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    return [
        Member(path=f"{info}/METADATA", content=metadata.encode()),
        Member(path=f"{info}/WHEEL", content=wheel.encode()),
        Member(path=f"{info}/RECORD", content=b""),
    ]


def _without(members: list[Member], path: str) -> list[Member]:
    _named(members, path)  # damage that misses is a mistake in the test
    return [member for member in members if member.path != path]


def _named(members: list[Member], path: str) -> Member:
    return next(member for member in members if member.path == path)


def _bytes(content: Content) -> bytes:
    return content.encode() if isinstance(content, str) else content
