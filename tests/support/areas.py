"""Bare targets and owners for tests of the lock and the transaction directories: directories, no interpreter."""

from __future__ import annotations

import os
import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from holdfast.events import Event, LockWaiting, Warned
from holdfast.model.owner import LockMode, OwnerRecord
from holdfast.model.target import Interpreter, Scheme, Target, TargetKind
from holdfast.model.transaction import LOCK_NAME, TRANSACTION_PREFIX, Transaction
from holdfast.stage.area import transaction
from holdfast.stage.owner import new_id, this_process


@dataclass(slots=True)
class Recorder:
    """A reporter that remembers."""

    events: list[Event] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)

    @property
    def waiting(self) -> list[LockWaiting]:
        """The announcements of a wait."""
        return [event for event in self.events if isinstance(event, LockWaiting)]

    @property
    def warned(self) -> list[str]:
        """The lines that nobody may miss."""
        return [event.text for event in self.events if isinstance(event, Warned)]


def bare_target(root: str, *, platlib: str | None = None, made: bool = True, **scheme: str) -> Target:
    """A target whose directories lie below `root`: purelib in ``lib``; nothing in them."""
    directories = {
        "purelib": os.path.join(root, "lib"),
        "platlib": platlib or os.path.join(root, "lib"),
        "scripts": os.path.join(root, "bin"),
        "headers": os.path.join(root, "include"),
        "data": root,
        **scheme,
    }
    if made:
        for path in directories.values():
            os.makedirs(path, exist_ok=True)
    layout = Scheme(**directories)
    interpreter = Interpreter(
        executable=os.path.join(root, "bin", "python"),
        version="3.12.1",
        implementation="cpython",
        markers={},
        tags=("py3-none-any",),
        prefix=root,
        base_prefix="/usr",
        scheme=layout,
        user_scheme=None,
        stdlib="/usr/lib/python3.12",
        externally_managed=None,
        site_packages=(layout.purelib,),
        cache_tag="cpython-312",
    )
    return Target(kind=TargetKind.VENV, interpreter=interpreter, scheme=layout, root=root)


def begin(
    target: Target, command: str = "install a", mode: LockMode = LockMode.FLOCK
) -> AbstractContextManager[Transaction]:
    """A transaction of this process."""
    return transaction(target, mode=mode, command=command)


def dead_owner(identifier: str | None = None) -> OwnerRecord:
    """The record of a process of this boot that has ended."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    return replace(living_owner(identifier), pid=ended.pid, started=1)


def living_owner(identifier: str | None = None) -> OwnerRecord:
    """The record of this process."""
    return this_process(identifier or new_id(), mode=LockMode.FLOCK, command="install somebody")


def plant_lock(directory: str, owner: OwnerRecord) -> str:
    """Lay down a lock as its owner would have published it; the path of the record."""
    place = os.path.join(directory, LOCK_NAME)
    os.mkdir(place)
    path = os.path.join(place, owner.id)
    with open(path, "wb") as file:
        file.write(owner.to_bytes())
    return path


def plant_transaction(directory: str, owner: OwnerRecord, *names: str) -> str:
    """Lay down a transaction directory as a dead process leaves it, with files of these names in it; its path."""
    path = os.path.join(directory, TRANSACTION_PREFIX + owner.id)
    for part in ("new", "old"):
        os.makedirs(os.path.join(path, part))
    for name in names:
        with open(os.path.join(path, name), "w", encoding="utf-8") as file:
            file.write(name)
    with open(os.path.join(path, "owner"), "wb") as file:
        file.write(owner.to_bytes())
    return path
