"""The search against brute force and resolvelib, on random worlds of few releases."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from resolvelib import AbstractProvider, BaseReporter, Resolver
from resolvelib.resolvers import ResolutionImpossible, ResolutionTooDeep

from holdfast.errors import ResolutionConflict
from holdfast.events import SILENT
from holdfast.model.installed import InstalledState
from holdfast.model.metadata import Metadata
from holdfast.model.requirement import Requirement, parse_requirement
from holdfast.resolve.catalogue import WidenedError
from holdfast.resolve.greedy import Greedy
from holdfast.resolve.problem import Problem
from holdfast.resolve.pubgrub import NoSolutionError, PubGrub
from holdfast.resolve.session import Session, open_session
from tests.support.package_world import MARKERS, TAGS, PackageWorld, installed, metadata, root

NAMES = ("a", "b", "c", "d", "e")
VERSIONS = ("1", "2", "3")
EXTRAS = ("x", "y")
SPECIFIERS = ("", ">=2", "<2", "==1", "==2", "==3", "!=2", "<=2,>=1", "==4")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A world, what is asked of it and what is there."""

    releases: tuple[Metadata, ...]
    roots: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    installed: tuple[Metadata, ...] = ()

    def world(self) -> PackageWorld:
        world = PackageWorld()
        for release in self.releases:
            world.add(release.name, str(release.version), says=release)
        return world

    def session(self) -> Session:
        problem = Problem(
            roots=tuple(root(text) for text in self.roots),
            constraints=tuple(root(text) for text in self.constraints),
            markers=MARKERS,
            tags=TAGS,
            python_version="3.12.1",
        )
        return open_session(problem, self.world(), InstalledState(), SILENT)


@st.composite
def requirement_texts(draw: st.DrawFn, *, in_metadata: bool) -> str:
    name = draw(st.sampled_from(NAMES))
    extras = draw(st.sampled_from(("", "", "", "[x]", "[y]", "[x,y]")))
    marker = draw(st.sampled_from(("", "", "; extra == 'x'", "; extra == 'y'", "; os_name == 'nt'")))
    return f"{name}{extras}{draw(st.sampled_from(SPECIFIERS))}{marker if in_metadata else ''}"


@st.composite
def cases(draw: st.DrawFn, *, with_installed: bool = False) -> Case:
    releases = []
    for name in NAMES:
        for version in draw(st.lists(st.sampled_from(VERSIONS), unique=True, max_size=3)):
            requires = draw(st.lists(requirement_texts(in_metadata=True), max_size=3))
            releases.append(metadata(name, version, requires, EXTRAS))
    there: tuple[Metadata, ...] = ()
    if with_installed:
        names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
        there = tuple(
            metadata(name, draw(st.sampled_from(VERSIONS)), draw(st.lists(requirement_texts(in_metadata=True))), EXTRAS)
            for name in names
        )
    constraints = draw(
        st.lists(st.builds(operator.add, st.sampled_from(NAMES), st.sampled_from(SPECIFIERS)), max_size=2)
    )
    roots = draw(st.lists(requirement_texts(in_metadata=False), min_size=1, max_size=3))
    return Case(releases=tuple(releases), roots=tuple(roots), constraints=tuple(constraints), installed=there)


def closure(selected: Mapping[str, Metadata], roots: Iterable[str]) -> Iterator[tuple[str | None, Requirement]]:
    """Everything that is asked for, who asks, as the selection goes on; ends at what is not selected."""
    waiting: list[tuple[str | None, Requirement]] = [(None, parse_requirement(text)) for text in roots]
    seen = set()
    while waiting:
        requirer, requirement = waiting.pop()
        yield requirer, requirement
        chosen = selected.get(requirement.name)
        if chosen is None:
            continue
        for extra in ("", *sorted(requirement.extras)):
            if (requirement.name, extra) in seen:
                continue
            seen.add((requirement.name, extra))
            waiting += (
                (requirement.name, item)
                for item in chosen.requires
                if item.marker is None or item.marker.evaluate({**MARKERS, "extra": extra})
            )


def satisfies(case: Case, selected: Mapping[str, Metadata]) -> bool:
    """Whether a selection is a solution of the case: whole, and nothing in it that nobody asked for."""
    asked = [requirement for _, requirement in closure(selected, case.roots)]
    asked_names = {requirement.name for requirement in asked}
    bounds = [parse_requirement(text) for text in case.constraints]
    return set(selected) == asked_names and all(
        selected[item.name].version in item.specifier for item in (*asked, *bounds) if item.name in selected
    )


def brute_force(case: Case) -> bool:
    """Whether any selection at all is a solution."""
    known = {name: [item for item in case.releases if item.name == name] for name in NAMES}
    for choice in product(*([None, *known[name]] for name in NAMES)):
        if satisfies(case, {item.name: item for item in choice if item is not None}):
            return True
    return False


@given(cases())
@settings(max_examples=300)
def test_it_finds_a_solution_exactly_where_there_is_one(case: Case) -> None:
    world = case.world()
    try:
        resolution = world.resolve(*case.roots, constraints=case.constraints)
    except ResolutionConflict:
        assert not brute_force(case)
    else:
        assert satisfies(case, {pin.name: pin.metadata for pin in resolution.pins})


@given(cases(with_installed=True))
@settings(max_examples=200)
def test_what_is_installed_changes_nothing_about_validity(case: Case) -> None:
    with_both = Case(
        releases=tuple({(item.name, item.version): item for item in (*case.releases, *case.installed)}.values()),
        roots=case.roots,
        constraints=case.constraints,
    )
    try:
        resolution = case.world().resolve(
            *case.roots, constraints=case.constraints, installed=installed(*case.installed)
        )
    except ResolutionConflict:
        assert not brute_force(with_both)
    else:
        assert satisfies(with_both, {pin.name: pin.metadata for pin in resolution.pins})


