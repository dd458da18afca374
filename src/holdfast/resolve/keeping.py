"""When the installed distribution may stay, as pip decides it."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import NormalizedName

from holdfast.model.hashes import archive_hashes
from holdfast.model.installed import InstalledDistribution, InstalledState
from holdfast.model.request import ResolvePolicy, UpgradeStrategy
from holdfast.model.requirement import DirectUrl
from holdfast.model.urls import without_credentials


class Keeping:
    """The part that installed distributions play.

    Args:
        installed: What is there.
        policy: ``--upgrade`` and its kin.
        roots: The projects that the user names.
    """

    def __init__(self, installed: InstalledState, policy: ResolvePolicy, roots: Iterable[NormalizedName]) -> None:
        self._installed = installed
        self._policy = policy
        self._roots = frozenset(roots)

    def candidate(self, name: NormalizedName) -> InstalledDistribution | None:
        """The installed distribution where it may be selected."""
        if self._policy.force_reinstall or self._policy.ignore_installed:
            return None
        return self._installed.get(name)

    def preferred(self, name: NormalizedName) -> bool:
        """Whether it goes before all others that satisfy (else it is one among the releases)."""
        if not self._policy.upgrade:
            return True
        return self._policy.upgrade_strategy is UpgradeStrategy.ONLY_IF_NEEDED and name not in self._roots

    def same_origin(self, name: NormalizedName, direct: DirectUrl) -> InstalledDistribution | None:
        """The installed distribution where it came from this URL with the same bytes (PEP 610).

        A remote file without a known hash counts as the same; a local one does not: it may have been built anew.
        """
        distribution = self.candidate(name)
        if distribution is None or distribution.direct_url is None:
            return None
        record = distribution.direct_url
        if without_credentials(str(record.get("url"))) != without_credentials(direct.url):
            return None
        if direct.hashes:
            same = not archive_hashes(record).isdisjoint(direct.hashes)
        else:
            same = not direct.url.startswith("file:")
        return distribution if same and not direct.editable else None
