"""Which release is chosen: pre-releases, yanked ones, constraints, extras, markers, metadata that cannot be used."""

from __future__ import annotations

import pytest

from holdfast.errors import NetworkError, ResolutionConflict, UnsatisfiableError
from holdfast.events import Notice, Warned
from holdfast.model.release import ProjectStatus
from holdfast.model.request import ResolvePolicy
from tests.support.package_world import PackageWorld, Recorder, metadata


@pytest.fixture
def world() -> PackageWorld:
    found = PackageWorld()
    for version in ("1.0", "1.1", "2.0rc1"):
        found.add("lib", version)
    return found


def test_a_prerelease_needs_a_reason(world: PackageWorld) -> None:
    assert world.solve("lib") == {"lib": "1.1"}
    assert world.solve("lib>=1.0") == {"lib": "1.1"}
    assert world.solve("lib", policy=ResolvePolicy(pre=True)) == {"lib": "2.0rc1"}
    assert world.solve("lib>=2.0rc1") == {"lib": "2.0rc1"}
    assert world.solve("lib>=1.0b1") == {"lib": "2.0rc1"}
    assert world.solve("lib>1.5") == {"lib": "2.0rc1"}, "nothing else matches"
    assert world.solve("lib", constraints=["lib==2.0rc1"]) == {"lib": "2.0rc1"}


def test_prereleases_are_taken_where_there_is_nothing_else() -> None:
    world = PackageWorld()
    world.add("lib", "0.1a1")
    world.add("lib", "0.1a2")
    assert world.solve("lib") == {"lib": "0.1a2"}


def test_a_requirement_of_a_dependency_may_name_a_prerelease(world: PackageWorld) -> None:
    world.add("app", "1.0", ["mid", "lib"])
    world.add("mid", "1.0", ["lib==2.0rc1"])
    assert world.solve("app") == {"app": "1.0", "mid": "1.0", "lib": "2.0rc1"}


def test_nobody_gets_a_prerelease_that_only_a_rejected_release_named(world: PackageWorld) -> None:
    world.add("app", "2.0", ["lib>=2.0rc1", "gone"])
    world.add("app", "1.0", ["lib"])
    assert world.solve("lib", "app") == {"lib": "1.1", "app": "1.0"}


def test_backtracking_does_not_slip_into_prereleases() -> None:
    world = PackageWorld()
    world.add("lib", "1.0", ["clash<1"])
    world.add("lib", "2.0rc1")
    world.add("clash", "0.5")
    world.add("clash", "1.0")
    world.add("app", "2.0", ["lib>=2.0rc1", "gone"])
    world.add("app", "1.0")
    with pytest.raises(ResolutionConflict):
        world.solve("app", "lib", "clash>=1")


def test_yanked_releases_only_when_pinned() -> None:
    world = PackageWorld()
    world.add("lib", "1.0")
    world.add("lib", "1.1", yanked="broken on Tuesdays")
    assert world.solve("lib") == {"lib": "1.0"}
    assert world.solve("lib==1.1") == {"lib": "1.1"}
    assert world.solve("lib===1.1") == {"lib": "1.1"}
    assert world.solve("lib", constraints=["lib==1.1"]) == {"lib": "1.1"}
    world.add("app", "1.0", ["lib>=1.0"])
    assert world.solve("app", "lib==1.1")["lib"] == "1.1"
    with pytest.raises(ResolutionConflict) as caught:
        world.solve("lib==1.1.*")
    assert caught.value.reason == "filtered"
    assert "broken on Tuesdays" in caught.value.details[0]


def test_a_version_is_yanked_only_if_all_its_usable_files_are() -> None:
    world = PackageWorld()
    world.add("lib", "1.0", tags="cp312-abi3-manylinux_2_17_x86_64", yanked="")
    world.add("lib", "1.0")
    (pin,) = world.resolve("lib").pins
    assert "py3-none-any" in repr(pin.source)


def test_constraints_bind_only_what_is_needed(world: PackageWorld) -> None:
    assert world.solve("lib", constraints=["lib<1.1", "unheard-of==3"]) == {"lib": "1.0"}
    assert "unheard-of" not in world.listed


def test_markers_are_those_of_the_target(world: PackageWorld) -> None:
    recorder = Recorder()
    world.add(
        "app", "1.0", ["lib; sys_platform == 'linux'", "gone; sys_platform == 'win32'", "gone; python_version<'3'"]
    )
    assert world.solve("app", "gone; os_name == 'nt'", recorder=recorder) == {"lib": "1.1", "app": "1.0"}
    (notice,) = recorder.texts(Notice)
    assert "gone" in notice
    assert world.solve("lib", constraints=["lib<1.1; os_name == 'nt'"]) == {"lib": "1.1"}


