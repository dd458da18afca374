from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.errors import HarmError
from holdfast.model.hashes import Hash
from holdfast.model.installed import InstalledDistribution, InstalledState, RecordEntry
from holdfast.model.metadata import Metadata
from holdfast.model.plan import Install, Reinstall, Remove, Replace
from holdfast.model.release import ReleaseFile
from holdfast.model.request import ResolvePolicy
from holdfast.model.requirement import DirectUrl, parse_requirement
from holdfast.model.resolution import AlreadyInstalled, DirectWheel, IndexWheel, Pin, Resolution, Source
from holdfast.plan.breaking import newly_broken, refuse_breaking
from holdfast.plan.consistency import check
from holdfast.plan.diff import changing, diff
from holdfast.plan.removal import plan_removal

MARKERS = {
    "implementation_name": "cpython",
    "implementation_version": "3.12.1",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "6",
    "platform_system": "Linux",
    "platform_version": "1",
    "python_full_version": "3.12.1",
    "python_version": "3.12",
    "sys_platform": "linux",
}
URL = "https://example.com/foo-1.0-py3-none-any.whl"


def metadata(name: str, version: str, *requires: str) -> Metadata:
    return Metadata(
        name=NormalizedName(name),
        display_name=name,
        version=Version(version),
        requires=tuple(map(parse_requirement, requires)),
    )


def dist(
    name: str,
    version: str,
    *requires: str,
    recorded: bool = True,
    owned: bool = True,
    direct_url: Mapping[str, object] | None = None,
    editable: bool = False,
    info_name: str = "",
) -> InstalledDistribution:
    return InstalledDistribution(
        metadata=metadata(name, version, *requires),
        location="/venv/lib" if owned else "/usr/lib",
        info_name=info_name or f"{name}-{version}.dist-info",
        record=(RecordEntry(path=f"{name}.py"),) if recorded else None,
        record_digest="0" * 64 if recorded else "",
        direct_url=direct_url,
        editable=editable,
        owned=owned,
    )


def state(*distributions: InstalledDistribution, duplicates: tuple[InstalledDistribution, ...] = ()) -> InstalledState:
    return InstalledState(distributions={each.name: each for each in distributions}, duplicates=duplicates)


def pin(name: str, version: str, *requires: str, source: Source | None = None) -> Pin:
    found = metadata(name, version, *requires)
    return Pin(
        name=found.name,
        version=found.version,
        metadata=found,
        source=source or IndexWheel(file=ReleaseFile(filename=f"{name}-{version}-py3-none-any.whl", url="https://x/")),
    )


def direct(url: str = URL, **changes: object) -> DirectWheel:
    return DirectWheel(direct=DirectUrl(url=url, **changes), filename="foo-1.0-py3-none-any.whl")  # type: ignore[arg-type]


def resolution(*pins: Pin) -> Resolution:
    return Resolution(pins=pins, edges=(), roots=())


def test_what_is_not_there_is_installed_in_the_order_of_the_resolution() -> None:
    pins = (pin("dep", "1"), pin("app", "1", "dep"))
    plan = diff(state(), resolution(*pins), ResolvePolicy())
    assert plan.actions == tuple(Install(pin=each) for each in pins)
    assert not plan.kept


def test_what_is_installed_already_is_kept() -> None:
    old = dist("foo", "1.0")
    kept = pin("foo", "1.0", source=AlreadyInstalled(distribution=old))
    plan = diff(state(old), resolution(kept), ResolvePolicy())
    assert not plan.actions
    assert plan.kept == (kept,)


@pytest.mark.parametrize("version", ["0.9", "1.1"])
def test_another_version_replaces(version: str) -> None:
    old, new = dist("foo", "1.0"), pin("foo", version)
    assert diff(state(old), resolution(new), ResolvePolicy()).actions == (Replace(pin=new, old=old),)


def test_the_same_version_of_an_index_is_kept_as_in_pip() -> None:
    plan = diff(state(dist("foo", "1.0")), resolution(pin("foo", "1.0.0")), ResolvePolicy(upgrade=True))
    assert not plan.actions


def test_force_reinstall() -> None:
    old, new = dist("foo", "1.0"), pin("foo", "1.0")
    policy = ResolvePolicy(force_reinstall=True)
    assert diff(state(old), resolution(new), policy).actions == (Reinstall(pin=new, old=old),)


