"""From the selection of the search to a ``Resolution``: pins in order, every active requirement as an edge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.utils import NormalizedName

from holdfast.events import Reporter, Warned
from holdfast.model.metadata import Metadata
from holdfast.model.request import RootRequirement
from holdfast.model.resolution import Edge, Pin, Resolution
from holdfast.resolve.candidates import Candidate, Standing
from holdfast.resolve.catalogue import Catalogue
from holdfast.resolve.requires import Requires
from holdfast.resolve.world import split_package


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One selected project with what it asks for."""

    candidate: Candidate
    metadata: Metadata
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A selection, read.

    Attributes:
        chosen: Per project, requirements first.
        extras: Per project the extras that are asked for.
    """

    chosen: Mapping[NormalizedName, Chosen]
    extras: Mapping[NormalizedName, frozenset[NormalizedName]]

    def resolution(self, roots: Sequence[RootRequirement]) -> Resolution:
        """The model's form of it."""
        requested = {root.requirement.name for root in roots}
        pins = tuple(
            Pin(
                name=name,
                version=item.candidate.version,
                source=item.candidate.source,
                metadata=item.metadata,
                extras=self.extras.get(name, frozenset()),
                requested=name in requested,
            )
            for name, item in self.chosen.items()
        )
        asked = tuple(Edge(requirer=None, requirement=root.requirement) for root in roots)
        edges = (*asked, *(edge for item in self.chosen.values() for edge in item.edges))
        return Resolution(pins=pins, edges=edges, roots=tuple(root.requirement for root in roots))

    def unjustified(
        self, asked: Iterable[RootRequirement], catalogue: Catalogue
    ) -> Iterator[tuple[NormalizedName, Standing]]:
        """Pre-releases, yanked releases and URLs that were selected though nobody selected calls for them."""
        requirements = [root.requirement for root in asked]
        requirements += [edge.requirement for item in self.chosen.values() for edge in item.edges]
        for name, item in self.chosen.items():
            candidate = item.candidate
            if candidate.standing is not Standing.ORDINARY and not any(
                requirement.name == name and catalogue.admissions.justifies(requirement, candidate)
                for requirement in requirements
            ):
                yield name, candidate.standing

    def warn(self, reporter: Reporter) -> None:
        """Say which extras do not exist."""
        for name, item in self.chosen.items():
            for extra in sorted(self.extras.get(name, frozenset()) - item.metadata.extras):
                reporter.emit(Warned(text=f"{name} {item.candidate.version} does not provide the extra '{extra}'"))


def read_selection(
    selection: Mapping[str, int],
    roots: Sequence[RootRequirement],
    catalogue: Catalogue,
    requires: Requires,
    *,
    no_deps: bool,
) -> Outcome:
    """Read what the search decided.

    Args:
        selection: Package to state.
        roots: The active requirements of the user.
        catalogue: What the states mean.
        requires: Metadata.
        no_deps: Requirements of distributions do not count.
    """
    extras: dict[NormalizedName, set[NormalizedName]] = {}
    for root in roots:
        extras.setdefault(root.requirement.name, set()).update(root.requirement.extras if no_deps else ())
    for package in selection:
        name, extra = split_package(package)
        if extra is not None:
            extras.setdefault(name, set()).add(extra)
    chosen: dict[NormalizedName, Chosen] = {}
    for package, state in selection.items():
        name, extra = split_package(package)
        if extra is None:
            candidate = catalogue.project(name).candidate(state)
            metadata = requires.metadata(name, candidate)
            edges = () if no_deps else _edges(name, metadata, sorted(extras.get(name, ())), requires)
            chosen[name] = Chosen(candidate=candidate, metadata=metadata, edges=edges)
    order = _requirements_first([root.requirement.name for root in roots], chosen)
    return Outcome(
        chosen={name: chosen[name] for name in order},
        extras={name: frozenset(found) for name, found in extras.items()},
    )


def _edges(
    name: NormalizedName, metadata: Metadata, extras: Sequence[NormalizedName], requires: Requires
) -> tuple[Edge, ...]:
    found = {item: None for extra in ("", *extras) for item in requires.active(metadata, extra)}
    return tuple(Edge(requirer=name, requirement=item) for item in found)


def _requirements_first(
    roots: Sequence[NormalizedName], chosen: Mapping[NormalizedName, Chosen]
) -> tuple[NormalizedName, ...]:
    """Depth first from the roots; what a distribution requires comes before it, but for cycles."""
    order: dict[NormalizedName, None] = {}
    entered: set[NormalizedName] = set()
    stack = [(name, False) for name in reversed(roots)]
    while stack:
        name, leaving = stack.pop()
        if leaving:
            order[name] = None
        elif name not in entered:
            entered.add(name)
            stack.append((name, True))
            stack += [(edge.requirement.name, False) for edge in reversed(chosen[name].edges)]
    return tuple(order)
