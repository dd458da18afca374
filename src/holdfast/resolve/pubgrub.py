"""The PubGrub algorithm: version solving by learning from conflicts (dart pub's ``doc/solver.md``).

Pure, and ignorant of packaging: packages are strings, their states bits of an integer, the world is a ``Provider``.
Every conflict teaches an incompatibility that rules out its root cause for good, so that the search ends, and the last
one is the proof of why there is no solution.

**Limits.** Version solving is NP-complete: worlds exist in which any solver needs exponentially many steps. Of two
packages that exclude each other's releases the one named later is tried release by release; deciding troublesome
packages first, or taking turns, was measured and gained nothing on random worlds.
"""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.resolve.incompatibility import Depends, Incompatibility, Learned
from holdfast.resolve.partial_solution import Assignment, PartialSolution
from holdfast.resolve.provider import Provider, first_ready


class NoSolutionError(Exception):
    """Nothing satisfies everything; ``proof`` has no terms left and its causes tell why."""

    def __init__(self, proof: Incompatibility) -> None:
        super().__init__("no solution")
        self.proof = proof


class PubGrub:
    """One search.

    Args:
        provider: The world.

    Attributes:
        decisions: How many were made, taken back ones included: what a search costs.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._solution = PartialSolution()
        self._about: dict[str, dict[Incompatibility, None]] = {}
        self._order: dict[str, int] = {}
        self._known: set[Incompatibility] = set()
        self._merged: dict[tuple[object, ...], Incompatibility] = {}
        self.decisions = 0

    def solve(self) -> dict[str, int]:
        """The selection: package to state.

        Raises:
            NoSolutionError: With the proof.
        """
        provider, solution = self._provider, self._solution
        self._propagate(self._add(provider.start()))
        while True:
            package = first_ready(provider, solution.waiting, solution.current, solution.decided, self._order)
            if package is None:
                return dict(solution.decided)
            state = provider.choose(package, solution.current[package], solution.decided)
            added = self._add(provider.follow(package, state, solution.decided))
            if not any(self._violated_by(item, package, state) for item in added):
                self.decisions += 1
                solution.decide(package, state)
                self._propagate([*added, *self._about[package]])
            else:
                self._propagate(added)

    def _add(self, incompatibilities: Iterable[Incompatibility]) -> list[Incompatibility]:
        """Take incompatibilities into the store; the ones that are new, or what they were merged into."""
        added = []
        for item in incompatibilities:
            if item in self._known:
                continue
            self._known.add(item)
            for package in item.terms:
                if package not in self._about:
                    self._about[package] = {}
                    self._order[package] = len(self._order)
                    self._solution.introduce(package, self._provider.full(package))
            merged = self._merge(item)
            for package in merged.terms:
                self._about[package][merged] = None
            added.append(merged)
        return added

    def _merge(self, item: Incompatibility) -> Incompatibility:
        """Releases that ask for the same say so in one incompatibility: one conflict then rules out all of them."""
        cause = item.cause
        if not isinstance(cause, Depends) or cause.requirer not in item.terms or cause.target == cause.requirer:
            return item
        key = (cause.requirer, cause.extra, cause.target, cause.allowed, cause.requirement.text, *item.terms)
        before = self._merged.get(key)
        if before is not None:
            states = before.terms[cause.requirer] | item.terms[cause.requirer]
            for package in before.terms:
                del self._about[package][before]
            item = Incompatibility(terms={**item.terms, cause.requirer: states}, cause=cause)
        self._merged[key] = item
        return item

    def _violated_by(self, item: Incompatibility, package: str, state: int) -> bool:
        current = self._solution.current
        return all(not (state if name == package else current[name]) & ~states for name, states in item.terms.items())

    def _propagate(self, start: Iterable[Incompatibility]) -> None:
        """Derive all that follows, resolving conflicts on the way.

        Raises:
            NoSolutionError: A conflict has no way out.
        """
        changed: dict[str, None] = {}
        queue = list(start)
        while True:
            conflict = self._derive(queue, changed)
            if conflict is not None:
                changed.clear()
                queue = [self._resolve(conflict)]
            elif changed:
                package = next(iter(changed))
                del changed[package]
                queue = list(reversed(self._about[package]))
            else:
                return

    def _derive(self, queue: Iterable[Incompatibility], changed: dict[str, None]) -> Incompatibility | None:
        """Apply each incompatibility; the first one that is violated, if any."""
        solution = self._solution
        current = solution.current
        for item in queue:
            unit = None
            for package, states in item.terms.items():
                now = current[package]
                if not now & states:
                    break
                if now & ~states:
                    if unit is not None:
                        break
                    unit = package
            else:
                if unit is None:
                    return item
                solution.derive(unit, ~item.terms[unit], item)
                changed[unit] = None
        return None

    def _resolve(self, conflict: Incompatibility) -> Incompatibility:
        """From a violated incompatibility to its root cause, and back to where that leaves a choice.

        Raises:
            NoSolutionError: There is no such place.
        """
        solution, item = self._solution, conflict
        involved = dict.fromkeys(item.terms)
        while item.terms:
            satisfier, level = self._last_satisfier(item)
            if satisfier.cause is None or level < satisfier.level:
                self._provider.conflict(involved)
                solution.backtrack(level)
                if item is not conflict:
                    self._add([item])
                return item
            involved |= dict.fromkeys(satisfier.cause.terms)
            item = self._resolvent(item, satisfier.cause, satisfier.package)
        self._provider.conflict(involved)
        raise NoSolutionError(item)

    def _last_satisfier(self, item: Incompatibility) -> tuple[Assignment, int]:
        """The assignment that completed the violation, and the level at which all but it was true."""
        last: Assignment | None = None
        level = 0
        for package, states in item.terms.items():
            satisfier = self._solution.satisfier(package, states)
            if satisfier is None:  # pragma: no cover - no term is full
                continue
            if last is None or satisfier.index > last.index:
                level, last = max(level, last.level if last else 0), satisfier
            else:
                level = max(level, satisfier.level)
        if last is None:
            raise AssertionError("a conflict without a satisfier")
        earlier = self._solution.satisfier(last.package, item.terms[last.package], given=last.own)
        if earlier is not None and earlier is not last:
            level = max(level, earlier.level)
        return last, level

    def _resolvent(self, item: Incompatibility, cause: Incompatibility, package: str) -> Incompatibility:
        """What two incompatibilities that meet in a package say without it."""
        terms = dict(item.terms)
        for name, states in cause.terms.items():
            if name != package:
                terms[name] = terms.get(name, -1) & states
        terms[package] |= cause.terms[package]
        if not self._provider.full(package) & ~terms[package]:
            del terms[package]
        return Incompatibility(terms=terms, cause=Learned(conflict=item, cause=cause))
