"""What the algorithms (``pubgrub``, ``greedy``) ask of the world; ``world`` answers. They know no packaging rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from holdfast.resolve.incompatibility import Incompatibility


class Provider(Protocol):
    """Packages with finitely many states, and what follows from selecting one."""

    def start(self) -> Sequence[Incompatibility]:
        """What holds before anything is selected."""

    def full(self, package: str) -> int:
        """All states of a package that an incompatibility has named."""

    def ready(self, package: str, decided: Mapping[str, int]) -> bool:
        """Whether the package can be decided now (an extra: after its project)."""

    def choose(self, package: str, allowed: int, decided: Mapping[str, int]) -> int:
        """The best of the allowed states, as one bit. Depends on nothing else, so that both algorithms agree."""

    def follow(self, package: str, state: int, decided: Mapping[str, int]) -> Sequence[Incompatibility]:
        """What follows from a state, given what is decided; the same objects each time.

        Of each incompatibility all terms but one are made true by the state and what is decided.
        """

    def conflict(self, packages: Iterable[str]) -> None:
        """Take note that these packages cannot agree; may raise to start over with more known about the world."""


def first_ready(
    provider: Provider,
    waiting: Iterable[str],
    current: Mapping[str, int],
    decided: Mapping[str, int],
    order: Mapping[str, int],
) -> str | None:
    """The package to decide next: those without a choice first, then the one named first."""
    best: tuple[tuple[bool, int], str] | None = None
    for package in waiting:
        if not provider.ready(package, decided):
            continue
        states = current[package]
        key = (bool(states & (states - 1)), order[package])
        if best is None or key < best[0]:
            best = key, package
    return None if best is None else best[1]
