"""``doctor``: what a directory is worth for an installation, before it hurts.

Every room is asked what it would meet there; what an installation makes before its commit is made for real, and taken
away again.

**Guarantees.** Nothing is changed: what is tried lies in a transaction directory and a work area of its own. Where
this user cannot install anyway, nothing is tried.

**On crash.** What is left names its owner, and goes with the litter.

**Limits.** See ``subject`` for what does not exist yet.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast import disk
from holdfast.commit.checkup import check_journals
from holdfast.commit.recover import find_journals
from holdfast.envlock.checkup import check_lock, check_uv, try_flock
from holdfast.errors import LockUnavailableError, TargetError
from holdfast.events import Reporter
from holdfast.flows.session import Session
from holdfast.flows.signals import Signals
from holdfast.flows.subject import Subject, recovering, subject_of
from holdfast.flows.world import facts_of
from holdfast.model.diagnosis import (
    Diagnosis,
    DirectoryRights,
    DirectoryWorth,
    FoundTransaction,
    Remark,
    Residue,
    SchemeWorth,
    Trials,
    UvLock,
    WorkPlace,
)
from holdfast.model.owner import LockMode
from holdfast.model.request import InstallPolicy, LinkMode, LockSettings
from holdfast.model.target import Target, TargetRequest
from holdfast.stage.area import transaction
from holdfast.stage.checkup import check_place, check_schemes, is_open, rights_of, try_bringing, try_entries
from holdfast.stage.litter import sweep_beside
from holdfast.stage.tenants import tenants
from holdfast.stage.workarea import work_area
from holdfast.store.facts import StoredFacts

_COMMAND = "doctor"


def doctor(
    path: str | None,
    request: TargetRequest,
    lock: LockSettings,
    reporter: Reporter,
    *,
    policy: InstallPolicy,
    cache_dir: str | None,
) -> Diagnosis:
    """Judge a directory.

    Args:
        path: An environment, a directory, a file in one, or what does not exist yet; None: what ``request`` names.
        request: How ``install`` would choose its target.
        lock: What an installation would be told of the lock.
        reporter: Hears of what could not be removed again.
        policy: What it would be told of links and of sharing.
        cache_dir: Where facts of interpreters are remembered; None: nowhere.

    Raises:
        TargetError: There is no target to judge, and no path was given.
    """
    umask = _umask()
    with Signals() as signals:
        subject = subject_of(path, request, facts_of(cache_dir))
        target, libraries = subject.target, subject.target.library_directories
        barring = tuple(remark for each in libraries for remark in check_place(target, each))
        met = _meet(subject, touch=not barring)
        session = Session(policy=policy, lock=lock, command=_COMMAND, signals=signals, reporter=reporter)
        tried = _nothing(target) if barring else _try(subject, session, cache_dir)
    rights = {
        each: rights_of(disk.nearest_directory(each), umask=umask if subject.missing else None, sharing=policy.shared)
        for each in libraries
    }
    of_rights = tuple(remark for _, said in rights.values() for remark in said if not barring)
    return Diagnosis(
        asked=subject.asked,
        judged=target.root,
        missing=subject.missing,
        kind=target.kind.value,
        lock_mode=tried.mode.value if tried.mode else None,
        link_mode=tried.link_mode.value if tried.link_mode else None,
        umask=umask,
        directories=tuple(
            _worth(each, rights[each][0], met.holders.get(each), tried.trials.get(disk.realpath(each)))
            for each in libraries
        ),
        schemes=() if subject.missing else tried.schemes,
        work=tried.work,
        uv_lock=met.uv_lock,
        transactions=met.transactions,
        remarks=tuple(dict.fromkeys((*subject.remarks, *barring, *met.remarks, *tried.remarks, *of_rights))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Met:
    """Who and what is there already. ``holders``: of the lock of each library directory, in words."""

    uv_lock: UvLock
    holders: Mapping[str, str | None] = field(default_factory=dict)
    transactions: tuple[FoundTransaction, ...] = ()
    remarks: tuple[Remark, ...] = ()


def _meet(subject: Subject, *, touch: bool) -> _Met:
    """Look at locks and transactions. In what does not exist there are none; its parent's are not in the way.

    Args:
        subject: What is judged.
        touch: This user may write there: uv's lock may be tried, and swept what a doctor left who was killed.
    """
    target = subject.target
    if subject.asked is not None and subject.missing:
        if touch:
            sweep_beside(target.root)
        return _Met(uv_lock=check_uv(subject.asked, touch=False)[0])
    recover, libraries = recovering(target), target.library_directories
    uv_lock, of_uv = check_uv(target.root, touch=touch)
    if not all(is_open(disk.nearest_directory(each)) for each in libraries):
        return _Met(uv_lock=uv_lock, remarks=of_uv)
    journals = find_journals(target)  # before the lock: see `check_journals`
    locks = {each: check_lock(each, recover=recover) for each in libraries}
    alive = frozenset(each.alive for each in locks.values() if each.alive)
    interrupted, of_journals = check_journals(journals, holders=alive, recover=recover)
    others = tenants(target)
    of_locks = tuple(remark for each in locks.values() for remark in each.remarks)
    return _Met(
        uv_lock=uv_lock,
        holders={path: each.holder for path, each in locks.items()},
        transactions=(*interrupted, *others),
        remarks=(*of_locks, *of_journals, *_of_litter(others, recover), *of_uv),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """What came of making what an installation makes."""

    schemes: tuple[SchemeWorth, ...]
    mode: LockMode | None = None
    link_mode: LinkMode | None = None
    trials: Mapping[str, Trials] = field(default_factory=dict)
    work: tuple[str, WorkPlace] | None = None
    remarks: tuple[Remark, ...] = ()


def _nothing(target: Target) -> _Tried:
    return _Tried(schemes=check_schemes(target, None)[0])


def _try(subject: Subject, session: Session, cache_dir: str | None) -> _Tried:
    """Make transaction directories and a work area, try everything in them, and take them away again."""
    target, policy, shield = subject.target, session.policy, session.signals.shield
    command, shared, reporter = session.command, policy.shared, session.reporter
    sample = StoredFacts(cache_dir).sample() if cache_dir else None
    remarks: list[Remark] = []
    trials: dict[str, Trials] = {}
    modes: list[LockMode] = []
    try:
        wide = work_area(target, command=command, sharing=shared, reporter=reporter)
        begun = transaction(target, mode=session.lock.mode, command=command, sharing=shared, reporter=reporter)
        with shield(wide) as area, shield(begun) as tx:
            for directory in tx.directories:
                if directory.locked:
                    wanted, flock, of_locks = try_flock(directory, session.lock.mode)
                    modes.append(wanted)
                    trials[directory.parent], of_entries = try_entries(directory, flock, sharing=shared)
                    remarks += (*of_locks, *of_entries)
            schemes, of_schemes = check_schemes(target, tx)
            work = _work(subject, os.path.dirname(area))
            first = tx.directories[0]
            link_mode = try_bringing(first, sample, work=area, mode=policy.link_mode, sharing=shared)
    except (LockUnavailableError, TargetError) as error:
        text = " ".join((error.cause, *error.details))
        stop = Remark(text=text, command=error.hint or f"ls -ld {target.scheme.purelib}", stops=True)
        return _Tried(schemes=_nothing(target).schemes, trials=trials, remarks=(*remarks, stop))
    except OSError as error:
        text = f"{error.filename or target.scheme.purelib}: {error.strerror or error}."
        stop = Remark(text=text, command=disk.remedy(error, target.scheme.purelib), stops=True)
        return _Tried(schemes=_nothing(target).schemes, trials=trials, remarks=(*remarks, stop))
    if work[1] is WorkPlace.LIBRARY:
        text = f"Neither {target.root} nor the system's temporary directory can be used: downloads go to {work[0]}."
        remarks.append(Remark(text=text, command="export TMPDIR=DIR, a directory with room"))
    marked = LockMode.MARKER in modes
    return _Tried(
        schemes=schemes,
        mode=LockMode.MARKER if marked else modes[0],
        link_mode=link_mode,
        trials=trials,
        work=work,
        remarks=(*remarks, *of_schemes),
    )


def _work(subject: Subject, directory: str) -> tuple[str, WorkPlace]:
    if directory == subject.target.root:
        return subject.asked if subject.asked and subject.missing else directory, WorkPlace.ROOT
    return directory, WorkPlace.LIBRARY if directory == subject.target.scheme.purelib else WorkPlace.TEMPORARY


def _worth(path: str, rights: DirectoryRights, holder: str | None, trials: Trials | None) -> DirectoryWorth:
    place = disk.nearest_directory(path)
    filesystem, room = disk.filesystem(place), disk.room(place)
    return DirectoryWorth(
        path=path,
        filesystem=filesystem.type,
        options=tuple(sorted(filesystem.options)),
        writable=disk.may_write(place),
        rights=rights,
        bytes=room.bytes,
        inodes=room.inodes,
        lock=holder,
        trials=trials,
    )


def _of_litter(found: tuple[FoundTransaction, ...], recover: str) -> tuple[Remark, ...]:
    dead = [each.path for each in found if each.residue is Residue.LITTER]
    if not dead:
        return ()
    text = f"What a command left that has ended lies in {' and '.join(dead)}. The next one that writes removes it."
    return (Remark(text=text, command=recover),)


def _umask() -> int:
    """It can only be read by setting it."""
    found = os.umask(0o077)
    os.umask(found)
    return found
