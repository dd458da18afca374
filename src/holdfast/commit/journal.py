"""The journal: what a transaction is about to do to the target, written before it does, gone when it is done.

One JSON object on one line. It names places by scheme key and relative path only, because whoever reads it may have
more rights than whoever wrote it: nothing in it can lead out of the schemes that the reader computed.

**Guarantees**: `write_journal` makes it appear whole and synced, or not at all. `parse_journal` accepts nothing that
names a place outside of a scheme, one of holdfast's own entries, a dist-info or a step twice, or what no path can be;
none of its words comes into a message.

**On crash**: before the rename a ``journal.part`` may lie beside it, which nobody reads.

**Limits**: `JOURNAL_LIMIT` bytes, more than 100,000 steps; a change that needs more is refused before it begins.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from packaging.utils import NormalizedName

from holdfast import disk
from holdfast.commit.rooms import JOURNAL, Room
from holdfast.errors import InterruptedTransactionError
from holdfast.model.changes import ChangeSet, Place, ProjectChange, Step, StepKind
from holdfast.model.target import SchemeKey
from holdfast.model.transaction import LOCK_NAME, TRANSACTION_PREFIX

VERSION = 1
JOURNAL_LIMIT = 16 * 1024 * 1024
_PART = "journal.part"
_PATH_LIMIT = 4096
_DIGEST_LENGTHS = (0, 64)
_BYTES_PER_LIST = 8
"""Ours have twelve and more for each bracket: nothing but brackets takes thirty times its size when parsed."""
_Word = TypeVar("_Word", bound=StrEnum)
_STEP_LENGTHS = (5, 8)
"""Fields of a step; of one with an identity."""
Identity = tuple[int, int, int]
"""Inode, size and mtime in ns of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """What undo needs to know.

    Attributes:
        id: The transaction's.
        rooms: The scheme keys that each transaction directory serves; the first is the one with the journal.
        identities: Of the single files in ``new/``, as they were staged.
    """

    id: str
    rooms: tuple[tuple[SchemeKey, ...], ...]
    projects: tuple[ProjectChange, ...]
    steps: tuple[Step, ...]
    identities: Mapping[int, Identity]


def journal_of(
    identifier: str, rooms: tuple[tuple[SchemeKey, ...], ...], changes: ChangeSet, identities: Mapping[int, Identity]
) -> Journal:
    """The journal of a change set that is about to be executed."""
    return Journal(
        id=identifier, rooms=rooms, projects=changes.projects, steps=changes.steps, identities=dict(identities)
    )


def to_bytes(journal: Journal) -> bytes:
    """Serialise."""
    names = {name: at for at, name in enumerate(dict.fromkeys(each.name for each in journal.projects))}
    for step in journal.steps:
        for name in step.owners:
            names.setdefault(name, len(names))
    data = {
        "journal": VERSION,
        "id": journal.id,
        "rooms": [list(keys) for keys in journal.rooms],
        "names": list(names),
        "projects": [[names[each.name], _info(each.old), _info(each.new)] for each in journal.projects],
        "steps": [
            [
                step.kind,
                step.place.scheme,
                step.place.path,
                int(step.directory) + 2 * int(step.dist_info),
                [names[name] for name in step.owners],
                *journal.identities.get(step.n, ()),
            ]
            for step in journal.steps
        ],
    }
    return json.dumps(data, separators=(",", ":")).encode("ascii") + b"\n"


def _info(info: tuple[Place, str] | None) -> list[str] | None:
    return [info[0].scheme, info[0].path, info[1]] if info else None


def write_journal(room: Room, content: bytes, *, fsync: bool) -> None:
    """Publish it with the rights of the transaction directory, so that whoever may install may recover.

    Raises:
        OSError: It may lie there whole, or not at all: look.
    """
    status = disk.fstat(room.own)
    fd = disk.open_new(_PART, dir_fd=room.own)
    try:
        disk.write(fd, content)
        with suppress(OSError):  # the group is a help to others; root_squash and user namespaces refuse it
            disk.fchown(fd, -1, status.st_gid)
        disk.fchmod(fd, stat.S_IMODE(status.st_mode) & 0o666)
        if fsync:
            disk.fsync(fd)
    finally:
        disk.close(fd)
    disk.rename(_PART, JOURNAL, src_dir_fd=room.own, dst_dir_fd=room.own)


def read_journal(directory: str, name: str = JOURNAL) -> Journal:
    """Read the journal of a transaction directory, as untrusted input.

    Args:
        directory: Named ``.holdfast-<id>``, or just ``<id>`` where somebody took it.
        name: Of the journal.

    Raises:
        FileNotFoundError: There is none (any more).
        InterruptedTransactionError: It cannot be read, or is of a version that is not known here: it is left alone.
    """
    path = os.path.join(directory, name)
    try:
        fd = disk.open_dir(directory)
        try:
            content = disk.read_regular(name, limit=JOURNAL_LIMIT + 1, dir_fd=fd)
        finally:
            disk.close(fd)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ESTALE:  # removed on another host, after this one had looked it up
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
        raise _left_alone(path, f"it cannot be read ({error.strerror})") from error
    try:
        return parse_journal(content, identifier=os.path.basename(directory).removeprefix(TRANSACTION_PREFIX))
    except ValueError as error:
        raise _left_alone(path, str(error)) from error


