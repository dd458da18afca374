"""What an installation would meet of locks in a directory: ours, uv's, and the file system's.

**Guarantees**: nobody's lock is touched but uv's, which is tried once without blocking and given back. What is said of
a holder, and what to do about him, is what whoever waits for him is told (``obstacle``).

**On crash**: the file that was locked lies in a transaction directory, and goes with it; the kernel gives uv's back.

**Limits**: a look: who has a lock now may be gone in a moment.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from shlex import quote
from typing import assert_never

from holdfast import disk
from holdfast.envlock import filelocks, obstacle, uv
from holdfast.envlock.filelocks import KNOWING, Reach
from holdfast.envlock.holder import Free, Held, Unreadable, describe, is_sticky_for_others, look, verdict
from holdfast.errors import LockUnavailableError
from holdfast.model.diagnosis import WORKS, Answer, Remark, Trial, UvLock, refused
from holdfast.model.owner import LockMode, Verdict
from holdfast.model.transaction import LOCK_NAME, TransactionDirectory

_SETTING = f"export {KNOWING}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockCheck:
    """The lock of one library directory.

    Attributes:
        holder: In words; None: nobody.
        alive: The id of a holder who is not known to be dead.
    """

    holder: str | None = None
    alive: str | None = None
    remarks: tuple[Remark, ...] = ()


def check_lock(parent: str, *, recover: str) -> LockCheck:
    """Who has the lock of a library directory.

    Args:
        parent: The library directory.
        recover: The command that breaks what is dead.
    """
    sight = look(parent)
    match sight:
        case Free(empty=True):
            return LockCheck(remarks=_left_empty(parent))
        case Free():
            return LockCheck()
        case Unreadable():
            try:
                found = obstacle.of_unreadable(parent, sight)
                remark = Remark(text=_held(found), command=found.remedy, stops=True)
            except LockUnavailableError as error:
                remark = Remark(text=error.cause, command=error.hint or "", stops=True)
            return LockCheck(holder=describe(sight), remarks=(remark,))
        case Held():
            judged = verdict(sight)
            alive = None if judged is Verdict.DEAD else sight.record.id
            return LockCheck(holder=describe(sight), alive=alive, remarks=(_of_holder(parent, sight, judged, recover),))
        case _:
            assert_never(sight)


def check_uv(root: str, *, touch: bool) -> tuple[UvLock, tuple[Remark, ...]]:
    """Look at uv's lock of an environment.

    Args:
        root: Of the environment.
        touch: Try to take it; else it is only looked whether there is one.
    """
    path = uv.path_of(root)
    if not touch:
        return UvLock(path=path, exists=_lies(path)), ()
    taken = uv.take(root)
    match taken:
        case uv.UvTaken():
            uv.give_back(taken)
            return UvLock(path=path, exists=True, held=False), ()
        case uv.UvBusy():
            busy = obstacle.of_uv(root)
            return UvLock(path=path, exists=True, held=True), (Remark(text=_held(busy), command=busy.remedy),)
        case uv.UvAbsent(why=why):
            said = (Remark(text=f"{why}.", command=f"ls -l {quote(path)}"),) if why else ()
            return UvLock(path=path, exists=bool(why)), said
        case _:
            assert_never(taken)


def try_flock(directory: TransactionDirectory, mode: LockMode | None) -> tuple[LockMode, Trial, tuple[Remark, ...]]:
    """Lock a file in a transaction directory, as the environment lock would.

    Args:
        directory: Of this process.
        mode: What was asked for; None: nothing.

    Returns:
        The mode that an installation would have, what came of it, and what is to be said.

    Raises:
        LockUnavailableError: See ``filelocks``.
        OSError: No file can be made or locked there, for another reason than that there are no locks.
    """
    place = directory.parent
    fd = disk.open_new(os.path.join(directory.path, "locked"), read=True)
    try:
        refusal = filelocks.refusal(fd, place)
    finally:
        disk.close(fd)
    if mode is LockMode.NONE:
        text = f"{place} would be changed without the lock: two installations at once may undo each other's changes."
        said: tuple[Remark, ...] = (Remark(text=text, command="unset HOLDFAST_LOCK_MODE"),)
    elif refusal is not None:
        said = _without_locks(place, mode, refusal)
    else:
        said = ()
    wanted = mode or (LockMode.MARKER if refusal else LockMode.FLOCK)
    if refusal is not None:
        return wanted, refused(refusal), said
    filesystem = disk.filesystem(place)
    if filelocks.reach(filesystem) is not Reach.THIS_HOST:
        return wanted, WORKS, said
    if mode is None:
        text = (
            f"{place}: file locks of {filesystem.type} are taken to be seen by this host only. holdfast does not rely "
            "on them, and excludes other hosts all the same; uv's lock does not."
        )
        said = (Remark(text=text, command=_SETTING),)
    return wanted, Trial(answer=Answer.HOST_ONLY), said


def _without_locks(place: str, mode: LockMode | None, error: OSError) -> tuple[Remark, ...]:
    match mode:
        case LockMode.FLOCK:
            stop = filelocks.unavailable(place, error)
            return (Remark(text=stop.cause, command=stop.hint or "", stops=True),)
        case None:
            return (Remark(text=f"{filelocks.done_without(place)}.", command=_SETTING),)
        case LockMode.MARKER | LockMode.NONE:
            return ()
        case _:
            assert_never(mode)


def _of_holder(parent: str, sight: Held, judged: Verdict, recover: str) -> Remark:
    if judged is not Verdict.DEAD:
        found = obstacle.of_holder(sight, judged)
        return Remark(text=_held(found), command=found.remedy)
    if not disk.may_write(sight.path) or not disk.may_write(parent) or _is_kept(parent, sight.path):
        error = PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        stop = obstacle.immovable(parent, f"{describe(sight)}, which has ended", error)
        return Remark(text=stop.cause, command=stop.hint or "", stops=True)
    text = f"{sight.path} was left by {describe(sight)}, which has ended. The next command that writes breaks it."
    return Remark(text=text, command=recover)


def _left_empty(parent: str) -> tuple[Remark, ...]:
    """Between two calls of a release; or for ever, if he was killed there and nobody else may remove it."""
    if not _is_kept(parent, os.path.join(parent, LOCK_NAME)):
        return ()
    error = PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    stop = obstacle.immovable(parent, "somebody", error)
    return (Remark(text=stop.cause, command=stop.hint or "", stops=True),)


def _is_kept(parent: str, path: str) -> bool:
    """Whether a sticky directory keeps this user from removing something."""
    try:
        return is_sticky_for_others(parent, disk.lstat(path).st_uid)
    except OSError:  # gone by now
        return False


def _lies(path: str) -> bool:
    try:
        return disk.lexists(path)
    except OSError:
        return False


def _held(found: obstacle.Obstacle) -> str:
    return f"{found.path} is held by {found.holder}."
