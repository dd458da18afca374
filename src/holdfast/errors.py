"""The errors that cross rooms, grouped by who is to blame. Imports nothing.

Every error that holdfast raises on purpose is a :class:`HoldfastError`; the command door turns it into the three parts
of promise P9: the outcome with the state of the environment, the cause, and one command to type. What is not a
``HoldfastError`` is a bug of ours, and the only thing that may show a traceback.
"""

from __future__ import annotations

NOTHING_CHANGED = "Nothing was changed."


class HoldfastError(Exception):
    """The root class: what went wrong in the world, not in our code.

    Args:
        cause: One or more sentences: who is to blame, which path or URL. Never a credential.
        hint: One command or setting for the user to type next, if there is one.
        state: What the environment looks like now, one sentence.
        details: Further lines, shown indented below the cause (for example the parts of a conflict).

    Attributes:
        exit_code: The published exit code of the group (``docs/reference/exit-codes.md``).
        derivation: How the cause follows, step by step, for ``-v``.
    """

    exit_code = 1
    derivation: tuple[str, ...] = ()

    def __init__(
        self,
        cause: str,
        *,
        hint: str | None = None,
        state: str = NOTHING_CHANGED,
        details: tuple[str, ...] = (),
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint
        self.state = state
        self.details = details


class UnsatisfiableError(HoldfastError):
    """The request cannot be satisfied: a conflict, an unknown project, nothing compatible (exit 1)."""

    exit_code = 1


class ResolutionConflict(UnsatisfiableError):  # noqa: N818 - named by what happened
    """No selection of releases satisfies everything (exit 1).

    Args:
        cause: The two requirements that clash and who asks for them, or what is missing.
        hint: What to type next.
        details: Who brings the requirers in, and further reasons, one line each.
        reason: Which kind of outcome it is: ``conflict``, or a value of ``resolve.outcomes.Unavailability``.
        derivation: The solver's proof in sentences, for ``-v``.
    """

    def __init__(
        self,
        cause: str,
        *,
        hint: str | None = None,
        details: tuple[str, ...] = (),
        reason: str = "conflict",
        derivation: tuple[str, ...] = (),
    ) -> None:
        super().__init__(cause, hint=hint, details=details)
        self.reason = reason
        self.derivation = derivation


class BrokenReleases(ResolutionConflict):
    """What would do has metadata that is not what it should be (exit 5)."""

    exit_code = 5


class UsageError(HoldfastError):
    """The command line, a requirements file or a setting is wrong (exit 2)."""

    exit_code = 2


class TargetError(HoldfastError):
    """There is no target, or it may not be written (exit 3)."""

    exit_code = 3


class NoRoomError(TargetError):
    """A file system is full (exit 3): what does not have to lie there may find room elsewhere."""


class NetworkError(HoldfastError):
    """An index or file server could not be reached or answered with a failure (exit 4)."""

    exit_code = 4


class AuthenticationError(NetworkError):
    """A server wants credentials, or refuses the ones it got: 401, 403, 407 (exit 4)."""


class IntegrityError(HoldfastError):
    """Bytes are not what was promised: a hash, a RECORD, a wheel's structure, a page (exit 5)."""

    exit_code = 5


class VanishedError(IntegrityError):
    """A file of the store is gone that was there a moment ago: it can be had again (exit 5).

    Args:
        path: Of the file.
    """

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} vanished from the store while it was used (was the cache cleaned?).",
            hint="The same command again.",
        )


class UnusableMetadataError(IntegrityError):
    """The metadata of one release cannot be used: another release may do (exit 5 where none does)."""


class LockUnavailableError(HoldfastError):
    """The environment lock is busy until the deadline, or is not to be had here (exit 6)."""

    exit_code = 6


class CommitError(HoldfastError):
    """The commit failed and was rolled back; the environment is as before (exit 7)."""

    exit_code = 7


class InterruptedTransactionError(HoldfastError):
    """A journal is left: the environment waits for recovery (exit 8)."""

    exit_code = 8


class HarmError(HoldfastError):
    """Refused: the change would harm what is installed or what nobody owns (exit 9)."""

    exit_code = 9


class InterruptedBySignal(HoldfastError):  # noqa: N818 - named by what happened; it is not a failure of the world
    """A signal asked holdfast to stop; everything was taken back (exit 128 + signal number).

    Args:
        signum: The signal's number.
        state: What the environment looks like now.
    """

    def __init__(self, signum: int, *, state: str = NOTHING_CHANGED) -> None:
        super().__init__("Interrupted.", state=state)
        self.signum = signum
        self.exit_code = 128 + signum
