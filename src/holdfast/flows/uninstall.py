"""``uninstall``: plan, stage nothing, take everything out in one transaction."""

from __future__ import annotations

from dataclasses import replace

from holdfast.errors import UnsatisfiableError
from holdfast.events import Reporter
from holdfast.flows.replanning import Replanning
from holdfast.flows.session import Session
from holdfast.flows.settled import read_settled, with_all_records
from holdfast.flows.signals import Signals
from holdfast.flows.transact import carry_out
from holdfast.flows.world import facts_of, open_world
from holdfast.model.changes import Committed
from holdfast.model.outcome import InstallReport
from holdfast.model.request import InstallRequest, UninstallRequest
from holdfast.plan.breaking import refuse_breaking
from holdfast.plan.removal import RemovalPlan, plan_removal
from holdfast.target.locate import locate
from holdfast.target.policy import refuse_unwelcome


def uninstall(request: UninstallRequest, reporter: Reporter) -> InstallReport:
    """Remove projects from the target.

    Raises:
        UnsatisfiableError: One of them is not installed, and ``must_exist`` is set.
        HoldfastError: As the rooms do; nothing is changed unless its ``state`` says otherwise.
    """
    target = locate(request.target, facts_of(request.cache_dir))
    refuse_unwelcome(target, request.target)
    with Signals() as signals:
        session = Session(
            policy=request.policy, lock=request.lock, command=request.command, signals=signals, reporter=reporter
        )
        tools = InstallRequest(requirements=(), cache_dir=request.cache_dir, command=request.command)
        replanning = Replanning(session)
        with signals.shield(open_world(tools, target, session)) as world:
            while True:
                installed = read_settled(target, session, readonly=request.dry_run)
                if any(installed.get(name) for name in request.names):
                    installed = with_all_records(installed)
                with replanning.refusing(installed, target, readonly=request.dry_run):
                    removal = plan_removal(installed, request.names)
                    if request.must_exist and removal.unknown:
                        raise UnsatisfiableError(f"Not installed: {', '.join(removal.unknown)}.", hint="holdfast list")
                    plan = removal.plan
                    refuse_breaking(installed, plan, target.interpreter.markers, request.policy.allow_breaking)
                    report = InstallReport(
                        target=target, actions=plan.actions, dry_run=request.dry_run, notices=_notices(removal)
                    )
                    if request.dry_run or not plan.actions:
                        return report
                    outcome, _ = carry_out(plan, installed, world, session)
                    if isinstance(outcome, Committed):
                        return replace(report, committed=outcome)
                    replanning.again(outcome)


def _notices(removal: RemovalPlan) -> tuple[str, ...]:
    return (
        *(f"{name} is not installed; nothing to do for it." for name in removal.unknown),
        *(
            f"{each.name} {each.version} lies outside of the environment, in {each.location}; it stays."
            for each in removal.outside
        ),
    )
