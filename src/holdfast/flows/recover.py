"""``recover``: finish with what a dead predecessor left, and say what was done."""

from __future__ import annotations

from holdfast.commit.recover import RecoveryOutcome
from holdfast.events import Reporter
from holdfast.flows.recovery import recover_target
from holdfast.flows.session import Session
from holdfast.flows.signals import Signals
from holdfast.flows.world import facts_of
from holdfast.model.request import InstallPolicy, LockSettings
from holdfast.model.rights import Sharing
from holdfast.model.target import TargetRequest
from holdfast.target.locate import locate


def recover(
    request: TargetRequest,
    lock: LockSettings,
    reporter: Reporter,
    *,
    shared: Sharing | None = None,
    force: bool = False,
    cache_dir: str | None,
) -> RecoveryOutcome:
    """Recover one target; by force also from who commits without a lock.

    Returns:
        One sentence for each transaction that was undone, and what stayed; the reporter has heard both.

    Raises:
        LockUnavailableError: Its owner is alive and keeps the lock.
        TargetError: It may not be written.
    """
    target = locate(request, facts_of(cache_dir))
    with Signals() as signals:
        policy = InstallPolicy(shared=shared)
        session = Session(policy=policy, lock=lock, command="recover", signals=signals, reporter=reporter)
        return recover_target(target, session, force=force)