def _left_alone(path: str, why: str) -> InterruptedTransactionError:
    return InterruptedTransactionError(
        f"An interrupted transaction left {path}, and {why}.",
        hint="Run `holdfast recover` with the version and the user that began it.",
        state="The journal was left alone.",
    )


def parse_journal(content: bytes, *, identifier: str) -> Journal:
    """Parse untrusted bytes.

    Args:
        content: The file, at most one byte more than `JOURNAL_LIMIT`.
        identifier: From the name of the directory that it lies in.

    Raises:
        ValueError: It is not a journal of this id and version; the message completes "it lies there, and ...".
    """
    if len(content) > JOURNAL_LIMIT:
        raise ValueError("it is too long to be one of ours")
    if (content.count(b"[") + content.count(b"{")) * _BYTES_PER_LIST > len(content) + 1024:
        raise ValueError("it is no journal")
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no journal") from error
    if not isinstance(data, dict) or type(data.get("journal")) is not int or data["journal"] != VERSION:
        raise ValueError("it is of a version that this holdfast does not know")
    try:
        if data["id"] != identifier:
            raise ValueError("it belongs to another transaction")
        names = [_text(name) for name in data["names"]]
        steps, identities = [], {}
        for n, row in enumerate(data["steps"]):
            steps.append(_step(n, row, names))
            if len(row) == max(_STEP_LENGTHS):
                inode, size, mtime = (_integer(each) for each in row[5:])
                identities[n] = (inode, size, mtime)
        projects = tuple(
            ProjectChange(name=_name(names, index), old=_parsed_info(old), new=_parsed_info(new))
            for index, old, new in data["projects"]
        )
        _refuse_repeated([(step.kind, step.place) for step in steps])
        for infos in ([each.old for each in projects], [each.new for each in projects]):
            _refuse_repeated([info[0] for info in infos if info])
        return Journal(
            id=identifier,
            rooms=_rooms(data["rooms"], steps),
            projects=projects,
            steps=tuple(steps),
            identities=identities,
        )
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError("its fields are not those of a journal") from error


def _rooms(rows: list[list[object]], steps: list[Step]) -> tuple[tuple[SchemeKey, ...], ...]:
    """The scheme keys of each transaction directory: each key once, all that the steps need."""
    rooms = tuple(tuple(_word(SchemeKey, key) for key in keys) for keys in rows[: len(SchemeKey) + 1])
    keys = [key for room in rooms for key in room]
    _refuse_repeated(keys)
    if not all(rooms) or not {step.place.scheme for step in steps} <= set(keys):
        raise ValueError("a step in it has no directory to work from")
    return rooms


def _refuse_repeated(found: Sequence[object]) -> None:
    if len(set(found)) != len(found):
        raise ValueError("something in it is there twice")


def _step(n: int, row: list[object], names: list[str]) -> Step:
    if len(row) not in _STEP_LENGTHS:
        raise TypeError(row)
    kind, scheme, path, flags, owners, *_ = row
    if not isinstance(owners, list):
        raise TypeError(owners)
    return Step(
        n=n,
        kind=_word(StepKind, kind),
        place=_place(_text(scheme), _text(path)),
        directory=bool(_integer(flags) & 1),
        dist_info=bool(_integer(flags) & 2),
        owners=tuple(_name(names, index) for index in owners),
    )


def _name(names: list[str], index: object) -> NormalizedName:
    at = _integer(index)
    if at < 0:
        raise IndexError(at)
    return NormalizedName(names[at])


def _parsed_info(row: list[object] | None) -> tuple[Place, str] | None:
    if row is None:
        return None
    scheme, path, digest = (_text(each) for each in row)
    if len(digest) not in _DIGEST_LENGTHS or "/" in path:
        raise ValueError("a dist-info in it is none")
    return _place(scheme, path), digest


def _place(scheme: str, path: str) -> Place:
    """A place below a scheme directory; nothing that climbs, and nothing of holdfast's own."""
    parts = path.split("/") if path else []
    if len(path) > _PATH_LIMIT or "\0" in path or any(part in {"", ".", ".."} for part in parts):
        raise ValueError("a path in it leads astray")
    if any(part == LOCK_NAME or part.startswith(TRANSACTION_PREFIX) for part in parts):
        raise ValueError("a path in it is holdfast's own")
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        raise ValueError("a path in it is none") from error
    return Place(scheme=_word(SchemeKey, scheme), path=path)


def _word(kind: type[_Word], value: object) -> _Word:
    try:
        return kind(_text(value))
    except ValueError as error:  # whose own message would repeat the word, however long
        raise ValueError("a word in it is not known") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _integer(value: object) -> int:
    if type(value) is not int:
        raise TypeError(value)
    return value
