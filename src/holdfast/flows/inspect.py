"""The read-only commands: ``list``, ``freeze``, ``show``, ``check``. They take no lock and write nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from packaging.utils import NormalizedName

from holdfast.flows.settled import with_all_records
from holdfast.flows.world import facts_of
from holdfast.model.ailments import Ailment
from holdfast.model.installed import InstalledState
from holdfast.model.target import Target, TargetRequest
from holdfast.plan.consistency import Problem, check
from holdfast.target.ailments import find_ailments
from holdfast.target.foreign import foreign_files
from holdfast.target.installed import read_installed
from holdfast.target.integrity import FileFault, file_faults
from holdfast.target.locate import locate
from holdfast.target.records import with_records

__all__ = ["FileFault", "Findings", "Problem", "broken_requirements", "installed_state", "look_at_files"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What ``check --files`` found.

    Attributes:
        damaged: Listed files that are not what their RECORD says.
        foreign: Files in distributions' directories that no RECORD lists: somebody's, and no fault.
        ailments: Broken dist-infos, and what interrupted installers left.
    """

    damaged: tuple[FileFault, ...]
    foreign: tuple[FileFault, ...]
    ailments: tuple[Ailment, ...]


def look_at_files(target: Target, state: InstalledState) -> Findings:
    """Hold every file of the target's own distributions against the RECORDs.

    Args:
        target: Where.
        state: What is installed there.
    """
    state = with_all_records(state)
    own = [each for each in (*state, *state.duplicates) if each.owned]
    return Findings(damaged=file_faults(own), foreign=foreign_files(own), ailments=find_ailments(target, state))
