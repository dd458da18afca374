"""``install``: the whole story on one screen."""

from __future__ import annotations

import time
from dataclasses import replace

from holdfast.events import Phase, PhaseFinished, PhaseStarted, Reporter
from holdfast.flows.replanning import Replanning
from holdfast.flows.session import Session
from holdfast.flows.settled import read_settled, with_all_records
from holdfast.flows.signals import Signals
from holdfast.flows.world import World, facts_of, open_world
from holdfast.model.installed import InstalledState
from holdfast.model.outcome import InstallReport
from holdfast.model.request import InstallRequest
from holdfast.model.resolution import Resolution
from holdfast.plan.breaking import refuse_breaking
from holdfast.plan.diff import changing, diff
from holdfast.plan.yanked import yanked_notices
from holdfast.resolve.problem import Problem
from holdfast.resolve.solver import solve
from holdfast.target.locate import locate
from holdfast.target.policy import refuse_unwelcome


def install(request: InstallRequest, reporter: Reporter) -> InstallReport:
    """Make the target satisfy the request, in one transaction.

    Raises:
        HoldfastError: As the rooms do; nothing is changed unless its ``state`` says otherwise.
    """
    target = locate(request.target, facts_of(request.cache_dir))
    refuse_unwelcome(target, request.target)
    with Signals() as signals:
        session = Session(
            policy=request.policy, lock=request.lock, command=request.command, signals=signals, reporter=reporter
        )
        replanning = Replanning(session)
        with signals.shield(open_world(request, target, session)) as world:
            while True:
                installed = read_settled(target, session, readonly=request.dry_run)
                resolution = _resolve(request, world, installed, reporter)
                if changing(resolution):
                    installed = with_all_records(installed)
                with replanning.refusing(installed, target, readonly=request.dry_run):
                    plan = diff(installed, resolution, request.resolve)
                    refuse_breaking(installed, plan, target.interpreter.markers, request.policy.allow_breaking)
                    report = InstallReport(
                        target=target,
                        resolution=resolution,
                        actions=plan.actions,
                        dry_run=request.dry_run,
                        notices=tuple(yanked_notices(plan.actions)),
                    )
                    if request.dry_run or not plan.actions:
                        return report
                    from holdfast.flows.transact import carry_out  # noqa: PLC0415 - what is satisfied needs none of its rooms
                    from holdfast.model.changes import Committed  # noqa: PLC0415 - as above

                    outcome, stored = carry_out(plan, installed, world, session)
                    if isinstance(outcome, Committed):
                        return replace(report, committed=outcome, stored=stored)
                    replanning.again(outcome)


def _resolve(request: InstallRequest, world: World, installed: InstalledState, reporter: Reporter) -> Resolution:
    """Solve the request against what is installed and what there is."""
    reporter.emit(PhaseStarted(phase=Phase.RESOLVE))
    started = time.monotonic()
    interpreter = world.target.interpreter
    problem = Problem(
        roots=request.requirements,
        constraints=request.constraints,
        policy=request.resolve,
        markers=interpreter.markers,
        tags=interpreter.tags,
        python_version=interpreter.version,
    )
    resolution = solve(problem, world, installed, reporter)
    seconds = time.monotonic() - started
    reporter.emit(PhaseFinished(phase=Phase.RESOLVE, count=len(resolution.pins), seconds=seconds))
    return resolution
