"""What a directory is worth for staging: who may write, what new files get, the room, and what can be linked and moved.

**Guarantees**: `look_at` changes nothing. `try_entries` works inside a transaction directory of this process, with
nothing that is anybody else's; but on overlay a directory of a lower layer is asked to replace one of ours that is not
empty, which fails one way or the other.

**On crash**: what was tried lies in the transaction directory, and goes with it.

**Limits**: an access control list is only noticed. A lower layer is only seen where the kernel's own overlay refuses
to move its directories.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from shlex import quote

from holdfast import disk
from holdfast.disk.mounts import moves_lower_directories
from holdfast.disk.reading import has_acl
from holdfast.errors import TargetError
from holdfast.model.composed import FromStore
from holdfast.model.diagnosis import WORKS, Answer, DirectoryRights, Remark, SchemeWorth, Trial, Trials, refused
from holdfast.model.request import LinkMode
from holdfast.model.rights import Rights, Sharing, is_shared, mirror, new_root
from holdfast.model.target import SchemeKey, Target
from holdfast.model.transaction import LOCK_NAME, Transaction, TransactionDirectory, is_transaction_name
from holdfast.stage import rights
from holdfast.stage.link import Linker
from holdfast.stage.people import group_name, user_name
from holdfast.stage.writable import check_writable

_BLOCK = 4096
_OTHERS = (SchemeKey.SCRIPTS, SchemeKey.HEADERS, SchemeKey.DATA)


def rights_of(
    directory: str, *, umask: int | None = None, sharing: Sharing | None = None
) -> tuple[DirectoryRights, tuple[Remark, ...]]:
    """Who may write in an existing directory, what new entries get, and what about that will hurt.

    Args:
        directory: It.
        umask: Entries of a new root in it are meant, made with this umask.
        sharing: What is asked for with ``--shared``.
    """
    status = disk.stat(directory)
    given = mirror(
        status if umask is None else _new_root_in(status, umask, sharing),
        uid=os.geteuid(),
        gid=os.getegid(),
        sharing=sharing,
    )
    mode = stat.S_IMODE(status.st_mode)
    owner, group = user_name(status.st_uid), group_name(status.st_gid)
    may = ((stat.S_IWUSR, f"user {owner}"), (stat.S_IWGRP, f"group {group}"), (stat.S_IWOTH, "everybody"))
    found = DirectoryRights(
        owner=owner,
        group=group,
        mode=mode,
        shared=is_shared(status, uid=os.geteuid(), gid=os.getegid()),
        writers=tuple(who for bit, who in may if mode & bit),
        acl=has_acl(directory),
        new_file=given.file_mode,
        new_program=given.executable_mode,
        new_directory=given.directory_mode,
        new_group=group_name(given.gid),
    )
    return found, () if umask is not None else tuple(_remarks_on_rights(directory, found))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Status:
    """Of a directory that is not made."""

    st_mode: int
    st_uid: int
    st_gid: int


def _new_root_in(parent: os.stat_result, umask: int, sharing: Sharing | None) -> _Status:
    inherited = parent.st_mode & stat.S_ISGID
    left = _Status(
        st_mode=0o777 & ~umask | inherited, st_uid=os.geteuid(), st_gid=parent.st_gid if inherited else os.getegid()
    )
    mode, gid = new_root(parent, left, sharing=sharing)
    return replace(left, st_mode=mode, st_gid=gid)


def _remarks_on_rights(directory: str, found: DirectoryRights) -> list[Remark]:
    said = []
    many = found.shared or found.mode & stat.S_IWOTH
    if many and found.mode & stat.S_ISVTX:
        text = f"{directory} is sticky: what one user installs there, only he or root may upgrade or remove."
        said.append(Remark(text=text, command=f"holdfast install --target {quote(directory)}/DIR ..."))
    elif found.mode & stat.S_IWOTH:
        said.append(
            Remark(text=f"Everybody may change what is in {directory}.", command=f"chmod o-w {quote(directory)}")
        )
    if found.shared and not found.mode & (stat.S_ISGID | stat.S_ISVTX):
        text = (
            f"{directory} is shared by the group {found.group}, but not setgid: what others than holdfast make there "
            "gets the group of whoever makes it."
        )
        said.append(Remark(text=text, command=f"chmod g+s {quote(directory)}"))
    return said


def check_place(target: Target, directory: str) -> tuple[Remark, ...]:
    """What keeps this user from installing into a library directory, before anything is tried."""
    try:
        check_writable(target, (directory,))
    except TargetError as error:
        return (Remark(text=error.cause, command=error.hint or f"ls -ld {quote(directory)}", stops=True),)
    place = disk.nearest_directory(directory)
    if not is_open(place):
        text = f"{place} may not be read by {user_name(os.geteuid())}, so what is installed there is not known."
        return (Remark(text=text, command=f"ls -ld {quote(place)}", stops=True),)
    room = disk.room(place)
    for left, unit, option in ((room.bytes, "bytes", "-h"), (room.inodes, "inodes", "-i")):
        if left == 0:
            text = f"There is no room in {directory}: 0 {unit} are available."
            return (Remark(text=text, command=f"df {option} {quote(place)}", stops=True),)
    return ()


def is_open(directory: str) -> bool:
    """Whether this user may look into a directory."""
    try:
        disk.listdir(directory)
    except OSError:
        return False
    return True


def check_schemes(target: Target, tx: Transaction | None) -> tuple[tuple[SchemeWorth, ...], tuple[Remark, ...]]:
    """The directories for scripts, headers and data.

    Args:
        target: Which.
        tx: A transaction of this process, which has tried whether they can be reached; None: nothing was tried.
    """
    found, said = [], []
    for key in _OTHERS:
        path = target.scheme.directory(key)
        writable = disk.may_write(disk.nearest_directory(path))
        by_rename = tx.directory_of(key).locked if tx else None
        found.append(SchemeWorth(scheme=key.value, path=path, writable=writable, by_rename=by_rename))
        if tx and not writable:
            try:
                check_writable(target, (path,))
            except TargetError as error:
                text = f"{error.cause} Packages with {key.value} are refused."
                said.append(Remark(text=text, command=error.hint or f"ls -ld {quote(path)}"))
    return tuple(found), tuple(said)


def try_entries(
    directory: TransactionDirectory, flock: Trial, *, sharing: Sharing | None
) -> tuple[Trials, tuple[Remark, ...]]:
    """Link, copy and move entries of its own in a transaction directory.

    Args:
        directory: Of this process.
        flock: What came of trying file locks.
        sharing: What is asked for with ``--shared``.

    Raises:
        OSError: Nothing can be made there.
    """
    new, old = (os.path.join(directory.path, name) for name in ("new", "old"))
    given = rights.inside(directory.parent, sharing)
    file = os.path.join(new, "file")
    group = (
        WORKS if rights.write_file(file, bytes(_BLOCK), given) else refused(PermissionError(errno.EPERM, "the group"))
    )
    for name in ("full", "other", "empty"):
        disk.mkdir(os.path.join(new, name))
    disk.write_new(os.path.join(new, "full", "file"), b"")
    here, moved = os.path.join(new, "full"), os.path.join(old, "full")
    found = Trials(
        flock=flock,
        link=_tried(lambda: disk.link(file, os.path.join(old, "linked"))),
        reflink=_tried(lambda: _reflink(file, os.path.join(new, "copy"))),
        rename=_tried(lambda: disk.rename(here, moved)),
        onto_empty=_tried(lambda: disk.rename(os.path.join(new, "other"), os.path.join(new, "empty"))),
        exchange=_exchange(new, old),
        group=group,
        lower_layer=_lower_layer(directory),
    )
    return found, tuple(_remarks_on_trials(directory.parent, found, given))


def try_bringing(
    directory: TransactionDirectory, sample: str | None, *, work: str, mode: LinkMode, sharing: Sharing | None
) -> LinkMode:
    """Bring a file into a transaction directory as an installation brings its files.

    Args:
        directory: Of this process.
        sample: A file of the cache; None: there is none, so one is made in the work area.
        work: The work area.
        mode: What is asked for with ``--link-mode``.
        sharing: What is asked for with ``--shared``.

    Returns:
        The way that was taken.

    Raises:
        TargetError: That mode does not work there.
        OSError: Nothing can be made there.
    """
    source = FromStore(path=sample or os.path.join(work, "file"), lasting=sample is not None)
    if sample is None:
        disk.write_new(source.path, bytes(_BLOCK))
    fd = disk.open_dir(os.path.join(directory.path, "new"))
    try:
        return Linker(mode, fd).bring(source, "brought", rights.inside(directory.parent, sharing), executable=False)
    finally:
        disk.close(fd)


def _remarks_on_trials(parent: str, found: Trials, given: Rights) -> list[Remark]:
    said = []
    if found.rename.answer is Answer.REFUSED:
        text = f"Directories cannot be renamed in {parent} ({found.rename.error}), so nothing can be committed there."
        said.append(Remark(text=text, command="Choose a directory in another file system, with --target", stops=True))
    if given.shared and found.group.answer is Answer.REFUSED:
        group, me = group_name(given.gid), user_name(os.geteuid())
        text = f"The group {group} cannot be given to what {me} installs into {parent}: others could not change it."
        said.append(Remark(text=text, command=f"sudo usermod -aG {group} {me}"))
    return said


def _tried(call: Callable[[], None]) -> Trial:
    try:
        call()
    except OSError as error:
        return refused(error)
    return WORKS


def _reflink(file: str, copy: str) -> None:
    source = disk.open_regular(file)
    try:
        clone = disk.open_new(copy)
        try:
            disk.reflink(source, clone)
        finally:
            disk.close(clone)
    finally:
        disk.close(source)


def _exchange(one: str, other: str) -> Trial:
    try:
        return WORKS if disk.exchange(one, other) else Trial(answer=Answer.REFUSED, error="there is no such call")
    except OSError as error:
        return refused(error)


def _lower_layer(directory: TransactionDirectory) -> Trial | None:
    """Whether a directory beside it lies in a lower layer, which shows by EXDEV before anything else is looked at."""
    filesystem = disk.filesystem(directory.parent)
    if filesystem.type != "overlay" or moves_lower_directories(filesystem):
        return None
    ours = os.path.join(directory.path, "full")
    disk.mkdir(ours)
    disk.write_new(os.path.join(ours, "file"), b"")
    for entry in disk.scandir(directory.parent):
        if entry.name == LOCK_NAME or is_transaction_name(entry.name) or not entry.is_dir(follow_symlinks=False):
            continue
        try:
            disk.rename(entry.path, ours)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return refused(error)
    return None
