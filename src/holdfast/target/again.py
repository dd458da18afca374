"""What came and went since an environment was read, at the price of one listing when nothing did.

**Guarantees**: only reads, and only the entries that are new. Asked under the environment lock, the answer stays true.

**On crash**: changes nothing.

**Limits**: the target's own library directories alone are looked at. An entry that was replaced by one of the same name
counts as the same: who depends on it says so by the RECORD's digest.
"""

from __future__ import annotations

import os

from holdfast.model.installed import BrokenDistribution, InstalledDistribution, InstalledState
from holdfast.target.infos import VanishedError, is_info_name, read_info


def read_again(state: InstalledState) -> InstalledState | None:
    """Bring a view up to date.

    Args:
        state: As `holdfast.target.installed.read_installed` gave it.

    Returns:
        ``state`` itself when the same names are there; None when one vanished while it was read: somebody is at work.
    """
    gone: set[tuple[str, str]] = set()
    came: list[InstalledDistribution] = []
    observed = []
    for location, before in state.observed:
        now = tuple(sorted(name for name in _names(location) if is_info_name(name)))
        observed.append((location, now))
        gone |= {(location, name) for name in before if name not in now}
        for name in now:
            if name in before:
                continue
            try:
                found = read_info(location, name, owned=True)
            except VanishedError:
                return None
            if not isinstance(found, BrokenDistribution):
                came.append(found)
    if not gone and tuple(observed) == state.observed:
        return state
    every = [each for each in (*state.duplicates, *state) if (each.location, each.info_name) not in gone]
    return InstalledState(
        distributions={each.name: each for each in (*every, *came)}, broken=state.broken, observed=tuple(observed)
    )


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
