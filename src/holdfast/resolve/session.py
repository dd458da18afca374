"""One resolution's standing parts: what survives when the search starts over because more became known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.events import Notice, Reporter
from holdfast.model.installed import InstalledState
from holdfast.model.request import RootRequirement
from holdfast.resolve.catalogue import Catalogue
from holdfast.resolve.hashmode import allowed_hashes
from holdfast.resolve.keeping import Keeping
from holdfast.resolve.markers import Environment
from holdfast.resolve.problem import Problem
from holdfast.resolve.releases import Releases
from holdfast.resolve.requires import Requires
from holdfast.resolve.rules import FileRules
from holdfast.resolve.source import PackageSource
from holdfast.resolve.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a problem was turned into.

    Attributes:
        roots: The user's requirements whose markers hold.
        constraints: Likewise.
    """

    problem: Problem
    source: PackageSource
    roots: tuple[RootRequirement, ...]
    constraints: tuple[RootRequirement, ...]
    rules: FileRules
    catalogue: Catalogue
    requires: Requires

    @property
    def asked(self) -> tuple[RootRequirement, ...]:
        """Everything that the user wrote and that holds here."""
        return (*self.roots, *self.constraints)

    def world(self) -> World:
        """The provider of a new search."""
        self.catalogue.start_over()
        return World(
            roots=self.roots,
            constraints=self.constraints,
            catalogue=self.catalogue,
            requires=self.requires,
            source=self.source,
            no_deps=self.problem.policy.no_deps,
        )


def open_session(problem: Problem, source: PackageSource, installed: InstalledState, reporter: Reporter) -> Session:
    """Put the parts together.

    Raises:
        UnsatisfiableError: The hashes that the user gives for one project contradict each other.
    """
    environment, policy = Environment(problem.markers), problem.policy
    roots = _active(problem.roots, environment, reporter)
    constraints = _active(problem.constraints, environment, None)
    asked = (*roots, *constraints)
    hashes = allowed_hashes(asked)
    rules = FileRules(problem, hashes)
    catalogue = Catalogue(
        Releases(source=source, rules=rules, hashes=hashes, pre=policy.pre, reporter=reporter),
        Keeping(installed, policy, (root.requirement.name for root in roots)),
        (item.requirement.name for item in asked if item.requirement.url is not None),
    )
    for item in asked:
        catalogue.admissions.admit(item.requirement)
    return Session(
        problem=problem,
        source=source,
        roots=roots,
        constraints=constraints,
        rules=rules,
        catalogue=catalogue,
        requires=Requires(source, environment, rules.python, reporter),
    )


def _active(
    asked: Sequence[RootRequirement], environment: Environment, reporter: Reporter | None
) -> tuple[RootRequirement, ...]:
    """Those whose marker holds on the target; the others are said."""
    found = []
    for root in asked:
        if environment.holds(root.requirement.marker):
            found.append(root)
        elif reporter is not None:
            text = f"Ignored {root.requirement.name}: its marker '{root.requirement.marker}' does not hold here."
            reporter.emit(Notice(text=text))
    return tuple(found)
