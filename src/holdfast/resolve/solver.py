"""The entry of the room: a problem and the world in, a resolution or an explained refusal out."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.events import Notice, Reporter
from holdfast.model.installed import InstalledState
from holdfast.model.request import RootRequirement
from holdfast.model.resolution import Resolution
from holdfast.resolve.catalogue import Catalogue, WidenedError
from holdfast.resolve.explain import explain
from holdfast.resolve.greedy import Greedy
from holdfast.resolve.hashmode import allowed_hashes, require_hashes
from holdfast.resolve.keeping import Keeping
from holdfast.resolve.markers import Environment
from holdfast.resolve.problem import Problem
from holdfast.resolve.pubgrub import NoSolutionError, PubGrub
from holdfast.resolve.releases import Releases
from holdfast.resolve.requires import Requires
from holdfast.resolve.result import Outcome, read_selection
from holdfast.resolve.rules import FileRules
from holdfast.resolve.source import PackageSource
from holdfast.resolve.world import World


def solve(problem: Problem, source: PackageSource, installed: InstalledState, reporter: Reporter) -> Resolution:
    """Find a distribution for everything that the problem asks for, directly or not.

    The newest releases that fit are preferred, the user's own requirements first; an installed distribution that
    fits stays, as with pip. The same inputs give the same answer.

    Args:
        problem: Requirements, rules and the target's facts.
        source: The indexes.
        installed: What the target has.
        reporter: Receives progress, notices and warnings.

    Raises:
        ResolutionConflict: There is none; the cause names the requirements that clash, or what is missing.
        UnsatisfiableError: Hashes are required and missing, or contradict each other.
        NetworkError: The source could not answer; likewise AuthenticationError and IntegrityError.
    """
    environment = Environment(problem.markers)
    roots = _active(problem.roots, environment, reporter)
    constraints = _active(problem.constraints, environment, None)
    asked = (*roots, *constraints)
    hashes = allowed_hashes(asked)
    rules = FileRules(problem, hashes)
    policy = problem.policy
    catalogue = Catalogue(
        Releases(source=source, rules=rules, hashes=hashes, pre=policy.pre, reporter=reporter),
        Keeping(installed, policy, (root.requirement.name for root in roots)),
        (item.requirement.name for item in asked if item.requirement.url is not None),
    )
    for item in asked:
        catalogue.admissions.admit(item.requirement)
    requires = Requires(source, environment, rules.python, reporter)
    while True:
        catalogue.start_over()
        world = World(
            roots=roots,
            constraints=constraints,
            catalogue=catalogue,
            requires=requires,
            source=source,
            no_deps=policy.no_deps,
        )
        try:
            outcome = _search(world, roots, catalogue, requires, no_deps=policy.no_deps)
            catalogue.refuse(outcome.unjustified(asked, catalogue))
        except WidenedError:
            continue
        except NoSolutionError as error:
            raise explain(error.proof, catalogue, rules, problem) from None
        resolution = outcome.resolution(roots)
        require_hashes(problem, asked, resolution.pins)
        outcome.warn(reporter)
        return resolution


def _search(
    world: World, roots: Sequence[RootRequirement], catalogue: Catalogue, requires: Requires, *, no_deps: bool
) -> Outcome:
    """The newest-first pass, and the full search where that gives up.

    Raises:
        NoSolutionError: With the proof.
        WidenedError: The search has to start over.
    """
    selection = Greedy(world).solve()
    if selection is None:
        selection = PubGrub(world).solve()
    return read_selection(selection, roots, catalogue, requires, no_deps=no_deps)


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
