"""``repair``: restore what ``check --files`` finds damaged, missing or broken, in one transaction."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from packaging.utils import InvalidWheelFilename, NormalizedName, parse_wheel_filename

from holdfast.errors import UnsatisfiableError
from holdfast.events import Reporter
from holdfast.flows.former import former_pin
from holdfast.flows.inspect import Findings, look_at_files
from holdfast.flows.replanning import Replanning
from holdfast.flows.session import Session
from holdfast.flows.settled import read_settled, with_all_records
from holdfast.flows.signals import Signals
from holdfast.flows.transact import carry_out
from holdfast.flows.world import World, facts_of, open_world
from holdfast.model.ailments import Ailment, AilmentKind
from holdfast.model.changes import Committed, Place
from holdfast.model.hashes import archive_hashes
from holdfast.model.history import KnownState, KnownWheel
from holdfast.model.installed import InstalledDistribution, RecordEntry
from holdfast.model.outcome import InstallReport
from holdfast.model.places import absolute
from holdfast.model.plan import InstallPlan, Reinstall
from holdfast.model.request import InstallRequest
from holdfast.model.resolution import AlreadyInstalled, Pin
from holdfast.model.stored import Manifest
from holdfast.model.urls import as_recorded
from holdfast.plan.breaking import refuse_breaking
from holdfast.plan.origins import is_built_from
from holdfast.plan.repair import RepairPlan, path_of, plan_repair
from holdfast.stage.compose import compose
from holdfast.store.lookup import stored_wheels
from holdfast.target.ailments import all_files
from holdfast.target.locate import locate
from holdfast.target.policy import refuse_unwelcome
from holdfast.target.records import metadata_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairReport:
    """What a repair did, or would do.

    Attributes:
        report: Of the transaction.
        faults: Project -> how many of its files were damaged or missing (0: its dist-info was broken).
        removed: Paths of dist-infos and leftovers that went for good.
        unknown: What was left alone, because nothing tells whose it is.
    """

    report: InstallReport
    faults: dict[NormalizedName, int]
    removed: tuple[str, ...] = ()
    unknown: tuple[Ailment, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether there was something to do."""
        return bool(self.report.actions or self.removed)


def repair(request: InstallRequest, names: Collection[NormalizedName], reporter: Reporter) -> RepairReport:
    """Bring every file back to what its RECORD says, and every project to one whole dist-info.

    Args:
        request: Without requirements: where, from where, and what is allowed.
        names: Only these projects; empty: everything.
        reporter: Hears what is done.

    Raises:
        UnsatisfiableError: A name is not there, or its very version cannot be had again.
        HarmError: It cannot be known whose files they are, or no wheel restores them.
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
                installed = with_all_records(read_settled(target, session, readonly=request.dry_run))
                with replanning.refusing(installed, target, readonly=request.dry_run):
                    found = look_at_files(target, installed)
                    faults = Counter(fault.info for fault in found.damaged)
                    wanted = plan_repair(installed, faults, found.ailments, names)
                    plan = _with_wheels(wanted, world, session, dry_run=request.dry_run)
                    refuse_breaking(installed, plan, target.interpreter.markers, request.policy.allow_breaking)
                    report = _report(wanted, plan, found, faults, world, dry_run=request.dry_run)
                    if request.dry_run or not wanted:
                        return report
                    outcome, stored = carry_out(plan, installed, world, session)
                    if isinstance(outcome, Committed):
                        return replace(report, report=replace(report.report, committed=outcome, stored=stored))
                    replanning.again(outcome)


def _with_wheels(wanted: RepairPlan, world: World, session: Session, *, dry_run: bool) -> InstallPlan:
    actions = []
    for old in wanted.restore:
        pin = _pin_of(old, world, session)
        known = old if old.record is not None or dry_run else _with_files(old, pin, world)
        actions.append(Reinstall(pin=pin, old=known))
    further = (each if each.record is not None else _with_files(each, None, world) for each in wanted.further)
    return InstallPlan(actions=tuple(actions), duplicates=(*further, *wanted.leftovers))


def _pin_of(old: InstalledDistribution, world: World, session: Session) -> Pin:
    """The very version once more: from the store, from where it came, or from an index."""
    direct = old.direct_url or {}
    url = as_recorded(str(direct.get("url", "")))
    state = KnownState(version=old.version, requested=old.requested, direct=url, wheel=_wheel_of(old, url, world))
    pin = former_pin(old.name, state, world, session.reporter)
    if pin.version != old.version:
        raise UnsatisfiableError(
            f"{old.name} {old.version} is not to be had again, only {pin.version}.",
            hint=f"holdfast install --force-reinstall {old.name}",
        )
    return pin


def _wheel_of(old: InstalledDistribution, url: str, world: World) -> KnownWheel | None:
    known = next((each.digest for each in archive_hashes(old.direct_url or {}) if each.algorithm == "sha256"), None)
    metadata, tags = metadata_digest(old), frozenset(world.target.interpreter.tags)
    for stored in stored_wheels(world.store, old.name, old.version):
        found = stored.manifest
        if known == found.sha256 or (known is None and _fits(found, tags) and is_built_from(old, found, metadata)):
            return KnownWheel(filename=found.filename, url=url, sha256=found.sha256)
    name = os.path.basename(url.partition("?")[0])
    return KnownWheel(filename=name, url=url, sha256=known) if known and name.endswith(".whl") else None


def _fits(manifest: Manifest, tags: frozenset[str]) -> bool:
    """Whether the target could have installed it."""
    try:
        return not tags.isdisjoint(map(str, parse_wheel_filename(manifest.filename)[3]))
    except InvalidWheelFilename:
        return False


def _with_files(old: InstalledDistribution, pin: Pin | None, world: World) -> InstalledDistribution:
    """What is to leave where no RECORD says it: its dist-info, and if that came from the wheel, the wheel's files."""
    files = list(all_files(old.location, old.info_name))
    if pin is not None and not isinstance(pin.source, AlreadyInstalled):
        stored = world.whole(pin.source)
        if stored.manifest.metadata_sha256 == metadata_digest(old):
            scheme = world.target.scheme
            composed = compose(Reinstall(pin=pin, old=old), stored, world.target, requested=False)
            paths = (absolute(scheme, Place(scheme=file.scheme, path=file.path)) for file in composed.files)
            files += [RecordEntry(path=os.path.relpath(path, old.location)) for path in paths]
    return replace(old, record=tuple(files))


def _report(
    wanted: RepairPlan, plan: InstallPlan, found: Findings, faults: Counter[str], world: World, *, dry_run: bool
) -> RepairReport:
    return RepairReport(
        report=InstallReport(target=world.target, actions=plan.actions, dry_run=dry_run),
        faults={old.name: faults[path_of(old)] for old in wanted.restore},
        removed=tuple(_removed(wanted)),
        unknown=tuple(each for each in found.ailments if each.kind is AilmentKind.UNKNOWN),
    )


def _removed(wanted: RepairPlan) -> Iterator[str]:
    for each in (*wanted.further, *wanted.leftovers):
        yield path_of(each)
