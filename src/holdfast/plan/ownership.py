"""What of the installed distributions holdfast may replace or remove at all."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import NormalizedName

from holdfast.errors import HarmError
from holdfast.model.installed import InstalledDistribution, InstalledState


def owned(installed: InstalledState, name: NormalizedName) -> InstalledDistribution | None:
    """The distribution of a project that lies in the target itself; one that is only visible from it does not count."""
    found = installed.get(name)
    return found if found is not None and found.owned else None


def refuse_unrecorded(leaving: Iterable[InstalledDistribution]) -> None:
    """Refuse to take away what has no RECORD: nobody can tell which files are its own.

    Raises:
        HarmError: Naming each of them and who installed it.
    """
    unknown = [each for each in leaving if each.record is None]
    if not unknown:
        return
    names = ", ".join(f"{each.metadata.display_name} {each.version}" for each in unknown)
    raise HarmError(
        f"It is not known which files belong to {names}: there is no RECORD that can be read.",
        hint=_remedy(unknown[0]),
        details=tuple(f"{each.location}/{each.info_name}: {_who(each)}" for each in unknown),
    )


def _who(distribution: InstalledDistribution) -> str:
    """Who put it there, as far as it can be told."""
    if distribution.info_name.endswith(".egg-link"):
        return "a development install (setup.py develop)"
    if distribution.info_name.endswith(".egg-info"):
        return "installed by distutils, setup.py or the operating system"
    if distribution.installer and distribution.installer != "pip":
        return f"installed by {distribution.installer}"
    return "installed by the operating system, or damaged"


def _remedy(distribution: InstalledDistribution) -> str:
    name = distribution.metadata.display_name
    if distribution.info_name.endswith(".egg-link"):
        return f"Take it out first, in its source directory: pip uninstall {name}"
    if distribution.installer in {"pip", "uv", "holdfast"} and distribution.info_name.endswith(".dist-info"):
        return f"holdfast repair {name}"
    return "Remove it with what installed it (apt, dnf, conda ...), or use a virtual environment: holdfast venv"
