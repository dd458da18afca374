"""The entry of the room: a problem and the world in, a resolution or an explained refusal out."""

from __future__ import annotations

from holdfast.events import Reporter
from holdfast.model.installed import InstalledState
from holdfast.model.resolution import Resolution
from holdfast.resolve.catalogue import WidenedError
from holdfast.resolve.explain import explain
from holdfast.resolve.greedy import Greedy
from holdfast.resolve.hashmode import require_hashes
from holdfast.resolve.problem import Problem
from holdfast.resolve.pubgrub import NoSolutionError, PubGrub
from holdfast.resolve.result import Outcome, read_selection
from holdfast.resolve.session import Session, open_session
from holdfast.resolve.source import PackageSource


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
    session = open_session(problem, source, installed, reporter)
    while True:
        try:
            outcome = _search(session)
            session.catalogue.refuse(outcome.unjustified(session.asked, session.catalogue))
        except WidenedError:
            continue
        except NoSolutionError as error:
            raise explain(error.proof, session.catalogue, session.rules, problem) from None
        resolution = outcome.resolution(session.roots)
        require_hashes(problem, session.asked, resolution.pins)
        outcome.warn(reporter)
        return resolution


def _search(session: Session) -> Outcome:
    """The newest-first pass, and the full search where that gives up.

    Raises:
        NoSolutionError: With the proof.
        WidenedError: The search has to start over.
    """
    world = session.world()
    selection = Greedy(world).solve()
    if selection is None:
        selection = PubGrub(world).solve()
    return read_selection(
        selection, session.roots, session.catalogue, session.requires, no_deps=session.problem.policy.no_deps
    )
