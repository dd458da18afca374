"""The newest-first pass: selects the best release of one package after the other and never looks back.

It answers when nothing has to be taken back, which is the common case, and gives up otherwise. It decides in the order
in which ``pubgrub`` does, so that the two give the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.resolve.incompatibility import ABSENT, Incompatibility
from holdfast.resolve.provider import Provider, first_ready


class Greedy:
    """One pass.

    Args:
        provider: The world.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._current: dict[str, int] = {}
        self._order: dict[str, int] = {}
        self._waiting: dict[str, None] = {}
        self.decided: dict[str, int] = {}

    def solve(self) -> dict[str, int] | None:
        """The selection, package to state; None where a decision would have to be taken back."""
        provider, decided = self._provider, self.decided
        if not self._narrow(provider.start()):
            return None
        while self._waiting:
            package = first_ready(provider, self._waiting, self._current, decided, self._order)
            if package is None:  # pragma: no cover - an extra's project waits with it
                return None
            state = provider.choose(package, self._current[package], decided)
            following = provider.follow(package, state, decided)
            del self._waiting[package]
            self._current[package] = decided[package] = state
            if not self._narrow(following):
                return None
        return decided

    def _narrow(self, incompatibilities: Sequence[Incompatibility]) -> bool:
        """Take the incompatibilities that a decision brings; False: one of them is violated, or will be."""
        for incompatibility in incompatibilities:
            for package in incompatibility.terms:
                if package not in self._current:
                    self._current[package] = self._provider.full(package)
                    self._order[package] = len(self._order)
        return all(self._apply(incompatibility) for incompatibility in incompatibilities)

    def _apply(self, incompatibility: Incompatibility) -> bool:
        open_term: tuple[str, int] | None = None
        for package, states in incompatibility.terms.items():
            now = self._current[package]
            if not now & states:
                return True
            if now & ~states:
                if open_term is not None:
                    return False  # an incompatibility that waits for two packages is work for the full solver
                open_term = package, states
        if open_term is None:
            return False
        package, states = open_term
        self._current[package] &= ~states
        if not self._current[package] & ABSENT and package not in self.decided:
            self._waiting[package] = None
        return True
