"""Where a former distribution comes from again: the store, where it came from at first, an index.

The hash that was recorded is demanded in any case. What another installer put there has none: then the index's wheel
of that version is taken, and that is said.
"""

from __future__ import annotations

from dataclasses import replace

from packaging.utils import NormalizedName

from holdfast.errors import HoldfastError, NetworkError, UnsatisfiableError
from holdfast.events import Notice, Reporter
from holdfast.fetch.download import find_stored
from holdfast.fetch.jobs import job_of, read_stored_metadata
from holdfast.flows.editables import editable_wheel
from holdfast.flows.world import World
from holdfast.model.hashes import Hash
from holdfast.model.history import KnownState
from holdfast.model.installed import InstalledState
from holdfast.model.metadata import Metadata
from holdfast.model.release import ReleaseFile
from holdfast.model.request import ResolvePolicy, RootRequirement
from holdfast.model.requirement import DirectUrl, parse_requirement
from holdfast.model.resolution import DirectWheel, IndexWheel, Pin
from holdfast.resolve.problem import Problem
from holdfast.resolve.solver import solve


def former_pin(name: NormalizedName, state: KnownState, world: World, reporter: Reporter) -> Pin:
    """The pin that brings a former distribution back.

    Args:
        name: The project.
        state: As it was.
        world: The tools.
        reporter: Hears where it comes from, where that may matter.

    Raises:
        UnsatisfiableError: It cannot be had again.
        HoldfastError: As the rooms do.
    """
    wheel = state.wheel
    if state.files:
        wheel = editable_wheel(name, state, world)
    if wheel is None and state.direct:
        raise _unobtainable(name, state)
    if wheel is None:
        pin = _from_index(name, state, None, world, reporter)
        reporter.emit(Notice(text=f"{name} {state.version}: its wheel was not recorded; the index's is taken."))
        return replace(pin, requested=state.requested)
    digest = Hash(algorithm="sha256", digest=wheel.sha256)
    source: DirectWheel | IndexWheel
    if state.direct:
        source = DirectWheel(
            direct=DirectUrl(url=wheel.url, hashes=(digest,), editable=state.editable), filename=wheel.filename
        )
    else:
        source = IndexWheel(file=ReleaseFile(filename=wheel.filename, url=wheel.url, hashes=(digest,)))
    try:
        metadata = _metadata(source, world, reporter)
    except (NetworkError, UnsatisfiableError) as error:
        if state.direct:
            raise
        try:
            return replace(_from_index(name, state, digest, world, reporter), requested=state.requested)
        except HoldfastError as other:
            other.details = (*other.details, f"nor is it to be had where it came from: {error.cause}")
            raise
    return Pin(name=name, version=state.version, source=source, metadata=metadata, requested=state.requested)


def _metadata(source: DirectWheel | IndexWheel, world: World, reporter: Reporter) -> Metadata:
    """Of the very wheel, where the store has it or it lies on this machine."""
    stored = find_stored(job_of(source), world.store, reporter)
    if stored is None and job_of(source).url.startswith("file:"):
        stored = world.whole(source)
    return read_stored_metadata(stored) if stored else world.metadata(source)


def _from_index(name: NormalizedName, state: KnownState, digest: Hash | None, world: World, reporter: Reporter) -> Pin:
    hashes = (digest,) if digest else ()
    interpreter = world.target.interpreter
    root = RootRequirement(
        requirement=parse_requirement(f"{name}=={state.version}"), hashes=hashes, origin="the history"
    )
    problem = Problem(
        roots=(root,),
        policy=ResolvePolicy(no_deps=True),
        markers=interpreter.markers,
        tags=interpreter.tags,
        python_version=interpreter.version,
    )
    (pin,) = solve(problem, world, InstalledState(), reporter).pins
    if digest and isinstance(pin.source, IndexWheel):
        return replace(pin, source=IndexWheel(file=replace(pin.source.file, hashes=hashes)))
    return pin


def _unobtainable(name: NormalizedName, state: KnownState) -> UnsatisfiableError:
    if state.editable:
        path = state.direct.removeprefix("file://")
        return UnsatisfiableError(
            f"{name} {state.version} was an editable installation of {path}, which holdfast cannot make again.",
            hint=f"pip install --no-deps -e {path}",
        )
    return UnsatisfiableError(
        f"{name} {state.version} was installed from {state.direct}, and which wheel that was is not known.",
        hint=f"pip install --no-deps '{name} @ {state.direct}'",
    )
