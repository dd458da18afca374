"""From a wheel file to a tree and its manifest, everything verified on the way.

**Guarantees**: what `unpack` returns has been checked whole: the archive (``store.archive``), one dist-info directory
that speaks of the distribution that the file name says, supported versions of WHEEL and METADATA, every member's hash
and size against the wheel's RECORD, nothing unlisted and nothing missing. Each member is read, inflated, hashed and
written in one pass, in pieces: memory does not grow with the wheel. Files get exactly 0644 or 0755 and the time of
``keys.modified_ns``, whatever the umask.

**On crash**: a part of the tree is left in ``into``, which nobody takes for an entry before it is renamed.

**Limits**: ``sha256`` is believed: whoever fetched the file compared it. Nothing is synced: an entry torn by a power
failure is found by its sizes and times when it is used, and rebuilt.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

from holdfast import disk
from holdfast.events import Reporter, Warned
from holdfast.model.hashes import record_text
from holdfast.model.metadata import METADATA_LIMIT
from holdfast.model.stored import Manifest, WheelFile
from holdfast.model.target import SchemeKey
from holdfast.store import contents, keys, listing, sharing
from holdfast.store.archive import Archive, Member
from holdfast.store.faults import WheelFault, shown

FILE_MODE = 0o644
PROGRAM_MODE = 0o755

_TEXT_LIMIT = 4 << 20
_RECORD_SPARE = 64 << 10
_RECORD_ROW = 512
"""A hash, a size, quotes; and the name, which may stand for a directory that is listed too."""
_SHEBANG = b"#!python"


def unpack(
    archive: Archive, into: str, *, sha256: str, filename: str, allow_bad_record: bool, reporter: Reporter
) -> tuple[Manifest, bool]:
    """Verify a wheel and write its members below ``into/tree``.

    Args:
        archive: The wheel.
        into: An empty directory.
        sha256: Hexadecimal digest of the wheel file.
        filename: The wheel's file name.
        allow_bad_record: Let a RECORD pass that is wrong about the members; all else is checked as ever.
        reporter: Hears of a Wheel-Version that is a little too new.

    Returns:
        The manifest, and whether the wheel's RECORD was right.

    Raises:
        WheelFault: It is no proper wheel.
        OSError: ``into`` cannot be written.
    """
    contents.named_by(filename)
    info = contents.find_info(archive.members)
    data = _text(archive, f"{info}/METADATA", METADATA_LIMIT)
    metadata = contents.read_metadata(data)
    contents.check_identity(filename, info, metadata)
    wheel = contents.read_wheel(_text(archive, f"{info}/WHEEL", _TEXT_LIMIT))
    if wheel.newer:
        reporter.emit(Warned(text=f"{filename} is of Wheel-Version {wheel.newer}, newer than this holdfast knows."))
    points = archive.members.get(f"{info}/entry_points.txt")
    scripts = contents.read_scripts(archive.read(points, _TEXT_LIMIT)) if points else ()
    mapping = contents.Mapping(
        info=info, project=metadata.name, root=SchemeKey.PURELIB if wheel.purelib else SchemeKey.PLATLIB
    )
    places = _places(archive, info, mapping)
    rows = _rows(archive, info, allow_bad_record=allow_bad_record)
    writer = _Writer(
        archive=archive, into=into, rows=rows or {}, lenient=allow_bad_record, modified_ns=keys.modified_ns(sha256)
    )
    made = Manifest(
        sha256=sha256,
        filename=filename,
        name=metadata.name,
        version=metadata.version,
        info_name=info,
        purelib=wheel.purelib,
        files=writer.write(places),
        scripts=scripts,
        metadata_sha256=hashlib.sha256(data).hexdigest(),
    )
    return made, rows is not None and not writer.forgiven


def _text(archive: Archive, name: str, limit: int) -> bytes:
    member = archive.members.get(name)
    if member is None:
        raise WheelFault(f"it has no {shown(name)}")
    return archive.read(member, limit)


def _places(archive: Archive, info: str, mapping: contents.Mapping) -> dict[str, tuple[SchemeKey, str]]:
    """Where each member goes that is to be placed; two for one place are refused."""
    left_out = listing.unlisted_by_right(info)
    places = {name: mapping(name) for name in archive.members if name not in left_out}
    taken: dict[tuple[SchemeKey, str], str] = {}
    for name, place in places.items():
        if (other := taken.setdefault(place, name)) != name:
            raise WheelFault(f"{shown(other)} and {shown(name)} go to the same place")
    return places


def _rows(archive: Archive, info: str, *, allow_bad_record: bool) -> Mapping[str, listing.Listed | None] | None:
    """The rows of a RECORD that speaks of exactly the members; None for another that is let pass."""
    try:
        member = archive.members.get(f"{info}/RECORD")
        if member is None:
            raise WheelFault("it has no RECORD", record=True)
        rows = listing.parse_listing(archive.read(member, _longest_record(archive)))
        listing.check_complete(rows, frozenset(archive.members), info)
    except WheelFault as fault:
        if fault.record and allow_bad_record:
            return None
        raise
    return rows


def _longest_record(archive: Archive) -> int:
    """Bytes of a RECORD that lists the members and little more: it cannot be a bomb."""
    return _RECORD_SPARE + sum(_RECORD_ROW + 4 * len(each.raw) for each in archive.members.values())


class _Writer:
    """Writes the members of one wheel below an open directory."""

    def __init__(
        self,
        *,
        archive: Archive,
        into: str,
        rows: Mapping[str, listing.Listed | None],
        lenient: bool,
        modified_ns: int,
    ) -> None:
        self._archive = archive
        self._into = into
        self._rows = rows
        self._lenient = lenient
        self._modified_ns = modified_ns
        self.forgiven = False

    def write(self, places: Mapping[str, tuple[SchemeKey, str]]) -> tuple[WheelFile, ...]:
        tree = os.path.join(self._into, keys.TREE)
        sharing.make_directories(tree, root=self._into)
        fd = disk.open_dir(tree)
        try:
            self._make_directories(places, fd)
            members = sorted((self._archive.members[name] for name in places), key=lambda each: each.offset)
            written = [self._write_one(member, *places[member.name], fd) for member in members]
        except FileExistsError as error:
            raise WheelFault(f"it holds names that this file system takes for one: {error.filename}") from error
        finally:
            disk.close(fd)
        return tuple(sorted(written, key=lambda file: file.member))

    def _make_directories(self, names: Mapping[str, object], fd: int) -> None:
        parents: set[str] = set()
        for name in names:
            parent = os.path.dirname(name)
            while parent and parent not in parents:
                parents.add(parent)
                parent = os.path.dirname(parent)
        sharing.make_inside(fd, sorted(parents))

    def _write_one(self, member: Member, scheme: SchemeKey, path: str, tree: int) -> WheelFile:
        listed = self._rows.get(member.name)
        digest, second = hashlib.sha256(), listing.second_hash(listed)
        executable = member.executable or scheme is SchemeKey.SCRIPTS
        head = b""
        fd = disk.open_new(member.name, dir_fd=tree)
        try:
            for chunk in self._archive.chunks(member):
                head = head or chunk[: len(_SHEBANG)]
                digest.update(chunk)
                if second:
                    second.update(chunk)
                disk.write(fd, chunk)
            disk.fchmod(fd, PROGRAM_MODE if executable else FILE_MODE)
            disk.utime(fd, (self._modified_ns, self._modified_ns))
        finally:
            disk.close(fd)
        try:
            other = second.digest() if second else None
            listing.check_member(member.name, listed, digest.digest(), member.size, other)
        except WheelFault:
            if not self._lenient:
                raise
            self.forgiven = True
        return WheelFile(
            member=member.name,
            scheme=scheme,
            path=path,
            size=member.size,
            digest=record_text(digest.digest()),
            executable=executable,
            mtime_ns=self._modified_ns,
            shebang=scheme is SchemeKey.SCRIPTS and head == _SHEBANG,
        )