@pytest.mark.parametrize(
    ("installed_url", "wanted", "kept"),
    [
        ({"url": URL, "archive_info": {}}, direct(), True),
        ({"url": URL, "archive_info": {}}, direct("https://user:secret@example.com/foo-1.0-py3-none-any.whl"), True),
        ({"url": "https://example.com/other.whl"}, direct(), False),
        (None, direct(), False),
        (
            {"url": URL, "archive_info": {"hashes": {"sha256": "ab"}}},
            direct(hashes=(Hash(algorithm="sha256", digest="ab"),)),
            True,
        ),
        (
            {"url": URL, "archive_info": {"hash": "sha256=ab"}},
            direct(hashes=(Hash(algorithm="sha256", digest="ab"),)),
            True,
        ),
        (
            {"url": URL, "archive_info": {"hash": "sha256=ab"}},
            direct(hashes=(Hash(algorithm="sha256", digest="cd"),)),
            False,
        ),
        ({"url": URL, "archive_info": {}}, direct(hashes=(Hash(algorithm="sha256", digest="ab"),)), False),
        ({"url": URL, "archive_info": {"hash": "nonsense", "hashes": 3}}, direct(), True),
        ({"url": URL, "archive_info": []}, direct(), True),
        ({"url": 3}, direct(), False),
    ],
)
def test_a_direct_url(installed_url: Mapping[str, object] | None, wanted: DirectWheel, kept: bool) -> None:  # noqa: FBT001 - a table's column
    old, new = dist("foo", "1.0", direct_url=installed_url), pin("foo", "1.0", source=wanted)
    actions = diff(state(old), resolution(new), ResolvePolicy()).actions
    assert actions == (() if kept else (Replace(pin=new, old=old),))


def test_an_editable_install_is_replaced_by_the_wheel_of_the_same_url() -> None:
    old = dist("foo", "1.0", direct_url={"url": URL}, editable=True)
    new = pin("foo", "1.0", source=direct())
    assert diff(state(old), resolution(new), ResolvePolicy()).actions == (Replace(pin=new, old=old),)


def test_what_is_only_visible_is_shadowed() -> None:
    new = pin("foo", "2.0")
    system = dist("foo", "1.0", owned=False, recorded=False)
    assert diff(state(system), resolution(new), ResolvePolicy()).actions == (Install(pin=new),)


@pytest.mark.parametrize(
    ("info_name", "words", "hint"),
    [
        ("foo-1.0.egg-info", "distutils", "apt"),
        ("foo-1.0.dist-info", "operating system", "apt"),
        ("foo.egg-link", "development install", "pip uninstall foo"),
    ],
)
def test_what_has_no_record_cannot_be_replaced(info_name: str, words: str, hint: str) -> None:
    old = dist("foo", "1.0", recorded=False, info_name=info_name)
    with pytest.raises(HarmError) as caught:
        diff(state(old), resolution(pin("foo", "2.0")), ResolvePolicy())
    assert caught.value.exit_code == 9
    assert "foo 1.0" in caught.value.cause
    assert f"/venv/lib/{info_name}" in caught.value.details[0]
    assert words in caught.value.details[0]
    assert hint in str(caught.value.hint)


def test_the_installer_is_named_as_the_owner() -> None:
    old = replace(dist("foo", "1.0", recorded=False), installer="debian")
    with pytest.raises(HarmError) as caught:
        plan_removal(state(old), [NormalizedName("foo")])
    assert "installed by debian" in caught.value.details[0]


def test_ignore_installed_leaves_alone_what_has_no_record() -> None:
    old, new = dist("foo", "1.0", recorded=False), pin("foo", "2.0")
    assert diff(state(old), resolution(new), ResolvePolicy(ignore_installed=True)).actions == (Install(pin=new),)


def test_duplicates_leave_with_their_project() -> None:
    old, other, foreign = dist("foo", "1.0"), dist("foo", "0.9"), dist("foo", "0.8", owned=False)
    unrelated = dist("bar", "1.0")
    installed = state(old, duplicates=(other, foreign, unrelated))
    assert diff(installed, resolution(pin("foo", "2.0")), ResolvePolicy()).duplicates == (other,)
    assert diff(installed, resolution(pin("baz", "2.0")), ResolvePolicy()).duplicates == ()
    assert plan_removal(installed, [NormalizedName("foo")]).plan.duplicates == (other,)


