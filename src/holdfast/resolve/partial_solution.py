"""What is decided and derived so far, in order, and how to take it back."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.resolve.incompatibility import ABSENT, Incompatibility


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assignment:
    """One step.

    Attributes:
        own: The states that this step alone leaves.
        before: The states that were left before it.
        cause: The incompatibility that it was derived from; None for a decision.
        level: How many decisions had been made, this one included.
        index: Its place in the order.
    """

    package: str
    own: int
    before: int
    cause: Incompatibility | None
    level: int
    index: int

    @property
    def after(self) -> int:
        """The states that are left now."""
        return self.before & self.own


class PartialSolution:
    """Assignments in order, and per package the states that they leave.

    Attributes:
        current: Package to the states left, for every package that was introduced.
        decided: Package to the one state selected.
        waiting: Packages that must be selected and are not decided yet.
    """

    def __init__(self) -> None:
        self.current: dict[str, int] = {}
        self.decided: dict[str, int] = {}
        self.waiting: dict[str, None] = {}
        self._trails: dict[str, list[Assignment]] = {}
        self._order: list[Assignment] = []

    @property
    def level(self) -> int:
        """How many decisions are in force."""
        return len(self.decided)

    def introduce(self, package: str, full: int) -> None:
        """Make a package known, all of its states left."""
        self.current[package] = full
        self._trails[package] = []

    def derive(self, package: str, own: int, cause: Incompatibility) -> None:
        """Take note that only ``own`` is left, because of an incompatibility."""
        self._assign(package, own, cause)
        if not self.current[package] & ABSENT and package not in self.decided:
            self.waiting[package] = None

    def decide(self, package: str, state: int) -> None:
        """Select a state."""
        self.decided[package] = state
        del self.waiting[package]
        self._assign(package, state, None)

    def _assign(self, package: str, own: int, cause: Incompatibility | None) -> None:
        before = self.current[package]
        assignment = Assignment(
            package=package, own=own, before=before, cause=cause, level=self.level, index=len(self._order)
        )
        self._order.append(assignment)
        self._trails[package].append(assignment)
        self.current[package] = before & own

    def satisfier(self, package: str, states: int, given: int = -1) -> Assignment | None:
        """The first assignment after which ``given`` and all up to it leave nothing but ``states``; None: no need."""
        if not given & self._trails[package][0].before & ~states:
            return None
        for assignment in self._trails[package]:
            if not assignment.before & assignment.own & given & ~states:
                return assignment
        raise AssertionError(f"{package} does not satisfy {states:b}")

    def backtrack(self, level: int) -> None:
        """Take back every assignment above a level."""
        while self._order and self._order[-1].level > level:
            last = self._order.pop()
            self._trails[last.package].pop()
            self.current[last.package] = last.before
            if last.cause is None:
                del self.decided[last.package]
        self.waiting = {
            assignment.package: None
            for assignment in self._order
            if assignment.package not in self.decided and not self.current[assignment.package] & ABSENT
        }
