"""The words of a refusal: outcomes kept apart, and who asks for what."""

from __future__ import annotations

import pytest

from holdfast.errors import BrokenReleases, ResolutionConflict
from holdfast.model.release import ProjectStatus
from holdfast.model.request import FormatControl, ResolvePolicy
from holdfast.model.requirement import parse_requirement
from holdfast.model.urls import printable_url
from holdfast.resolve.words import listed, requirement_words
from tests.support.package_world import INDEX, PackageWorld, installed, metadata, root


def refusal(world: PackageWorld, *asked: str, **options: object) -> ResolutionConflict:
    with pytest.raises(ResolutionConflict) as caught:
        world.solve(*asked, **options)
    assert caught.value.exit_code == (5 if isinstance(caught.value, BrokenReleases) else 1)
    assert caught.value.derivation
    return caught.value


@pytest.fixture
def world() -> PackageWorld:
    return PackageWorld()


def test_absent(world: PackageWorld) -> None:
    error = refusal(world, "reqeusts")
    assert error.reason == "absent"
    assert "reqeusts does not exist" in error.cause
    assert INDEX in error.cause
    assert error.hint


def test_absent_dependency_names_who_needs_it(world: PackageWorld) -> None:
    world.add("app", "1.0", ["gone>=2"])
    error = refusal(world, "app")
    assert error.reason == "absent"
    assert error.details == ("app 1.0 requires 'gone>=2'", "The command line asks for 'app'")


def test_unmatched(world: PackageWorld) -> None:
    world.add("lib", "1.0")
    world.add("lib", "2.0")
    error = refusal(world, "lib>=3")
    assert error.reason == "unmatched"
    assert error.cause == "No release of lib matches 'lib>=3': it has 1.0 and 2.0."


def test_filtered_as_source_only(world: PackageWorld) -> None:
    world.add_file("lib", "lib-1.0.tar.gz")
    error = refusal(world, "lib")
    assert error.reason == "filtered"
    assert "holdfast installs wheels only for now" in error.cause


def test_filtered_by_option(world: PackageWorld) -> None:
    world.add("lib", "1.0")
    error = refusal(world, "lib", policy=ResolvePolicy(formats=FormatControl(all_no_binary=True)))
    assert error.reason == "filtered"
    assert "--no-binary" in error.details[0]


def test_a_hint_leads_to_a_release_that_matches(world: PackageWorld) -> None:
    world.add("lib", "0.9", yanked="bad")
    world.add("lib", "2.0a1")
    world.add("lib", "2.0", yanked="worse")
    assert refusal(world, "lib<1").hint == "Pin the yanked release if you must have it: 'lib==0.9'"
    world.add_file("lib", "lib-0.8.tar.gz")
    assert refusal(world, "lib<0.9").hint is None


def test_filtered_without_files(world: PackageWorld) -> None:
    world.add_empty("lib")
    error = refusal(world, "lib")
    assert error.reason == "filtered"
    assert "no files" in error.cause


def test_incompatible_says_whom_the_files_are_for(world: PackageWorld) -> None:
    world.add("lib", "1.0", tags="cp39-cp39-win_amd64")
    world.add("lib", "2.0", listed_python=">=3.13")
    error = refusal(world, "lib")
    assert error.reason == "incompatible"
    assert any("cp39 on win_amd64" in line for line in error.details)
    assert any("requires Python >=3.13, and this is 3.12.1" in line for line in error.details)


def test_quarantined(world: PackageWorld) -> None:
    world.add("lib", "1.0")
    world.add_empty("lib", ProjectStatus.QUARANTINED)
    error = refusal(world, "lib")
    assert error.reason == "quarantined"
    assert "quarantined" in error.cause


def test_unusable_metadata(world: PackageWorld) -> None:
    world.add("lib", "1.0", says=metadata("other", "1.0"))
    error = refusal(world, "lib")
    assert error.reason == "unusable"
    assert error.exit_code == 5
    assert "lib 1.0" in error.cause
    assert "other" in error.cause


def test_a_clash_names_both_requirements_and_who_asks(world: PackageWorld) -> None:
    for version in ("1.0", "2.0"):
        world.add("lib", version)
    world.add("app", "1.0", ["mid"])
    world.add("mid", "1.0", ["lib>=2"])
    error = refusal(world, "app", root("lib<2", origin="requirements.txt:3"))  # type: ignore[arg-type]
    assert error.reason == "conflict"
    assert error.cause == "requirements.txt:3 asks for 'lib<2', but mid 1.0 requires 'lib>=2'."
    assert error.details == ("app 1.0 requires 'mid'", "The command line asks for 'app'")


def test_a_clash_of_two_lines(world: PackageWorld) -> None:
    world.add("lib", "1.0")
    world.add("lib", "2.0")
    error = refusal(world, "lib<2", "lib>=2")
    assert error.cause == "The command line asks for 'lib<2' and 'lib>=2', and nothing satisfies both."


def test_a_clash_with_a_constraint(world: PackageWorld) -> None:
    world.add("lib", "1.0")
    world.add("lib", "2.0")
    error = refusal(world, "lib>=2", constraints=["lib<2"])
    assert error.cause == "The command line asks for 'lib>=2', but constraints.txt:1 constrains 'lib<2'."


def test_a_clash_of_three(world: PackageWorld) -> None:
    for version in ("1", "2", "3"):
        world.add("lib", version)
    for number in ("1", "2", "3"):
        world.add(f"app{number}", "1.0", [f"lib!={number}"])
    error = refusal(world, "app1", "app2", "app3")
    assert [f"app{number} 1.0 requires 'lib!={number}'" in error.details for number in "123"] == [True] * 3


def test_a_circle_names_both_halves(world: PackageWorld) -> None:
    for number in range(4):
        world.add("a", str(number), [f"b=={number}"])
        world.add("b", str(number), [f"a=={(number + 1) % 4}"])
    error = refusal(world, "a", "b")
    assert error.cause == "a 3 requires 'b==3', but b 3 requires 'a==0'."


def test_what_is_installed_is_said_to_be(world: PackageWorld) -> None:
    world.add("lib", "1.0")
    world.add("lib", "2.0")
    there = installed(metadata("old", "1.0", ["lib<2"]))
    error = refusal(world, "old", "lib>=2", installed=there)
    assert "old 1.0 (installed) requires 'lib<2'" in error.cause


def test_many_releases_are_named_as_a_range(world: PackageWorld) -> None:
    world.add("lib", "1.0")
    world.add("lib", "2.0")
    for number in range(9):
        world.add("app", f"1.{number}", ["lib<2"])
    error = refusal(world, "app", "lib>=2")
    assert "app (every release, 1.0 to 1.8) requires 'lib<2'" in error.cause


def test_words() -> None:
    assert printable_url("https://u:p@h.test:8080/a?b=c#d") == "https://h.test:8080/a"
    assert requirement_words(parse_requirement("a[c,b] >=1, <2 ; os_name=='nt'")) == "'a[b,c]>=1,<2'"
    assert listed(["a", "b", "c"]) == "a, b and c"
