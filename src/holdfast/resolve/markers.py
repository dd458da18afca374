"""Environment markers, evaluated for the target and not for the Python that holdfast runs on (PEP 508)."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.markers import Marker
from packaging.utils import NormalizedName


class Environment:
    """The target's marker environment; remembers what it evaluated.

    Args:
        markers: All keys of PEP 508 but ``extra``.
    """

    def __init__(self, markers: Mapping[str, str]) -> None:
        self._markers = dict(markers)
        self._known: dict[tuple[int, str], bool] = {}
        self._kept: list[Marker] = []  # an id is a name only while the object lives

    def holds(self, marker: Marker | None, extra: NormalizedName | str = "") -> bool:
        """Whether a requirement with this marker is active when ``extra`` is asked for ("": none).

        Raises:
            ValueError: The marker compares what cannot be compared, or names an unknown variable.
        """
        if marker is None:
            return True
        key = (id(marker), extra)
        known = self._known.get(key)
        if known is None:
            known = marker.evaluate({**self._markers, "extra": extra})
            self._known[key] = known
            self._kept.append(marker)
        return known
