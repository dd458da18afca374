"""The wheels of a plan: fetched into the store, then laid out for the target."""

from __future__ import annotations

import time
from functools import partial

from holdfast.disk import nearest_directory
from holdfast.errors import NoRoomError
from holdfast.events import Phase, PhaseFinished, PhaseStarted, Reporter
from holdfast.fetch.download import download_wheels
from holdfast.fetch.jobs import WheelJob, job_of_pin
from holdfast.flows.session import Session
from holdfast.flows.world import World
from holdfast.model.composed import ComposedDistribution
from holdfast.model.plan import Install, InstallPlan, Reinstall, Remove, Replace
from holdfast.model.request import InstallPolicy
from holdfast.model.resolution import DirectWheel
from holdfast.model.stored import StoredWheel
from holdfast.model.target import Target, TargetKind
from holdfast.stage.compose import compose
from holdfast.stage.rights import inside
from holdfast.stage.room import check_room_for_downloads
from holdfast.store.bytecode import compiled


def coming(plan: InstallPlan) -> tuple[Install | Replace | Reinstall, ...]:
    """The actions that bring something, in commit order."""
    return tuple(action for action in plan.actions if not isinstance(action, Remove))


def download_all(plan: InstallPlan, world: World, session: Session) -> tuple[StoredWheel, ...]:
    """Get every wheel of the plan, several at once; in the order of `coming`."""
    actions = coming(plan)
    if not actions:
        return ()
    jobs = tuple(
        job_of_pin(
            action.pin,
            required=world.required_hashes(action.pin.name),
            allow_bad_record=action.pin.name in session.policy.allow_bad_record,
        )
        for action in actions
    )
    reporter = session.reporter
    started = time.monotonic()
    while (stored := _download(jobs, world, reporter)) is None:
        pass
    seconds = time.monotonic() - started
    reporter.emit(PhaseFinished(phase=Phase.DOWNLOAD, count=len(jobs), seconds=seconds))
    return stored


def _download(jobs: tuple[WheelJob, ...], world: World, reporter: Reporter) -> tuple[StoredWheel, ...] | None:
    """All of them, or None: there was no room, and now there is another place."""
    reporter.emit(PhaseStarted(phase=Phase.DOWNLOAD, total=len(jobs)))
    work = world.work
    check_room = partial(check_room_for_downloads, work=work, store=world.store.writable_root())
    try:
        return download_wheels(jobs, world.store, world.client, reporter, workdir=work, check_room=check_room)
    except NoRoomError as error:
        world.rest(hurried=True)
        world.move_out(work, error)
        return None


def compose_all(
    plan: InstallPlan, stored: tuple[StoredWheel, ...], world: World, session: Session
) -> tuple[ComposedDistribution, ...]:
    """Lay out every distribution of the plan for the target, with its bytecode where that is wanted."""
    wanted = _wants_bytecode(world.target, session.policy)
    bytecode = compiled(world.store, stored, world.target.interpreter) if wanted and stored else {}
    return tuple(
        compose(
            action,
            wheel,
            world.target,
            requested=action.pin.requested,
            direct=action.pin.source.direct if isinstance(action.pin.source, DirectWheel) else None,
            compiled=bytecode.get(wheel.manifest.sha256),
        )
        for action, wheel in zip(coming(plan), stored, strict=True)
    )


def _wants_bytecode(target: Target, policy: InstallPolicy) -> bool:
    """As asked; unasked for the system's Python, and where a group writes: else another user's import leaves his."""
    if policy.compile_bytecode is not None:
        return policy.compile_bytecode
    return target.kind is TargetKind.SYSTEM or inside(nearest_directory(target.scheme.purelib), policy.shared).shared
