"""The lock on disk: prepared beside, published by one rename, given back or broken by the owner's name.

``.holdfast.lock`` in a library directory is a directory with exactly one file, named by the owner's id. Its existence
is the lock (design section 3).

**Guarantees**: never there without record, rights and flock; a publish succeeds onto nothing or an empty directory
only. After an error, where our own id lies now decides. Release and break are one rename that names the owner, so that
a late one meets ENOENT and can never hit the next owner's lock. Our transaction directory is opened before it is worked
in: a symlink that somebody puts in its place is not gone through.

**On crash**: before the publish, a transaction directory is left, whose owner record names us; after it, the lock,
which the next taker breaks; between rename and rmdir of a release, an empty directory, which the next publish replaces.

**Limits**: a transaction that gives its lock back and starts over publishes the same id again, unless it was broken
meanwhile: then its record is gone, and it ends.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from holdfast import disk
from holdfast.envlock import filelocks
from holdfast.envlock.held import displaced
from holdfast.envlock.holder import Free, look
from holdfast.envlock.lease import Record
from holdfast.errors import TargetError
from holdfast.model.owner import LockMode, OwnerRecord
from holdfast.model.transaction import BROKEN_NAME, LOCK_NAME, TRANSACTION_PREFIX, TransactionDirectory

DONE = "done"
"""In the owner's transaction directory: the record of a lock that was given back."""
_STAGED = "lock"
_HELD = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR})
_PASSING = _HELD | {errno.ESTALE}
_IN_USE = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT})
_GROUP_REFUSED = frozenset({errno.EPERM, errno.EINVAL})
_GONE = frozenset({errno.ENOENT, errno.ESTALE, errno.ENOTDIR, errno.ELOOP})
_COUNTER_ROOM = 16
_TRIES = 3


def prepare(directory: TransactionDirectory, owner: OwnerRecord, *, mode: LockMode | None, sync: bool) -> Record:
    """Make ``lock/<id>`` inside the transaction directory: the record, with rights, flocked in flock mode.

    Args:
        directory: Of a locked library directory.
        owner: The record of this process; its mode becomes what was to be had.
        mode: FLOCK or MARKER; None: FLOCK, and MARKER where the file system says that it has no locks.
        sync: Make the record last before it is published: an empty one after a power failure could not be judged.

    Returns:
        The record; close its descriptor, which carries the flock, after the release.

    Raises:
        LockUnavailableError: The mode is FLOCK, and the file system has no locks.
    """
    with disk.opened(directory.path) as own, _staged(own) as staged:
        return _prepared(directory, owner, disk.fstat(own), staged, mode=mode, sync=sync)


def _prepared(
    directory: TransactionDirectory,
    owner: OwnerRecord,
    model: os.stat_result,
    staged: int,
    *,
    mode: LockMode | None,
    sync: bool,
) -> Record:
    fd = disk.open_new(owner.id, read=True, dir_fd=staged)
    try:
        _give(fd, stat.S_IMODE(model.st_mode) & 0o666, model.st_gid)
        refused = None if mode is LockMode.MARKER else filelocks.refusal(fd, directory.parent)
        if refused is not None and mode is LockMode.FLOCK:
            raise filelocks.unavailable(directory.parent, refused)
        marker = mode is LockMode.MARKER or refused is not None
        record = replace(owner, mode=LockMode.MARKER if marker else LockMode.FLOCK, since=time.time())
        content = record.to_bytes(size=len(record.to_bytes()) + _COUNTER_ROOM)
        disk.write(fd, content)
        if sync:
            disk.fsync(fd)
    except BaseException:
        disk.close(fd)
        disk.unlink(owner.id, dir_fd=staged)
        raise
    return Record(fd=fd, content=record, size=len(content))


def publish(directory: TransactionDirectory, identifier: str) -> bool:
    """Try once to take the lock of one library directory.

    Returns:
        False: somebody has it.

    Raises:
        TargetError: The directory may not be written.
        OSError: An ownerless lock directory lies there that may not be replaced by us.
    """
    place = os.path.join(directory.parent, LOCK_NAME)
    last: OSError | None = None
    for _ in range(_TRIES):
        try:
            with disk.opened(directory.path) as own:
                disk.rename(_STAGED, place, src_dir_fd=own)
        except OSError as error:
            if disk.lexists(os.path.join(place, identifier)):
                return True
            if error.errno in _GONE and disk.lexists(directory.parent) and not disk.is_directory(directory.path):
                raise displaced(directory.path) from error
            sight = look(directory.parent)
            if not isinstance(sight, Free):
                return False
            if sight.empty:
                _rmdir(directory.parent)  # a file system that refuses an empty target, or a release under way
            # Given back since then, maybe: sshfs says EPERM to whoever was late, GlusterFS ESTALE.
            last = None if sight.empty else error
        else:
            return True
    if last is None or last.errno in _PASSING:
        return False
    why = last.strerror or last
    raise TargetError(
        f"{directory.parent} may not be written: {why}.", hint=disk.remedy(last, directory.parent)
    ) from last


