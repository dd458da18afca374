"""The token that says: the environment lock is held. Only ``envlock.acquire`` makes one; a commit asks for it.

**Guarantees**: there is no `HeldLock` without a lock that was published (or, with ``--lock-mode=none``, without the
line that says so). After the release its `check` refuses.

**On crash**: the token dies with its process; what lies on disk names the dead owner, and the next taker breaks it.

**Limits**: `still_held` is a look, not a fence: what it says was true a moment ago. What keeps the late steps of a
process that was paused from the target is ``commit.fence``.
"""

from __future__ import annotations

import os
import time

from holdfast import disk
from holdfast.envlock.lease import Beat
from holdfast.errors import InterruptedTransactionError
from holdfast.model.owner import LockMode
from holdfast.model.transaction import LOCK_NAME, Transaction


class HeldLock:
    """The lock of every library directory of one transaction's target.

    Attributes:
        transaction: Whose lock it is.
        mode: How it was taken; NONE: nothing lies on disk.
        waited: Seconds from asking to having.
        acquired_at: ``time.monotonic()`` of the moment.
        broken: Ids of the dead owners whose locks were broken on the way: their transaction directories are to be
            recovered, or swept.
    """

    __slots__ = ("_beat", "_released", "acquired_at", "broken", "mode", "transaction", "waited")

    def __init__(
        self,
        *,
        maker: object,
        transaction: Transaction,
        mode: LockMode,
        waited: float,
        broken: tuple[str, ...] = (),
        beat: Beat | None = None,
    ) -> None:
        if maker is not MAKER:
            raise TypeError("only envlock.acquire makes a HeldLock")
        self.transaction = transaction
        self.mode = mode
        self.waited = waited
        self.acquired_at = time.monotonic()
        self.broken = broken
        self._released = False
        self._beat = beat

    @property
    def seconds(self) -> float:
        """How long it is held by now."""
        return time.monotonic() - self.acquired_at

    def still_held(self) -> bool:
        """Whether the lock still lies where it was published, under our id (NONE: whether nobody took what is ours)."""
        if self._released:
            return False
        if self.mode is LockMode.NONE:  # `recover --force` takes the directory of who has no lock to be broken
            return disk.lexists(self.transaction.directories[0].path)
        return all(
            disk.lexists(os.path.join(directory.parent, LOCK_NAME, self.transaction.id))
            for directory in self.transaction.directories
            if directory.locked
        )

    def check(self) -> None:
        """Refuse to go on without the lock: before the first step, and after ENOENT or ESTALE.

        Raises:
            InterruptedTransactionError: Somebody else broke it.
        """
        if not self.still_held():
            raise taken_over()

    def refresh(self) -> None:
        """Say that the holder still works, to those who cannot see him: between any two steps (it costs nothing)."""
        if self._beat is not None:
            self._beat.refresh()

    def release(self, *, maker: object) -> None:
        """Mark it as given back (``envlock.acquire`` calls it when its block ends)."""
        if maker is not MAKER:
            raise TypeError("only envlock.acquire releases a HeldLock")
        self._released = True


def taken_over() -> InterruptedTransactionError:
    """What a holder says who was judged dead while he was paused: he touches nothing more."""
    return InterruptedTransactionError(
        "Another process took over the environment lock and undoes this change.",
        hint="holdfast recover",
        state="The change is being undone.",
    )


def displaced(path: str) -> InterruptedTransactionError:
    """What a taker says whose transaction directory is gone before he held the lock."""
    return InterruptedTransactionError(
        f"{path} is gone, with what was prepared in it: the environment was replaced, or this process taken for dead.",
        hint="the same command again",
    )


MAKER = object()
"""What ``envlock.acquire`` shows when it makes a token."""
