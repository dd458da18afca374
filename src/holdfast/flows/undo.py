"""``undo``: take the last transaction of an environment back, as a transaction of its own."""

from __future__ import annotations

from dataclasses import replace

from holdfast.errors import UnsatisfiableError
from holdfast.events import Reporter
from holdfast.flows.former import former_pin
from holdfast.flows.history import history_of
from holdfast.flows.replanning import Replanning
from holdfast.flows.session import Session
from holdfast.flows.settled import read_settled, with_all_records
from holdfast.flows.signals import Signals
from holdfast.flows.transact import carry_out
from holdfast.flows.world import facts_of, open_world
from holdfast.model.changes import Committed
from holdfast.model.history import KnownTransaction
from holdfast.model.outcome import InstallReport
from holdfast.model.request import InstallRequest
from holdfast.model.target import Target
from holdfast.plan.breaking import refuse_breaking
from holdfast.plan.undoing import plan_undo, refuse_moved, unmet
from holdfast.target.locate import locate
from holdfast.target.policy import refuse_unwelcome


def undo(request: InstallRequest, reporter: Reporter) -> InstallReport:
    """Bring back what was there before the last transaction that this user made in the target.

    Args:
        request: Without requirements.
        reporter: Hears what is done.

    Raises:
        UnsatisfiableError: There is none, or what was there cannot be had again.
        HarmError: The environment has moved on since.
        HoldfastError: As the rooms do; nothing is changed unless its ``state`` says otherwise.
    """
    target = locate(request.target, facts_of(request.cache_dir))
    refuse_unwelcome(target, request.target)
    last = _last(target, request.cache_dir)
    request = replace(request, command=" ".join(("undo", *(each.project for each in last.changes))))
    with Signals() as signals:
        session = Session(
            policy=request.policy,
            lock=request.lock,
            command=request.command,
            signals=signals,
            reporter=reporter,
            undoes=last.id,
        )
        replanning = Replanning(session)
        with signals.shield(open_world(request, target, session)) as world:
            while True:
                installed = with_all_records(read_settled(target, session, readonly=request.dry_run))
                with replanning.refusing(installed, target, readonly=request.dry_run):
                    refuse_moved(last, installed)
                    pins = {
                        each.project: former_pin(each.project, each.before, world, reporter)
                        for each in last.changes
                        if each.before is not None
                    }
                    plan = plan_undo(last, installed, pins)
                    refuse_breaking(installed, plan, target.interpreter.markers, request.policy.allow_breaking)
                    lacking = (f"{each}." for each in unmet(installed, plan, target.interpreter.markers))
                    notices = (_notice(last), *lacking)
                    report = InstallReport(
                        target=target, actions=plan.actions, dry_run=request.dry_run, notices=notices
                    )
                    if request.dry_run:
                        return report
                    outcome, stored = carry_out(plan, installed, world, session)
                    if isinstance(outcome, Committed):
                        return replace(report, committed=outcome, stored=stored)
                    replanning.again(outcome)


def _last(target: Target, cache_dir: str | None) -> KnownTransaction:
    known = history_of(target, cache_dir=cache_dir)
    if not known.transactions:
        raise UnsatisfiableError(f"There is nothing to undo. {known.why}", hint="holdfast list")
    return known.transactions[0]


def _notice(last: KnownTransaction) -> str:
    return f"Taking back: {last.command} (by {last.who} on {last.host})"
