"""What stands between us and the lock, and what a person can do about it.

**Guarantees**: words only; the commands that are named remove nothing but what was named.

**On crash**: changes nothing.

**Limits**: uv does not say who holds its lock.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from holdfast import disk
from holdfast.envlock import lease, uv
from holdfast.envlock.holder import Held, Unreadable, describe, is_sticky_for_others, printable
from holdfast.errors import LockUnavailableError
from holdfast.model.owner import Verdict
from holdfast.model.transaction import LOCK_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Somebody has the lock. ``remedy``: what to type when he keeps it."""

    path: str
    holder: str
    remedy: str


def of_uv(root: str) -> Obstacle:
    """Uv, or another holdfast, has uv's lock."""
    return Obstacle(
        path=uv.path_of(root),
        holder="another process (uv's lock)",
        remedy="Wait for uv to end, or wait longer with --lock-timeout=-1",
    )


def passing(parent: str) -> Obstacle:
    """Somebody had it a moment ago: look again."""
    return Obstacle(
        path=os.path.join(parent, LOCK_NAME),
        holder="somebody who was faster",
        remedy="Wait longer, with --lock-timeout=-1",
    )


def of_unreadable(parent: str, sight: Unreadable) -> Obstacle:
    """Something that is not understood is waited for as for a live owner.

    Raises:
        LockUnavailableError: Waiting is in vain: the directory is sticky and it belongs to somebody else.
    """
    command = f"rm -r {os.path.join(parent, LOCK_NAME)}"
    who = "its owner" if sight.uid is None else f"uid {sight.uid}"
    if is_sticky_for_others(parent, sight.uid):
        raise LockUnavailableError(
            f"{sight.path} is held by {describe(sight)}; {parent} is sticky, so only {who} or root may remove it.",
            hint=f"As {who} or root: {command}",
        )
    return Obstacle(
        path=sight.path,
        holder=describe(sight),
        remedy=f"If nothing is installing there, {who} or root may remove it: {command}",
    )


def of_holder(sight: Held, verdict: Verdict) -> Obstacle:
    """An owner who lives, or who cannot be judged from here."""
    remedy = "Wait longer, with --lock-timeout=-1"
    if verdict is Verdict.UNKNOWN:
        silence = f"after {lease.LEASE:.0f} s without a sign of life it is taken over"
        gone = f"if that process on {printable(sight.record.host) or 'its host'} has ended for certain"
        remedy = f"{remedy}: {silence}; or, {gone}: rm -r {sight.path}"
    return Obstacle(path=sight.path, holder=describe(sight), remedy=remedy)


def unmade(parent: str, error: OSError) -> LockUnavailableError:
    """The lock could not be made beside its place."""
    place = error.filename or os.path.join(parent, LOCK_NAME)
    return LockUnavailableError(
        f"The environment lock of {parent} could not be made: {place}: {error.strerror or error}.",
        hint=disk.remedy(error, parent),
    )


def immovable(parent: str, what: str, error: OSError) -> LockUnavailableError:
    """A lock that nobody holds and that this user may not remove."""
    path = os.path.join(parent, LOCK_NAME)
    return LockUnavailableError(
        f"{path} was left by {what}, and may not be removed by this user: {error.strerror or error}.",
        hint=f"As its owner or root: rm -r {path}",
    )
