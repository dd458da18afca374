"""Pre-releases, yanked releases and URLs: never without somebody selected who calls for them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import ResolutionConflict
from holdfast.model.request import ResolvePolicy
from holdfast.model.requirement import Requirement
from holdfast.model.resolution import DirectWheel, IndexWheel, Pin
from tests.support.package_world import PackageWorld

NAMES = ("a", "b", "c", "d")
VERSIONS = ("1.0", "1.1", "2.0b1", "2.0", "3.0rc1")
SPECIFIERS = ("", ">=1.1", "<2", "==2.0b1", ">=2.0b1", "==1.1", "==2.0", ">2", "!=1.0", "==1.*")
URLS = tuple(f"https://files.test/{name}-9.0-py3-none-any.whl" for name in NAMES)


@st.composite
def texts(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(NAMES))
    if draw(st.integers(0, 7)) == 0:
        return f"{name} @ {URLS[NAMES.index(name)]}"
    return f"{name}{draw(st.sampled_from(SPECIFIERS))}"


@st.composite
def worlds(draw: st.DrawFn) -> tuple[PackageWorld, dict[str, dict[str, bool]]]:
    """A world, and per project its versions with whether each is yanked."""
    world = PackageWorld()
    described: dict[str, dict[str, bool]] = {}
    for name, url in zip(NAMES, URLS, strict=True):
        for version in draw(st.lists(st.sampled_from(VERSIONS), unique=True, max_size=4)):
            yanked = draw(st.sampled_from((False, False, True)))
            world.add(name, version, draw(st.lists(texts(), max_size=2)), yanked="" if yanked else None)
            described.setdefault(name, {})[version] = yanked
        world.add(name, "9.0", draw(st.lists(texts(), max_size=1)), url=url)
    return world, described


def justified(pin: Pin, asked: list[Requirement], versions: dict[str, bool]) -> bool:
    """Whether one of those who ask for a project calls for this candidate (PEP 440, 508, 592)."""
    if isinstance(pin.source, DirectWheel):
        return any(item.url is not None and item.url.url == pin.source.direct.url for item in asked)
    assert isinstance(pin.source, IndexWheel)
    if pin.source.file.yanked is not None:
        return any(str(item.specifier) == f"=={pin.version}" for item in asked)
    if not pin.version.is_prerelease:
        return True
    finals = [version for version, yanked in versions.items() if not yanked and not set("br") & set(version)]
    return any(item.specifier.prereleases or not list(item.specifier.filter(finals)) for item in asked)


@given(worlds(), st.lists(texts(), min_size=1, max_size=3))
@settings(max_examples=400)
def test_nothing_out_of_the_ordinary_without_a_reason(
    described: tuple[PackageWorld, dict[str, dict[str, bool]]], roots: list[str]
) -> None:
    world, versions = described
    try:
        resolution = world.resolve(*roots)
    except ResolutionConflict as conflict:
        assert conflict.cause  # noqa: PT017 - whether it is refused is up to the world
        return
    for pin in resolution.pins:
        asked = [edge.requirement for edge in resolution.edges if edge.requirement.name == pin.name]
        assert justified(pin, asked, versions.get(pin.name, {}))
        for item in asked:
            assert item.specifier.contains(pin.version, prereleases=True)
            if item.url is not None:
                assert isinstance(pin.source, DirectWheel)


@given(worlds(), st.lists(texts(), min_size=1, max_size=3))
@settings(max_examples=200)
def test_allowing_prereleases_never_makes_it_worse(
    described: tuple[PackageWorld, dict[str, dict[str, bool]]], roots: list[str]
) -> None:
    world, _ = described
    try:
        world.resolve(*roots)
    except ResolutionConflict:
        return
    assert world.resolve(*roots, policy=ResolvePolicy(pre=True)).pins
