"""Notes what was done to an environment: one JSON line per transaction, in the user's own state directory.

**Guarantees**: nothing is kept in an environment, and no credentials are kept. Nothing here ever fails a command:
without a home, or where the state directory may not be written, there is no history.

**On crash**: a command that is killed between its commit and its note has no line; see ``ledger``.

**Limits**: each user has his own history; see ``places`` for what an environment is.
"""

from __future__ import annotations

import os
import pwd
import secrets
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import assert_never
from urllib.parse import unquote

from packaging.utils import NormalizedName

from holdfast.history.editables import Files, keep
from holdfast.history.ledger import append, read_lines
from holdfast.history.lines import from_line, to_line
from holdfast.history.places import history_path
from holdfast.model.changes import Committed
from holdfast.model.hashes import archive_hashes
from holdfast.model.history import KnownChange, KnownState, KnownTransaction, KnownWheel
from holdfast.model.installed import InstalledDistribution
from holdfast.model.plan import Action, Install, Reinstall, Remove, Replace, project_of
from holdfast.model.resolution import DirectWheel, IndexWheel, Pin
from holdfast.model.stored import StoredWheel
from holdfast.model.target import Target
from holdfast.model.urls import as_recorded, printable_url


def record(
    target: Target,
    actions: Iterable[Action],
    committed: Committed,
    stored: Iterable[StoredWheel],
    *,
    command: str,
    undoes: str = "",
    kept: Mapping[NormalizedName, Files] | None = None,
) -> None:
    """Note one transaction.

    Args:
        target: What was changed.
        actions: What was done.
        committed: How it ended; says the RECORD of each project before and after.
        stored: The wheels that were used.
        command: Subcommand and project names; no credentials.
        undoes: The id of the transaction that was taken back.
        kept: As `keep_editables` gave it before the commit.
    """
    path = history_path(target)
    if path is None:
        return
    digests = {
        each.name: (each.old[1] if each.old else "", each.new[1] if each.new else "") for each in committed.projects
    }
    wheels = {each.manifest.name: each.manifest.sha256 for each in stored}
    transaction = KnownTransaction(
        id=secrets.token_hex(6),
        when=time.time(),
        who=user_name(),
        host=socket.gethostname(),
        environment=target.root,
        command=command,
        undoes=undoes,
        changes=tuple(_change(action, digests, wheels, kept or {}) for action in actions),
    )
    try:
        append(path, to_line(transaction))
    except OSError:
        return  # a history is a service, not a condition


def keep_editables(actions: Iterable[Action], target: Target) -> Mapping[NormalizedName, Files]:
    """The files of the editable installations that will leave; asked for before the commit."""
    leaving = (action.old for action in actions if not isinstance(action, Install))
    return {old.name: files for old in leaving if old.editable and (files := keep(old, target.scheme))}


def read(target: Target) -> tuple[KnownTransaction, ...]:
    """The transactions of an environment, oldest first; lines that cannot be read are left out.

    A state whose wheel its own line does not know has the one that an earlier line says, if the RECORD is the same.
    """
    path = history_path(target)
    if path is None:
        return ()
    known: dict[tuple[NormalizedName, str], KnownWheel] = {}
    try:
        found = tuple(map(from_line, read_lines(path)))
    except OSError:
        return ()
    return tuple(_completed(transaction, known) for transaction in found if transaction is not None)


def _completed(transaction: KnownTransaction, known: dict[tuple[NormalizedName, str], KnownWheel]) -> KnownTransaction:
    """The transaction with the wheels that are known by now; what it knows itself is added to them."""
    changes = []
    for change in transaction.changes:
        before, after = change.before, change.after
        if before is not None and before.wheel is None:
            wheel = known.get((change.project, before.record))
            if after is not None and after.version == before.version and before.record in {"", after.record}:
                wheel = after.wheel  # repaired, or installed once more
            before = replace(before, wheel=wheel)
        for state in (before, after):
            if state is not None and state.wheel is not None and state.record:
                known[change.project, state.record] = state.wheel
        changes.append(replace(change, before=before))
    return replace(transaction, changes=tuple(changes))


def _change(
    action: Action,
    digests: Mapping[NormalizedName, tuple[str, str]],
    wheels: Mapping[NormalizedName, str],
    kept: Mapping[NormalizedName, Files],
) -> KnownChange:
    name = project_of(action)
    before, after = digests.get(name, ("", ""))
    match action:
        case Install(pin=pin):
            return KnownChange(project=name, before=None, after=_new(pin, after, wheels.get(name)))
        case Replace(pin=pin, old=old) | Reinstall(pin=pin, old=old):
            return KnownChange(
                project=name, before=_old(old, before, kept.get(name, ())), after=_new(pin, after, wheels.get(name))
            )
        case Remove(old=old):
            return KnownChange(project=name, before=_old(old, before, kept.get(name, ())), after=None)
        case _:
            assert_never(action)


def _new(pin: Pin, digest: str, sha256: str | None) -> KnownState:
    match pin.source:
        case DirectWheel(direct=direct, filename=filename):
            url, named, editable = as_recorded(direct.url), True, direct.editable
        case IndexWheel(file=file):
            filename, url, named, editable = file.filename, printable_url(file.url), False, False
        case _:
            filename, url, named, editable = "", "", False, False
    return KnownState(
        version=pin.version,
        record=digest,
        requested=pin.requested,
        direct=url if named else "",
        editable=editable,
        wheel=KnownWheel(filename=filename, url=url, sha256=sha256) if sha256 else None,
    )


def _old(old: InstalledDistribution, digest: str, files: Files) -> KnownState:
    direct = old.direct_url or {}
    url = as_recorded(str(direct.get("url", "")))
    sha256 = next((each.digest for each in archive_hashes(direct) if each.algorithm == "sha256"), None)
    filename = unquote(url.partition("?")[0].rpartition("/")[2])
    return KnownState(
        version=old.version,
        record=digest,
        requested=old.requested,
        direct=url,
        editable=old.editable,
        wheel=KnownWheel(filename=filename, url=url, sha256=sha256) if sha256 and filename.endswith(".whl") else None,
        files=files,
    )


def user_name() -> str:
    """Who runs this; the number where he has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
