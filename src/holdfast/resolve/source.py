"""The world as the solver sees it. ``index`` implements it over the network; the tests have a simulator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from packaging.utils import NormalizedName

from holdfast.model.metadata import Metadata
from holdfast.model.release import ProjectListing
from holdfast.model.resolution import DirectWheel, IndexWheel


class PackageSource(Protocol):
    """Answers what exists and what it requires.

    Every method may raise NetworkError or AuthenticationError (the server's fault), IntegrityError (its bytes are not
    what was promised), or UnsatisfiableError (metadata that cannot be used).
    """

    def listing(self, name: NormalizedName) -> ProjectListing:
        """Every file of a project, before any rule is applied. Answers the same for the life of the source."""

    def metadata(self, wheel: IndexWheel | DirectWheel) -> Metadata:
        """A wheel's metadata: from its sidecar, else by range requests, else from the wheel."""

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        """Hint: these listings will be asked for soon. Returns at once; failures show when asked."""

    def prefetch_metadata(self, wheels: Iterable[IndexWheel]) -> None:
        """Hint: the metadata of these wheels will be asked for soon. Returns at once."""