def give_back(directory: TransactionDirectory, identifier: str) -> None:
    """Give one lock back; it is fine if somebody else broke it meanwhile.

    Raises:
        OSError: It lies there still.
    """
    try:
        with disk.opened(directory.path) as own:
            _take_out(directory, identifier, DONE, own)
    except OSError:
        if disk.lexists(os.path.join(directory.parent, LOCK_NAME, identifier)):
            raise


def retract(directory: TransactionDirectory, identifier: str) -> None:
    """Take one lock back to where it was prepared, if it was published, in order to publish it again later.

    Raises:
        InterruptedTransactionError: It was broken, or is gone: it cannot be published again.
        OSError: It lies there still.
    """
    back = os.path.join(directory.path, _STAGED, identifier)
    if disk.lexists(os.path.join(directory.parent, LOCK_NAME, identifier)):
        try:
            with disk.opened(directory.path) as own, _staged(own) as staged:
                _take_out(directory, identifier, identifier, staged)
        except OSError as error:
            if error.errno not in _GONE:
                raise
    if not disk.lexists(back):
        raise displaced(directory.path)


def discard(directory: TransactionDirectory, identifier: str) -> None:
    """Forget a lock that was prepared and is not published."""
    try:
        disk.unlink(os.path.join(directory.path, _STAGED, identifier))
    except OSError:  # published and given back, or the transaction directory goes as a whole
        return


def break_dead(directory: TransactionDirectory, record: OwnerRecord) -> None:
    """Break the lock of an owner judged dead, by his name. Whoever comes late breaks nothing.

    Args:
        directory: Of our transaction, in the same library directory.
        record: The dead owner's; its id is a valid one.

    Raises:
        OSError: It may not be broken by us.
    """
    try:
        fd = disk.open_dir(os.path.join(directory.parent, LOCK_NAME))
    except FileNotFoundError:
        return
    try:
        _move_aside(fd, directory, record.id)
    finally:
        disk.close(fd)
    _rmdir(directory.parent)


def _take_out(directory: TransactionDirectory, identifier: str, to: str, dst_dir_fd: int) -> None:
    mine = os.path.join(directory.parent, LOCK_NAME, identifier)
    try:
        disk.rename(mine, to, dst_dir_fd=dst_dir_fd)
    except OSError:
        if disk.lexists(mine):
            raise
    _rmdir(directory.parent)


def _move_aside(lock_fd: int, directory: TransactionDirectory, identifier: str) -> None:
    try:
        theirs = disk.open_dir(os.path.join(directory.parent, TRANSACTION_PREFIX + identifier))
    except OSError:  # gone, or not a directory: into our own
        with disk.opened(directory.path) as own:
            _rename_known(identifier, f"{BROKEN_NAME}-{identifier}", src_dir_fd=lock_fd, dst_dir_fd=own)
        return
    try:
        _rename_known(identifier, BROKEN_NAME, src_dir_fd=lock_fd, dst_dir_fd=theirs)
    finally:
        disk.close(theirs)


def _rename_known(name: str, to: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
    """Rename an owner's record out of the lock; an error counts only while it still lies there."""
    try:
        disk.rename(name, to, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
    except OSError:
        if disk.lexists(name, dir_fd=src_dir_fd):
            raise


def _rmdir(parent: str) -> None:
    """Remove the lock's directory; not empty: somebody has it by now.

    Raises:
        OSError: It is empty, and may not be removed by us.
    """
    try:
        disk.rmdir(os.path.join(parent, LOCK_NAME))
    except OSError as error:
        if error.errno not in _IN_USE and look(parent) == Free(empty=True):
            raise


@contextmanager
def _staged(own: int) -> Iterator[int]:
    """``lock`` in it, made if it is not there, with its rights."""
    made = True
    try:
        disk.mkdir(_STAGED, 0o700, dir_fd=own)
    except FileExistsError:
        made = False
    with disk.opened(_STAGED, dir_fd=own) as fd:
        if made and disk.is_private(fd):
            model = disk.fstat(own)
            _give(fd, stat.S_IMODE(model.st_mode), model.st_gid)
        yield fd


def _give(fd: int, mode: int, gid: int) -> None:
    """The transaction directory's own group and mode, which were mirrored from the library directory."""
    if disk.fstat(fd).st_gid != gid:
        try:
            disk.fchown(fd, -1, gid)
        except OSError as error:
            if error.errno not in _GROUP_REFUSED:
                raise
            mode &= ~stat.S_IRWXG
    disk.fchmod(fd, mode)