def test_the_records_that_are_needed() -> None:
    kept = pin("foo", "1", source=AlreadyInstalled(distribution=dist("foo", "1")))
    assert changing(resolution(kept, pin("bar", "1"))) == {"bar"}


def test_removal() -> None:
    foo, system = dist("foo", "1.0"), dist("sys", "1.0", owned=False)
    names = [NormalizedName(name) for name in ("foo", "nothing", "sys", "foo")]
    removal = plan_removal(state(foo, system), names)
    assert removal.plan.actions == (Remove(old=foo),)
    assert removal.unknown == ("nothing",)
    assert removal.outside == (system,)


def installed_app(requirement: str = "dep<2") -> InstalledState:
    return state(dist("app", "1.0", requirement), dist("dep", "1.0"))


def test_an_upgrade_that_breaks_a_requirer_is_refused() -> None:
    installed = installed_app()
    plan = diff(installed, resolution(pin("dep", "2.0")), ResolvePolicy())
    with pytest.raises(HarmError) as caught:
        refuse_breaking(installed, plan, MARKERS)
    assert caught.value.exit_code == 9
    assert caught.value.details == ("app 1.0 requires dep<2, and dep would be 2.0",)
    assert "--allow-breaking app" in str(caught.value.hint)
    refuse_breaking(installed, plan, MARKERS, {NormalizedName("app")})


def test_a_requirer_that_changes_along_is_the_solvers_business() -> None:
    installed = installed_app()
    plan = diff(installed, resolution(pin("dep", "2.0"), pin("app", "2.0", "dep>=2")), ResolvePolicy())
    refuse_breaking(installed, plan, MARKERS)


def test_a_removal_that_leaves_a_requirer_behind_is_refused() -> None:
    installed = installed_app("dep")
    plan = plan_removal(installed, [NormalizedName("dep")]).plan
    with pytest.raises(HarmError) as caught:
        refuse_breaking(installed, plan, MARKERS)
    assert caught.value.details == ("app 1.0 requires dep, and dep would be removed",)
    both = plan_removal(installed, [NormalizedName("dep"), NormalizedName("app")]).plan
    refuse_breaking(installed, both, MARKERS)


def test_a_removal_may_uncover_what_it_shadowed() -> None:
    system = dist("dep", "1.5", owned=False)
    installed = state(dist("app", "1.0", "dep<2"), dist("dep", "1.0"), duplicates=(system,))
    refuse_breaking(installed, plan_removal(installed, [NormalizedName("dep")]).plan, MARKERS)


@pytest.mark.parametrize(
    "requirement",
    ["dep>=5", "dep<2 ; python_version < '3.0'", "dep<2 ; extra == 'never'", "other<2"],
    ids=["broken before", "marker is false", "extra not asked for", "another project"],
)
def test_what_is_not_newly_broken(requirement: str) -> None:
    installed = installed_app(requirement)
    plan = diff(installed, resolution(pin("dep", "2.0")), ResolvePolicy())
    assert not newly_broken(installed, plan, MARKERS)


def test_extras_that_installed_distributions_ask_for_count() -> None:
    installed = state(
        dist("app", "1.0", "queue[fast]"),
        dist("queue", "1.0", "driver<2 ; extra == 'fast'"),
        dist("driver", "1.0"),
    )
    plan = diff(installed, resolution(pin("driver", "2.0")), ResolvePolicy())
    (problem,) = newly_broken(installed, plan, MARKERS)
    assert problem.demand.requirer.name == "queue"


def test_extras_that_name_their_own_project_end() -> None:
    installed = state(
        dist("app", "1.0", "queue[all]"),
        dist("queue", "1.0", "queue[fast] ; extra == 'all'", "queue[all] ; extra == 'fast'", "x ; extra == 'fast'"),
    )
    assert [str(problem) for problem in check(installed, MARKERS)] == [
        "queue 1.0 requires x, which is not installed",
    ]


def test_check_lists_what_does_not_hold() -> None:
    installed = state(dist("app", "1.0", "dep>=2", "gone", "pre>=1"), dist("dep", "1.0"), dist("pre", "2.0b1"))
    assert [str(problem) for problem in check(installed, MARKERS)] == [
        "app 1.0 requires dep>=2, but dep 1.0 is installed",
        "app 1.0 requires gone, which is not installed",
    ]


def test_an_empty_plan_breaks_nothing() -> None:
    installed = installed_app("dep>=5")
    refuse_breaking(installed, diff(installed, resolution(), ResolvePolicy()), MARKERS)
