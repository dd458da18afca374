"""From a plan to a committed change: fetch, compose, decide, stage, and then milliseconds under the lock.

**Guarantees.** Everything slow happens outside the lock, and no other thread lives under it. Signals are deferred from
before the lock is asked for until it is given back; one that arrives before the point of no return undoes
the change.

**On crash.** The transaction directory names its owner; what is journalled is undone by the next command that writes.

**Limits.** None of its own; see ``commit`` and ``envlock``.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

from holdfast.commit.changes import compute_changes, questions
from holdfast.commit.execute import execute
from holdfast.commit.questions import leaving
from holdfast.commit.recover import recover
from holdfast.commit.sweep import sweep
from holdfast.disk import lexists
from holdfast.envlock.held import displaced
from holdfast.errors import HarmError, VanishedError
from holdfast.events import Phase, PhaseFinished, PhaseStarted, Warned
from holdfast.flows.heartbeat import Heartbeat
from holdfast.flows.recovery import TAKEN_BACK, locked
from holdfast.flows.replanning import has_moved
from holdfast.flows.session import Session
from holdfast.flows.wheels import coming, compose_all, download_all
from holdfast.flows.world import World
from holdfast.history.entries import keep_editables, record
from holdfast.history.places import prepare
from holdfast.model.changes import ChangeSet, CommitOutcome, Committed, Moved, StagedChangeSet, StepKind
from holdfast.model.composed import ComposedDistribution
from holdfast.model.installed import InstalledState
from holdfast.model.places import absolute
from holdfast.model.plan import InstallPlan
from holdfast.model.stored import StoredWheel
from holdfast.model.target import Target
from holdfast.model.transaction import Transaction
from holdfast.plan.meanwhile import misfit
from holdfast.stage.area import transaction
from holdfast.stage.fill import fill
from holdfast.stage.leaving import share_leaving
from holdfast.stage.room import check_room_for_files
from holdfast.stage.writable import check_writable
from holdfast.target.again import read_again
from holdfast.target.survey import survey

_IN_FORCE = "The change is in force."


def carry_out(
    plan: InstallPlan, installed: InstalledState, world: World, session: Session
) -> tuple[CommitOutcome, tuple[StoredWheel, ...]]:
    """Make one plan real, or nothing of it.

    Args:
        plan: What to do; not empty.
        installed: What the plan was made from, with every RECORD.
        world: The target and the tools.
        session: Of the command.

    Returns:
        The outcome (``Moved``: nothing was changed, plan again) and the wheels that were used.

    Raises:
        HoldfastError: As the rooms do; its ``state`` says what the environment is.
    """
    target = world.target
    _refuse_unwritable(plan, target)
    if coming(plan):
        world.prepare()
    if world.remembers:
        prepare()
    begun = transaction(
        target,
        mode=session.lock.mode,
        command=session.command,
        sharing=session.policy.shared,
        reporter=session.reporter,
    )
    with session.signals.shield(begun) as tx:
        session = _beating(session, tx, world)
        try:
            stored = download_all(plan, world, session)
            composed = compose_all(plan, stored, world, session)
            world.rest()
            staged = _stage(plan, installed, composed, tx, session)
            if stored:
                world.store.seal(stored)
        except (FileNotFoundError, VanishedError) as error:
            gone = [path for path in (*(each.path for each in tx.directories), *world.areas) if not lexists(path)]
            if gone:
                raise displaced(gone[0]) from error
            if isinstance(error, VanishedError):
                return Moved(why="the cache was cleaned"), ()
            raise
        if isinstance(staged, Moved):
            return staged, stored
        kept = keep_editables(plan.actions, target) if world.remembers else {}
        with session.signals.deferred():
            outcome = _commit(staged, plan, installed, tx, session)
            if isinstance(outcome, Committed):
                session.signals.state = _IN_FORCE
                waited, held = session.times.waited, session.times.held
                projects, left = staged.changes.projects, sweep(staged, tx, target)
                outcome = replace(outcome, waited=waited, held=held, left=left, projects=projects)
                if world.remembers and plan.actions:
                    command, undoes = session.command, session.undoes
                    record(target, plan.actions, outcome, stored, command=command, undoes=undoes, kept=kept)
    return outcome, stored


def _beating(session: Session, tx: Transaction, world: World) -> Session:
    """The session, whose events touch what it owns beside the target."""
    own = tuple(each.path for each in tx.directories)
    return replace(session, reporter=Heartbeat(session.reporter, lambda: (*own, *world.areas)))


def _commit(
    staged: StagedChangeSet, plan: InstallPlan, installed: InstalledState, tx: Transaction, session: Session
) -> CommitOutcome:
    """Under the lock: first what the dead left, then what the living did, then our own steps."""
    with locked(tx, session) as held:
        found = recover(tx.target, held)
        if found.recovered:
            session.signals.state = TAKEN_BACK
        if found.alive:
            return Moved(why="a transaction without a lock is at work")
        now = read_again(installed)
        if now is None:
            return Moved(why="somebody changes it without the lock")
        problem = misfit(installed, now, plan, tx.target.interpreter.markers, session.policy.allow_breaking)
        if problem is not None:
            return Moved(why=f"{problem}")
        stop = session.signals.stop_asked
        return execute(staged, tx, held, tx.target, fsync=session.policy.fsync, stop=stop)


def _refuse_unwritable(plan: InstallPlan, target: Target) -> None:
    """Refuse before anything is fetched what this user may not do to the directories that change.

    Raises:
        TargetError: Names the path, its owner and what to type.
    """
    going = [
        os.path.normpath(os.path.join(old.location, entry.path)) for old in leaving(plan) for entry in old.record or ()
    ]
    directories = {os.path.dirname(path) for path in going}
    caches = {f"{os.path.dirname(path)}/__pycache__" for path in going if path.endswith(".py")} - directories
    inside = sorted({*directories, *filter(lexists, caches)})
    check_writable(target, (*target.library_directories, *inside), leaving=going)


def _refuse_unwritable_steps(changes: ChangeSet, tx: Transaction) -> None:
    """The same, now that the wheels have said where else they want to: scripts, data files.

    Raises:
        TargetError: Names the path, its owner and what to type.
    """
    target = tx.target
    needed = {step.place.scheme for step in changes.steps}.intersection(tx.unreached)
    check_writable(target, [target.scheme.directory(key) for key in sorted(needed)])
    paths = {step: absolute(target.scheme, step.place) for step in changes.steps}
    coming = [path for step, path in paths.items() if step.kind is StepKind.PLACE and step.directory]
    check_writable(target, dict.fromkeys(map(os.path.dirname, paths.values())), coming=coming)


def _stage(
    plan: InstallPlan,
    installed: InstalledState,
    composed: tuple[ComposedDistribution, ...],
    tx: Transaction,
    session: Session,
) -> StagedChangeSet | Moved:
    """Decide every step, then build what they bring."""
    count = len(coming(plan))
    reporter, target = session.reporter, tx.target
    reporter.emit(PhaseStarted(phase=Phase.INSTALL, total=count))
    started = time.monotonic()
    changes = _decide(plan, installed, composed, tx, session)
    if isinstance(changes, Moved):
        return changes
    for warning in changes.warnings:
        reporter.emit(Warned(text=warning))
    _refuse_unwritable_steps(changes, tx)
    check_room_for_files(changes, tx, session.policy.link_mode)
    policy = session.policy
    share_leaving(changes, target, sharing=policy.shared)
    staged = fill(changes, tx, link_mode=policy.link_mode, sharing=policy.shared, fsync=policy.fsync, reporter=reporter)
    reporter.emit(PhaseFinished(phase=Phase.INSTALL, count=count, seconds=time.monotonic() - started))
    return staged


def _decide(
    plan: InstallPlan,
    installed: InstalledState,
    composed: tuple[ComposedDistribution, ...],
    tx: Transaction,
    session: Session,
) -> ChangeSet | Moved:
    """Every step; what is refused for what lies in the way is refused only if under the lock it lies there still."""
    target = tx.target
    asked = questions(plan, composed, installed, target.scheme)

    def decide() -> ChangeSet:
        seen = survey(target.scheme, asked.paths, digests=asked.digests, texts=asked.texts)
        return compute_changes(plan, composed, installed, seen, target, session.policy)

    def is_refused() -> bool:
        try:
            decide()
        except HarmError:
            return True
        return False

    try:
        return decide()
    except HarmError:
        if not has_moved(installed, tx, session, still=is_refused):
            raise
        return Moved(why="what was in the way is not as it was")