def test_extras_bring_their_requirements(world: PackageWorld) -> None:
    world.add("app", "1.0", ["lib<1.1; extra == 'Old_Lib'", "more; extra == 'more'"], extras=["Old_Lib", "more"])
    world.add("more", "1.0")
    resolution = world.resolve("app[old-lib]")
    assert {pin.name: str(pin.version) for pin in resolution.pins} == {"lib": "1.0", "app": "1.0"}
    assert {pin.name: sorted(pin.extras) for pin in resolution.pins} == {"lib": [], "app": ["old-lib"]}


def test_extras_may_refer_to_their_own_project() -> None:
    world = PackageWorld()
    world.add(
        "app", "1.0", ["app[a,b]; extra == 'all'", "x; extra == 'a'", "y; extra == 'b'"], extras=["all", "a", "b"]
    )
    world.add("x", "1.0")
    world.add("y", "1.0", ["app"])
    assert world.solve("app[all]") == {"x": "1.0", "y": "1.0", "app": "1.0"}


def test_two_who_ask_for_extras_get_one_version() -> None:
    world = PackageWorld()
    world.add("lib", "1.0", ["x; extra == 'a'", "y; extra == 'b'"], extras=["a", "b"])
    world.add("lib", "2.0", ["x; extra == 'a'"], extras=["a"])
    world.add("x", "1.0")
    world.add("y", "1.0")
    world.add("app", "1.0", ["lib[b]<2"])
    assert world.solve("lib[a]", "app") == {"x": "1.0", "y": "1.0", "lib": "1.0", "app": "1.0"}


def test_an_unknown_extra_is_a_warning(world: PackageWorld) -> None:
    recorder = Recorder()
    assert world.solve("lib[speed]", recorder=recorder) == {"lib": "1.1"}
    assert recorder.texts(Warned) == ["lib 1.1 does not provide the extra 'speed'"]


def test_no_deps_takes_only_what_was_named(world: PackageWorld) -> None:
    world.add("app", "1.0", ["gone", "lib; extra == 'x'"], extras=["x"])
    resolution = world.resolve("app[x]", policy=ResolvePolicy(no_deps=True))
    assert [pin.name for pin in resolution.pins] == ["app"]
    assert [edge.requirer for edge in resolution.edges] == [None]


def test_a_release_with_unusable_metadata_is_skipped_once_and_said(world: PackageWorld) -> None:
    recorder = Recorder()
    world.add("bad", "3.0", says=metadata("other", "3.0"))
    world.add("bad", "2.9", says=metadata("bad", "2.8"))
    world.broken[world.add("bad", "2.0")] = UnsatisfiableError("Its Requires-Dist is nonsense.")
    world.add("bad", "1.5", requires_python=">=3.13", listed_python=">=3")
    world.add("bad", "1.0")
    assert world.solve("bad", recorder=recorder) == {"bad": "1.0"}
    warnings = recorder.texts(Warned)
    assert [text.partition(":")[0] for text in warnings] == [
        "Skipped bad 3.0",
        "Skipped bad 2.9",
        "Skipped bad 2.0",
    ] or (all(text.startswith("Skipped bad") for text in warnings) and len(warnings) == 3)


def test_a_server_that_fails_is_not_a_missing_project(world: PackageWorld) -> None:
    world.failures["down"] = NetworkError("https://index.test did not answer.")
    world.add("app", "2.0", ["down"])
    world.add("app", "1.0")
    with pytest.raises(NetworkError):
        world.solve("app")


def test_a_missing_dependency_rules_out_the_release_that_needs_it(world: PackageWorld) -> None:
    world.add("app", "2.0", ["gone"])
    world.add("app", "1.0", ["lib"])
    assert world.solve("app")["app"] == "1.0"


def test_the_status_of_a_project_is_said(world: PackageWorld) -> None:
    recorder = Recorder()
    world.add_empty("lib", ProjectStatus.ARCHIVED)
    assert world.solve("lib", recorder=recorder) == {"lib": "1.1"}
    assert recorder.texts(Notice) == ["lib is marked as archived by its index."]


def test_releases_tried_one_after_the_other_are_asked_for_ahead() -> None:
    world = PackageWorld()
    world.add("lib", "1")
    for number in range(40):
        world.add("app", str(number), ["lib>1"] if number else ["lib"])
    assert world.solve("app", "lib")["app"] == "0"
    read, hinted = (list(dict.fromkeys(names)) for names in (world.read, world.hinted_wheels))
    assert set(read) <= set(hinted)
    assert hinted[2:6] == [f"app-{number}-py3-none-any.whl" for number in (38, 37, 36, 35)]


def test_listings_and_likely_metadata_are_asked_for_ahead(world: PackageWorld) -> None:
    world.add("app", "1.0", ["lib", "more", "lib>=1"])
    world.add("more", "1.0")
    world.add("more", "2.0")
    world.solve("app")
    assert world.hinted == ["app", "lib", "more"]
    assert world.hinted_wheels == [
        "app-1.0-py3-none-any.whl",
        "lib-1.1-py3-none-any.whl",
        "more-2.0-py3-none-any.whl",
    ]
    assert world.listed == ["app", "lib", "more"]
    assert len(world.read) == 3, "each metadata is read once"
