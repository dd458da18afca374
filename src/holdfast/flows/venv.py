"""``venv``: an environment from an interpreter, beside and renamed in.

**Guarantees.** An environment that is cleared is exchanged under the lock of its libraries: a commit under way in it
ends first, and who waits for its turn finds what it prepared gone, and says so.

**On crash.** See ``create.venv``; the lock names a dead owner, or is gone with the environment.

**Limits.** Who stages into the old environment meanwhile fails; nothing of the new one is touched. ``--lock-mode=none``
commits are not waited for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from holdfast.create.venv import create, take_back
from holdfast.events import SILENT, Reporter
from holdfast.flows.session import Session
from holdfast.flows.signals import Signals
from holdfast.flows.world import facts_of
from holdfast.model.owner import Verdict
from holdfast.model.request import InstallPolicy, LockSettings
from holdfast.model.rights import Sharing
from holdfast.model.target import Interpreter, Scheme, Target, TargetKind
from holdfast.stage.litter import sweep_beside
from holdfast.stage.owner import new_id, verdict_by_id
from holdfast.target.environments import libraries
from holdfast.target.interpreters import find_interpreter, system_interpreter


def create_venv(
    path: str,
    *,
    python: str | None,
    cwd: str,
    cache_dir: str | None,
    prompt: str | None = None,
    system_site_packages: bool = False,
    clear: LockSettings | None = None,
    sharing: Sharing | None = None,
    reporter: Reporter = SILENT,
) -> str:
    """Make a virtual environment.

    Args:
        path: Of its directory.
        python: Path or version of the Python to make it from; None: the first on PATH.
        cwd: Where relative paths begin.
        cache_dir: Where facts of interpreters are remembered; None: nowhere.
        prompt: What activation shows.
        system_site_packages: It sees the packages of the Python below it.
        clear: Replace an environment that is there, under the lock taken so; None: do not.
        sharing: What is asked for with ``--shared``.
        reporter: Is told what could not be removed, and that a group was refused.

    Returns:
        The absolute path.

    Raises:
        TargetError: There is no such Python, or the directory cannot be made.
        HarmError: Something that is no virtual environment lies there.
        LockUnavailableError: Somebody changes the one that is to be replaced until the deadline.
    """
    facts = facts_of(cache_dir)
    interpreter = find_interpreter(python, cwd, facts) if python else system_interpreter(facts)
    with Signals() as signals, signals.deferred():
        session = Session(
            policy=InstallPolicy(shared=sharing),
            lock=clear or LockSettings(),
            command="venv --clear",
            signals=signals,
            reporter=reporter,
        )
        root = os.path.abspath(path)
        take_back(root, lambda identifier: verdict_by_id(identifier) is Verdict.DEAD)
        for place in (os.path.dirname(root), root):
            sweep_beside(place)
        return create(
            path,
            interpreter,
            identifier=new_id(),
            prompt=prompt,
            system_site_packages=system_site_packages,
            clear=(lambda real: _alone(real, interpreter, session)) if clear else None,
            sharing=sharing,
            reporter=reporter,
        )


@contextmanager
def _alone(root: str, interpreter: Interpreter, session: Session) -> Iterator[None]:
    """The lock of every library directory in an environment, whose own interpreter need not work any more."""
    from holdfast.flows.recovery import locked  # noqa: PLC0415 - only what is cleared needs it
    from holdfast.stage.area import transaction  # noqa: PLC0415 - as above

    with ExitStack() as stack:
        for library in libraries(root):
            scheme = Scheme(purelib=library, platlib=library, scripts=library, headers=library, data=library)
            target = Target(kind=TargetKind.VENV, interpreter=interpreter, scheme=scheme, root=root)
            begun = transaction(target, mode=session.lock.mode, command=session.command, reporter=session.reporter)
            tx = stack.enter_context(session.signals.shield(begun))
            stack.enter_context(locked(tx, session))
        yield
