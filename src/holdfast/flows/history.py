"""``history``: what this user's commands did to an environment, and why there is nothing to tell. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.flows.world import facts_of
from holdfast.history.entries import read, user_name
from holdfast.history.places import why_homeless
from holdfast.model.history import KnownTransaction
from holdfast.model.target import Target, TargetRequest
from holdfast.target.locate import locate


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is remembered.

    Attributes:
        environment: Its root.
        transactions: Newest first.
        why: One sentence where there are none; else empty.
    """

    environment: str
    transactions: tuple[KnownTransaction, ...] = ()
    why: str = ""


def history(request: TargetRequest, *, cache_dir: str | None) -> History:
    """Read the history of one target.

    Args:
        request: Which environment.
        cache_dir: None: nothing is kept, and nothing that was kept is used.

    Raises:
        TargetError: There is no such environment.
    """
    return history_of(locate(request, facts_of(cache_dir)), cache_dir=cache_dir)


def history_of(target: Target, *, cache_dir: str | None) -> History:
    """The same of a target that is known already."""
    if homeless := why_homeless():
        return History(environment=target.root, why=f"No history is kept: {homeless}.")
    if cache_dir is None:
        return History(environment=target.root, why="No history is kept with --no-cache-dir.")
    found = read(target)
    why = (
        "" if found else f"Nothing was changed in {target.root} by holdfast as {user_name()}, as far as is remembered."
    )
    return History(environment=target.root, transactions=tuple(reversed(found)), why=why)
