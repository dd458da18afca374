"""A small target for tests of the commit: distributions as values, the tree they make, and the way from one to another.

`Dist` describes a distribution in a few words; `composed`, `as_installed` and `tree_of` are the three things it can be:
about to come, there, and files.
"""

from __future__ import annotations

import base64
import hashlib
import os
import posixpath
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.commit.changes import compute_changes, questions
from holdfast.commit.execute import execute
from holdfast.commit.recover import RecoveryOutcome, recover
from holdfast.commit.sweep import sweep
from holdfast.envlock.acquire import acquire
from holdfast.events import SILENT
from holdfast.model.changes import CommitOutcome
from holdfast.model.composed import ComposedDistribution, Generated, PlacedFile
from holdfast.model.installed import InstalledDistribution, InstalledState, RecordEntry
from holdfast.model.metadata import Metadata
from holdfast.model.owner import LockMode
from holdfast.model.plan import Action, Install, InstallPlan, Reinstall, Remove, Replace
from holdfast.model.request import InstallPolicy, LockSettings
from holdfast.model.requirement import DirectUrl
from holdfast.model.resolution import DirectWheel, Pin
from holdfast.model.target import Interpreter, Scheme, SchemeKey, Target, TargetKind
from holdfast.stage import litter
from holdfast.stage.area import transaction
from holdfast.stage.fill import fill
from holdfast.target.survey import survey

