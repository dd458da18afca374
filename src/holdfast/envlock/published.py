"""The lock on disk: prepared beside, published by one rename, given back or broken by the owner's name.

``.holdfast.lock`` in a library directory is a directory with exactly one file, named by the owner's id. Its existence
is the lock (design section 3).

**Guarantees**: never there without record, rights and flock; a publish succeeds onto nothing or an empty directory
only. After an error, where our own id lies now decides. Release and break are one rename that names the owner, so that
a late one meets ENOENT and can never hit the next owner's lock.

**On crash**: before the publish, a transaction directory is left, whose owner record names us; after it, the lock,
which the next taker breaks; between rename and rmdir of a release, an empty directory, which the next publish replaces.

**Limits**: a transaction that gives its lock back and starts over publishes the same id again; only an owner judged
dead is ever broken, and he does not start over. Leases and the fence against a paused process come with the modes for
network file systems.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from holdfast import disk
from holdfast.envlock.holder import Free, look
from holdfast.errors import LockUnavailableError, TargetError
from holdfast.model.owner import OwnerRecord
from holdfast.model.transaction import LOCK_NAME, TRANSACTION_PREFIX, TransactionDirectory

DONE = "done"
"""In the owner's transaction directory: the record of a lock that was given back."""
BROKEN = "broken"
"""In a dead owner's transaction directory: the record of his lock."""

_STAGED = "lock"
_HELD = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR})
_IN_USE = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT})
_GROUP_REFUSED = frozenset({errno.EPERM, errno.EINVAL})
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL, 524})
_TRIED_AGAIN = frozenset({errno.ENOLCK, errno.EINTR})
_TRIES = 3


def prepare(directory: TransactionDirectory, record: OwnerRecord, *, sync: bool) -> int:
    """Make ``lock/<id>`` inside the transaction directory: the record, with rights, flocked.

    Args:
        directory: Of a locked library directory.
        record: Of this process.
        sync: Make the record last before it is published: an empty one after a power failure could not be judged.

    Returns:
        The descriptor that carries the flock; close it after the release.

    Raises:
        LockUnavailableError: The file system has no locks.
    """
    _make_staged(directory)
    path = os.path.join(directory.path, _STAGED, record.id)
    model = disk.stat(directory.path)
    fd = disk.open_new(path, read=True)
    try:
        disk.write(fd, record.to_bytes())
        _give(fd, stat.S_IMODE(model.st_mode) & 0o666, model.st_gid)
        _flock(fd, os.path.join(directory.parent, LOCK_NAME))
        if sync:
            disk.fsync(fd)
    except BaseException:
        disk.close(fd)
        disk.unlink(path)
        raise
    return fd


def publish(directory: TransactionDirectory, identifier: str) -> bool:
    """Try once to take the lock of one library directory.

    Returns:
        False: somebody has it.

    Raises:
        TargetError: The directory may not be written.
        OSError: An ownerless lock directory lies there that may not be replaced by us.
    """
    place = os.path.join(directory.parent, LOCK_NAME)
    for _ in range(_TRIES):
        try:
            disk.rename(os.path.join(directory.path, _STAGED), place)
        except OSError as error:
            if disk.lexists(os.path.join(place, identifier)):
                return True
            sight = look(directory.parent)
            if isinstance(sight, Free) and sight.empty:
                _rmdir(directory.parent)  # a file system that refuses an empty target, or a release under way
                continue
            if isinstance(sight, Free) and error.errno not in _HELD:
                raise TargetError(f"{directory.parent} may not be written: {error.strerror or error}.") from error
            return False
        else:
            return True
    return False


def give_back(directory: TransactionDirectory, identifier: str) -> None:
    """Give one lock back; it is fine if somebody else broke it meanwhile.

    Raises:
        OSError: It lies there still.
    """
    _take_out(directory, identifier, os.path.join(directory.path, DONE))


def retract(directory: TransactionDirectory, identifier: str) -> None:
    """Take one lock back to where it was prepared, if it was published, in order to publish it again later.

    Raises:
        OSError: It lies there still.
    """
    if not disk.lexists(os.path.join(directory.parent, LOCK_NAME, identifier)):
        return
    _make_staged(directory)
    _take_out(directory, identifier, os.path.join(directory.path, _STAGED, identifier))


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


def _take_out(directory: TransactionDirectory, identifier: str, to: str) -> None:
    mine = os.path.join(directory.parent, LOCK_NAME, identifier)
    try:
        disk.rename(mine, to)
    except OSError:
        if disk.lexists(mine):
            raise
    _rmdir(directory.parent)


def _move_aside(lock_fd: int, directory: TransactionDirectory, identifier: str) -> None:
    try:
        theirs = disk.open_dir(os.path.join(directory.parent, TRANSACTION_PREFIX + identifier))
    except OSError:  # gone, or not a directory: into our own
        mine = os.path.join(directory.path, f"{BROKEN}-{identifier}")
        _rename_known(identifier, mine, src_dir_fd=lock_fd, dst_dir_fd=None)
        return
    try:
        _rename_known(identifier, BROKEN, src_dir_fd=lock_fd, dst_dir_fd=theirs)
    finally:
        disk.close(theirs)


def _rename_known(name: str, to: str, *, src_dir_fd: int, dst_dir_fd: int | None) -> None:
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


def _make_staged(directory: TransactionDirectory) -> None:
    staged = os.path.join(directory.path, _STAGED)
    model = disk.stat(directory.path)
    try:
        disk.mkdir(staged, 0o700)
    except FileExistsError:
        return
    fd = disk.open_dir(staged)
    try:
        _give(fd, stat.S_IMODE(model.st_mode), model.st_gid)
    finally:
        disk.close(fd)


def _flock(fd: int, place: str) -> None:
    for attempt in range(_TRIES):
        try:
            if disk.try_flock(fd):
                return
        except OSError as error:
            if error.errno in _TRIED_AGAIN and attempt + 1 < _TRIES:
                time.sleep(0.01)
                continue
            if error.errno not in _NO_LOCKS:
                raise
            raise LockUnavailableError(
                f"The file system of {place} has no file locks ({error.strerror or error}).",
                hint="If nothing else changes this environment meanwhile, repeat the command with --lock-mode=none",
            ) from error
    raise LockUnavailableError(
        f"A file that nobody else knows could not be locked for {place}.", hint="The same command again."
    )


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
