"""The read-only commands: ``list``, ``freeze``, ``show``, ``check``. They take no lock and write nothing."""

from __future__ import annotations

from collections.abc import Collection

from packaging.utils import NormalizedName

from holdfast.flows.world import facts_of
from holdfast.model.installed import InstalledState
from holdfast.model.target import Target, TargetRequest
from holdfast.plan.consistency import Problem, check
from holdfast.target.installed import read_installed
from holdfast.target.integrity import FileFault, file_faults
from holdfast.target.locate import locate
from holdfast.target.records import with_records


def installed_state(
    request: TargetRequest, *, cache_dir: str | None, records: Collection[NormalizedName] = ()
) -> tuple[Target, InstalledState]:
    """What is installed, as a settled view.

    Args:
        request: Which environment.
        cache_dir: Where facts of interpreters are remembered; None: nowhere.
        records: Projects whose RECORD is wanted too.

    Raises:
        TargetError: There is no such environment.
        InterruptedTransactionError: A journal is there: the environment is neither old nor new.
    """
    target = locate(request, facts_of(cache_dir))
    state = read_installed(target)
    return target, with_records(state, records) if records else state


def broken_requirements(target: Target, state: InstalledState) -> tuple[Problem, ...]:
    """Requirements of installed distributions that do not hold."""
    return check(state, target.interpreter.markers)


def broken_files(state: InstalledState) -> tuple[FileFault, ...]:
    """Files of the target's own distributions that are not what RECORD says."""
    own = with_records(state, [each.name for each in state if each.owned])
    return tuple(fault for each in own if each.owned for fault in file_faults(each))
