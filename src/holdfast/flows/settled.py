"""What is installed, as a view that holds: a dead predecessor's transaction is undone first, by who may write."""

from __future__ import annotations

import time

from holdfast.errors import InterruptedTransactionError
from holdfast.flows.session import Session
from holdfast.model.installed import InstalledState
from holdfast.model.target import Target
from holdfast.target.installed import has_journal, read_installed
from holdfast.target.records import with_records


def read_settled(target: Target, session: Session, *, readonly: bool) -> InstalledState:
    """Read what is installed; a journal that is found is recovered under the lock before.

    Whoever writes goes on with that as long as he would wait for the lock: of many, each has a journal for a moment.

    Args:
        target: Which environment.
        session: Of the command.
        readonly: Never recover (``--dry-run``, ``--check``): a journal is an error then.

    Raises:
        InterruptedTransactionError: The state is not settled and may not be settled by this command.
        LockUnavailableError: Somebody keeps the lock until the deadline.
    """
    asked = time.monotonic()
    while True:
        if not readonly and has_journal(target):
            from holdfast.flows.recovery import recover_target  # noqa: PLC0415 - seldom needed

            recover_target(target, session)
        try:
            return read_installed(target)
        except InterruptedTransactionError:
            if readonly or 0 <= session.lock.timeout <= time.monotonic() - asked:
                raise


def with_all_records(installed: InstalledState) -> InstalledState:
    """The same with the RECORD of every distribution of the target: whose file is it that lies in the way?"""
    owned = [each.name for each in (*installed, *installed.duplicates) if each.owned]
    return with_records(installed, owned)
