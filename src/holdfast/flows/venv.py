"""``venv``: an environment from an interpreter, beside and renamed in."""

from __future__ import annotations

import os

from holdfast.create.venv import create, take_back
from holdfast.events import SILENT, Reporter
from holdfast.flows.signals import Signals
from holdfast.flows.world import facts_of
from holdfast.model.owner import Verdict
from holdfast.model.rights import Sharing
from holdfast.stage.litter import sweep_beside
from holdfast.stage.owner import new_id, verdict_by_id
from holdfast.target.interpreters import find_interpreter, system_interpreter


def create_venv(
    path: str,
    *,
    python: str | None,
    cwd: str,
    cache_dir: str | None,
    prompt: str | None = None,
    system_site_packages: bool = False,
    clear: bool = False,
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
        clear: Replace an environment that is there.
        sharing: What is asked for with ``--shared``.
        reporter: Is told what could not be removed, and that a group was refused.

    Returns:
        The absolute path.

    Raises:
        TargetError: There is no such Python, or the directory cannot be made.
        HarmError: Something that is no virtual environment lies there.
    """
    facts = facts_of(cache_dir)
    interpreter = find_interpreter(python, cwd, facts) if python else system_interpreter(facts)
    with Signals() as signals, signals.deferred():
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
            clear=clear,
            sharing=sharing,
            reporter=reporter,
        )