@given(cases())
@settings(max_examples=200)
def test_a_solution_is_told_completely_and_in_order(case: Case) -> None:
    try:
        resolution = case.world().resolve(*case.roots, constraints=case.constraints)
    except ResolutionConflict:
        return
    selected: dict[str, Metadata] = {pin.name: pin.metadata for pin in resolution.pins}
    told = {(edge.requirer, edge.requirement) for edge in resolution.edges}
    assert told == set(closure(selected, case.roots))
    asked_extras = {pin.name: pin.extras for pin in resolution.pins}
    for name in selected:
        wanted = frozenset(extra for _, item in told if item.name == name for extra in item.extras)
        assert asked_extras[canonicalize_name(name)] == wanted
    for pin in resolution.pins:
        assert pin.requested == any(by is None and item.name == pin.name for by, item in told)
    place: dict[str, int] = {pin.name: number for number, pin in enumerate(resolution.pins)}
    forward: dict[str, set[str]] = {name: {item.name for by, item in told if by == name} for name in place}
    for name, required in forward.items():
        for other in required - {name}:
            assert place[other] < place[name] or name in reachable(forward, other)


def reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph[waiting.pop()] - found:
            found.add(name)
            waiting.append(name)
    return found


@given(cases())
@settings(max_examples=300)
def test_greedy_answers_as_the_full_search_does(case: Case) -> None:
    session = case.session()
    while True:
        try:
            greedy = Greedy(session.world()).solve()
            full = PubGrub(session.world()).solve()
        except WidenedError:
            continue
        except NoSolutionError:
            assert greedy is None
            return
        break
    assert greedy is None or greedy == full


@given(cases())
@settings(max_examples=150)
def test_the_same_question_has_the_same_answer(case: Case) -> None:
    answers = []
    for _ in range(2):
        try:
            answers.append(repr(case.world().solve(*case.roots, constraints=case.constraints)))
        except ResolutionConflict as conflict:
            answers.append(repr((conflict.cause, conflict.details, conflict.derivation)))
    assert answers[0] == answers[1]


@given(cases())
@settings(max_examples=300)
def test_a_refusal_names_requirements_that_were_made(case: Case) -> None:
    try:
        case.world().resolve(*case.roots, constraints=case.constraints)
    except ResolutionConflict as refusal:
        conflict = refusal
    else:
        return
    made = {*case.roots, *case.constraints, *(item.text for release in case.releases for item in release.requires)}
    said = "\n".join((conflict.cause, *conflict.details))
    named = [text for text in made if f"'{text.partition(';')[0]}'" in said]
    absent = [name for name in NAMES if f"{name} does not exist" in said]
    assert named or absent, said
    assert conflict.derivation


class Oracle(AbstractProvider[Requirement, tuple[str, frozenset[str], Metadata], str]):
    """The case as resolvelib wants it: extras are part of the identity, tied to the project by a requirement."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._bounds = [parse_requirement(text) for text in case.constraints]

    def identify(self, requirement_or_candidate: Requirement | tuple[str, frozenset[str], Metadata]) -> str:
        if isinstance(requirement_or_candidate, Requirement):
            name, extras = requirement_or_candidate.name, frozenset(map(str, requirement_or_candidate.extras))
        else:
            name, extras = canonicalize_name(requirement_or_candidate[0]), requirement_or_candidate[1]
        return f"{name}[{','.join(sorted(extras))}]"

    def get_preference(self, identifier: str, **_: object) -> str:  # type: ignore[override]
        return identifier

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Requirement]],
        incompatibilities: Mapping[str, Iterator[tuple[str, frozenset[str], Metadata]]],
    ) -> Sequence[tuple[str, frozenset[str], Metadata]]:
        name, _, rest = identifier.partition("[")
        extras = frozenset(filter(None, rest[:-1].split(",")))
        asked = [*requirements[identifier], *(bound for bound in self._bounds if bound.name == name)]
        bad = {item[2].version for item in incompatibilities[identifier]}
        return [
            (name, extras, item)
            for item in sorted(self._case.releases, key=lambda release: release.version, reverse=True)
            if item.name == name
            and item.version not in bad
            and all(item.version in requirement.specifier for requirement in asked)
        ]

    def is_satisfied_by(self, requirement: Requirement, candidate: tuple[str, frozenset[str], Metadata]) -> bool:
        return candidate[2].version in requirement.specifier

    def get_dependencies(self, candidate: tuple[str, frozenset[str], Metadata]) -> list[Requirement]:
        name, extras, release = candidate
        found = [
            item
            for item in release.requires
            if item.marker is None
            or any(item.marker.evaluate({**MARKERS, "extra": extra}) for extra in (extras or {""}))
        ]
        if extras:
            found.append(parse_requirement(f"{name}=={release.version}"))
        return found


@given(cases())
@settings(max_examples=200)
def test_resolvelib_agrees(case: Case) -> None:
    try:
        case.world().resolve(*case.roots, constraints=case.constraints)
        solved = True
    except ResolutionConflict:
        solved = False
    resolver = Resolver(Oracle(case), BaseReporter[Requirement, tuple[str, frozenset[str], Metadata], str]())
    try:
        resolver.resolve([parse_requirement(text) for text in case.roots], max_rounds=300)
    except ResolutionImpossible:
        assert not solved
    except ResolutionTooDeep:
        return
    except RecursionError:
        assert solved  # it has found a solution, and loses its way among cycles when it builds the result
    else:
        assert solved
