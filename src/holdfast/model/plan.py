"""What will be done to the environment, distribution by distribution, before anything is fetched."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.utils import NormalizedName

from holdfast.model.installed import InstalledDistribution
from holdfast.model.resolution import Pin


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """A project that is not there yet."""

    pin: Pin


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Another version (or origin) of an installed project."""

    pin: Pin
    old: InstalledDistribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinstall:
    """The same version once more (--force-reinstall, or the same direct URL asked for again)."""

    pin: Pin
    old: InstalledDistribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """A project goes."""

    old: InstalledDistribution


Action = Install | Replace | Reinstall | Remove


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallPlan:
    """All actions of one transaction, in commit order; ``kept`` pins need nothing.

    Attributes:
        duplicates: Further dist-infos of projects in ``actions`` that leave with them; in a repair also what pip left.
    """

    actions: tuple[Action, ...]
    kept: tuple[Pin, ...] = ()
    duplicates: tuple[InstalledDistribution, ...] = ()


def project_of(action: Action) -> NormalizedName:
    """The project that an action is about."""
    match action:
        case Install(pin=pin) | Replace(pin=pin) | Reinstall(pin=pin):
            return pin.name
        case Remove(old=old):
            return old.name