Tree = dict[str, bytes]
"""Absolute path -> content of every file."""
SCHEMES = {"bin:": SchemeKey.SCRIPTS, "data:": SchemeKey.DATA, "include:": SchemeKey.HEADERS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dist:
    """A distribution: ``path: content``; a path may begin with ``bin:``, ``data:`` or ``include:``."""

    name: str
    version: str = "1"
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def normalized(self) -> NormalizedName:
        return NormalizedName(self.name)

    @property
    def info(self) -> str:
        return f"{self.name}-{self.version}.dist-info"


def scheme_at(root: str) -> Scheme:
    library = f"{root}/lib/python3/site-packages"
    return Scheme(purelib=library, platlib=library, scripts=f"{root}/bin", headers=f"{root}/include/site", data=root)


def target_at(root: str) -> Target:
    scheme = scheme_at(root)
    interpreter = Interpreter(
        executable=f"{root}/bin/python",
        version="3.11.0",
        implementation="cpython",
        markers={},
        tags=("py3-none-any",),
        prefix=root,
        base_prefix=sys.base_prefix,
        scheme=scheme,
        user_scheme=None,
        stdlib=f"{root}/lib/python3",
        externally_managed=None,
        site_packages=(scheme.purelib,),
        cache_tag="cpython-311",
    )
    return Target(kind=TargetKind.VENV, interpreter=interpreter, scheme=scheme, root=root, visible=(scheme.purelib,))


def digest_of(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def composed(dist: Dist, scheme: Scheme) -> ComposedDistribution:
    """The distribution as it is about to come."""
    files = {
        _place(path): content.encode()
        for path, content in {
            **dist.files,
            f"{dist.info}/METADATA": f"Metadata-Version: 2.1\nName: {dist.name}\nVersion: {dist.version}\n",
            f"{dist.info}/INSTALLER": "holdfast\n",
        }.items()
    }
    rows = []
    for (key, path), content in files.items():
        relative = posixpath.relpath(f"{scheme.directory(key)}/{path}", scheme.purelib)
        rows.append(
            f"{relative},,\n" if path.endswith(".pyc") else f"{relative},sha256={digest_of(content)},{len(content)}\n"
        )
    record = "".join([*rows, f"{dist.info}/RECORD,,\n"]).encode()
    files[SchemeKey.PURELIB, f"{dist.info}/RECORD"] = record
    return ComposedDistribution(
        name=dist.normalized,
        version=Version(dist.version),
        info_name=dist.info,
        info_scheme=SchemeKey.PURELIB,
        record_digest=hashlib.sha256(record).hexdigest(),
        files=tuple(
            PlacedFile(
                scheme=key,
                path=path,
                size=len(content),
                digest="" if path.endswith((".pyc", "/RECORD")) else digest_of(content),
                executable=key is SchemeKey.SCRIPTS,
                source=Generated(content=content),
            )
            for (key, path), content in files.items()
        ),
    )


def _place(path: str) -> tuple[SchemeKey, str]:
    for prefix, key in SCHEMES.items():
        if path.startswith(prefix):
            return key, path.removeprefix(prefix)
    return SchemeKey.PURELIB, path


def tree_of(dists: Iterable[Dist], scheme: Scheme) -> Tree:
    """The files of distributions."""
    found: Tree = {}
    for dist in dists:
        for file in composed(dist, scheme).files:
            assert isinstance(file.source, Generated)
            found.setdefault(f"{scheme.directory(file.scheme)}/{file.path}", file.source.content)
    return found


def as_installed(dist: Dist, scheme: Scheme) -> InstalledDistribution:
    """The distribution as it is found in the target."""
    made = composed(dist, scheme)
    return InstalledDistribution(
        metadata=Metadata(name=dist.normalized, display_name=dist.name, version=Version(dist.version)),
        location=scheme.purelib,
        info_name=dist.info,
        record=tuple(
            RecordEntry(
                path=posixpath.relpath(f"{scheme.directory(file.scheme)}/{file.path}", scheme.purelib),
                algorithm="sha256" if file.digest else "",
                digest=file.digest,
                size=file.size,
            )
            for file in made.files
        ),
        record_digest=made.record_digest,
        installer="holdfast",
    )


def state_of(dists: Iterable[Dist], scheme: Scheme) -> InstalledState:
    """What a reader sees when these are installed."""
    found = [as_installed(dist, scheme) for dist in dists]
    return InstalledState(
        distributions={each.name: each for each in found},
        observed=((scheme.purelib, tuple(sorted(each.info_name for each in found))),),
    )


def plan_between(
    old: Iterable[Dist], new: Iterable[Dist], scheme: Scheme, again: frozenset[str] = frozenset()
) -> InstallPlan:
    """What leads from one set of distributions to another. ``again``: reinstalled although unchanged."""
    before = {dist.name: dist for dist in old}
    after = {dist.name: dist for dist in new}
    actions: list[Action] = []
    for name in sorted({*before, *after}):
        was, will = before.get(name), after.get(name)
        if will is None and was is not None:
            actions.append(Remove(old=as_installed(was, scheme)))
        elif will is not None and was is None:
            actions.append(Install(pin=_pin(will)))
        elif will is not None and was is not None and (will != was or name in again):
            kind = Reinstall if will.version == was.version else Replace
            actions.append(kind(pin=_pin(will), old=as_installed(was, scheme)))
    return InstallPlan(actions=tuple(actions))


def _pin(dist: Dist) -> Pin:
    return Pin(
        name=dist.normalized,
        version=Version(dist.version),
        source=DirectWheel(direct=DirectUrl(url="file:///x.whl"), filename="x.whl"),
        metadata=Metadata(name=dist.normalized, display_name=dist.name, version=Version(dist.version)),
    )


def coming(plan: InstallPlan, new: Iterable[Dist], scheme: Scheme) -> tuple[ComposedDistribution, ...]:
    """The composed distributions of a plan, in its order."""
    by_name = {dist.normalized: dist for dist in new}
    return tuple(
        composed(by_name[action.pin.name], scheme)
        for action in plan.actions
        if isinstance(action, Install | Replace | Reinstall)
    )


def write_tree(tree: Tree) -> None:
    for path, content in tree.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


def change(
    root: str,
    old: Iterable[Dist],
    new: Iterable[Dist],
    *,
    policy: InstallPolicy | None = None,
    again: frozenset[str] = frozenset(),
    stop: Callable[[], bool] = lambda: False,
    meanwhile: Callable[[], None] = lambda: None,
    fsync: bool = True,
    mode: LockMode = LockMode.FLOCK,
) -> CommitOutcome:
    """Go from one set of distributions to another, with everything that a real command does from survey to sweep.

    Args:
        meanwhile: Called between staging and the lock.
        mode: Of the lock.
    """
    target = target_at(root)
    scheme = target.scheme
    old, new = tuple(old), tuple(new)
    plan, installed = plan_between(old, new, scheme, again), state_of(old, scheme)
    parts = coming(plan, new, scheme)
    asked = questions(plan, parts, installed, scheme)
    with transaction(target, mode=mode, command="test") as tx:
        seen = survey(scheme, asked.paths, digests=asked.digests, texts=asked.texts)
        changes = compute_changes(plan, parts, installed, seen, target, policy or InstallPolicy())
        staged = fill(changes, tx, fsync=fsync)
        meanwhile()
        with acquire(tx, LockSettings(mode=mode, timeout=5), SILENT, sync=fsync) as held:
            outcome = execute(staged, tx, held, target, fsync=fsync, stop=stop)
        sweep(staged, tx, target)
    return outcome


def recovered(root: str) -> RecoveryOutcome:
    """What the next writing command does first."""
    target = target_at(root)
    with transaction(target, mode=LockMode.FLOCK, command="recover") as tx:
        with acquire(tx, LockSettings(timeout=5), SILENT) as held:
            outcome = recover(target, held)
        litter.sweep(target, spare=frozenset({tx.id}))
    return outcome
