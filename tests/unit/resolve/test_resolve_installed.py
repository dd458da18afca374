"""The part of what is installed, and of direct URLs."""

from __future__ import annotations

import pytest

from holdfast.errors import ResolutionConflict
from holdfast.model.request import ResolvePolicy, UpgradeStrategy
from holdfast.model.resolution import AlreadyInstalled, DirectWheel, IndexWheel
from tests.support.package_world import PackageWorld, digest, installed, metadata, root

URL = "https://files.test/lib-5.0-py3-none-any.whl"
EAGER = ResolvePolicy(upgrade=True, upgrade_strategy=UpgradeStrategy.EAGER)


@pytest.fixture
def world() -> PackageWorld:
    found = PackageWorld()
    for version in ("1.0", "1.1", "2.0"):
        found.add("lib", version)
        found.add("app", version, ["lib"])
    return found


def test_what_is_satisfied_asks_the_index_nothing(world: PackageWorld) -> None:
    there = installed(metadata("app", "1.0", ["lib>=1"]), metadata("lib", "1.0"))
    resolution = world.resolve("app", installed=there)
    assert {pin.name: str(pin.version) for pin in resolution.pins} == {"lib": "1.0", "app": "1.0"}
    assert all(isinstance(pin.source, AlreadyInstalled) for pin in resolution.pins)
    assert [*world.listed, *world.read, *world.hinted] == []


def test_a_requirement_that_it_does_not_satisfy_brings_the_newest(world: PackageWorld) -> None:
    there = installed(metadata("lib", "1.0"))
    assert world.solve("lib>1.0", installed=there) == {"lib": "2.0"}
    world.add("new", "1.0", ["lib>=1.1"])
    assert world.solve("new", installed=there) == {"new": "1.0", "lib": "2.0"}


def test_upgrade_is_for_what_was_named(world: PackageWorld) -> None:
    there = installed(metadata("app", "1.0", ["lib"]), metadata("lib", "1.0"))
    assert world.solve("app", installed=there, policy=ResolvePolicy(upgrade=True)) == {"lib": "1.0", "app": "2.0"}
    assert world.solve("app", installed=there, policy=EAGER) == {"lib": "2.0", "app": "2.0"}


def test_upgrade_keeps_what_is_the_newest_already(world: PackageWorld) -> None:
    there = installed(metadata("lib", "2.0"))
    (pin,) = world.resolve("lib", installed=there, policy=ResolvePolicy(upgrade=True)).pins
    assert isinstance(pin.source, AlreadyInstalled)
    newer = installed(metadata("lib", "9.0.dev1"))
    assert world.solve("lib", installed=newer, policy=ResolvePolicy(upgrade=True)) == {"lib": "9.0.dev1"}


@pytest.mark.parametrize("policy", [ResolvePolicy(force_reinstall=True), ResolvePolicy(ignore_installed=True)])
def test_force_and_ignore_look_past_it(world: PackageWorld, policy: ResolvePolicy) -> None:
    there = installed(metadata("lib", "1.0"))
    (pin,) = world.resolve("lib<2", installed=there, policy=policy).pins
    assert str(pin.version) == "1.1"
    assert isinstance(pin.source, IndexWheel)


def test_an_installed_distribution_in_the_way_gives_way(world: PackageWorld) -> None:
    there = installed(metadata("old", "1.0", ["lib<2"]))
    world.add("old", "2.0", ["lib>=2"])
    world.add("new", "1.0", ["old", "lib>=2"])
    assert world.solve("new", installed=there) == {"new": "1.0", "old": "2.0", "lib": "2.0"}


def test_yanked_and_prereleases_stay_when_installed(world: PackageWorld) -> None:
    world.add("lib", "3.0b1")
    world.add("pulled", "1.0", yanked="")
    there = installed(metadata("lib", "3.0b1"), metadata("pulled", "1.0"))
    assert world.solve("lib", "pulled", installed=there) == {"lib": "3.0b1", "pulled": "1.0"}


def test_a_constraint_moves_what_is_installed(world: PackageWorld) -> None:
    there = installed(metadata("lib", "2.0"))
    assert world.solve("lib", installed=there, constraints=["lib<2"]) == {"lib": "1.1"}


def test_a_direct_url_is_the_only_candidate(world: PackageWorld) -> None:
    world.add("lib", "5.0", url=URL)
    resolution = world.resolve("app", f"lib @ {URL}")
    assert {pin.name: str(pin.version) for pin in resolution.pins} == {"lib": "5.0", "app": "2.0"}
    assert world.listed == ["app"]
    (lib,) = [pin for pin in resolution.pins if pin.name == "lib"]
    assert isinstance(lib.source, DirectWheel)


def test_a_dependency_may_name_a_url(world: PackageWorld) -> None:
    world.add("lib", "5.0", url=URL)
    world.add("top", "1.0", ["app", f"lib @ {URL}"])
    assert world.solve("top") == {"lib": "5.0", "app": "2.0", "top": "1.0"}


def test_a_url_that_only_a_rejected_release_named_is_not_taken(world: PackageWorld) -> None:
    world.add("lib", "5.0", url=URL)
    world.add("top", "2.0", [f"lib @ {URL}", "gone"])
    world.add("top", "1.0", ["lib"])
    assert world.solve("top") == {"lib": "2.0", "top": "1.0"}
    with pytest.raises(ResolutionConflict):
        world.solve("top", "lib>=5")


def test_a_constraint_url_applies_when_needed(world: PackageWorld) -> None:
    world.add("lib", "5.0", url=URL)
    assert world.solve("lib", constraints=[f"lib @ {URL}"]) == {"lib": "5.0"}
    assert world.solve("app", constraints=[f"lib @ {URL}"])["lib"] == "5.0"


def test_two_urls_for_one_project_clash(world: PackageWorld) -> None:
    other = "https://user:secret@else.test/lib-5.0-py3-none-any.whl?token=hidden"
    world.add("lib", "5.0", url=URL)
    world.add("lib", "5.0", url=other)
    with pytest.raises(ResolutionConflict) as caught:
        world.solve(f"lib @ {URL}", f"lib @ {other}")
    said = "\n".join((caught.value.cause, *caught.value.details, *caught.value.derivation))
    assert URL in said
    assert "else.test" in said
    assert "secret" not in said
    assert "hidden" not in said


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://files.test/lib-5.0.tar.gz", "wheels only"),
        ("git+https://files.test/lib.git@main", "wheels only"),
        ("https://files.test/other-5.0-py3-none-any.whl", "a wheel of other"),
        ("https://files.test/lib-5.0-cp39-cp39-win32.whl", "another platform"),
    ],
)
def test_a_url_that_leads_nowhere_says_why(world: PackageWorld, url: str, reason: str) -> None:
    with pytest.raises(ResolutionConflict, match=reason):
        world.solve(f"lib @ {url}")


@pytest.mark.parametrize(
    ("asked", "record", "kept"),
    [
        (URL, {"url": URL, "archive_info": {}}, True),
        (URL.replace("//", "//user:word@"), {"url": URL, "archive_info": {}}, True),
        (URL, {"url": "https://else.test/lib-5.0-py3-none-any.whl", "archive_info": {}}, False),
        (f"{URL}#{digest('a')}".replace("sha256:", "sha256="), {"url": URL, "archive_info": {}}, False),
        (
            f"{URL}#{digest('a')}".replace("sha256:", "sha256="),
            {"url": URL, "archive_info": {"hashes": {"sha256": digest("a").digest}}},
            True,
        ),
        (
            f"{URL}#{digest('a')}".replace("sha256:", "sha256="),
            {"url": URL, "archive_info": {"hash": f"sha256={digest('b').digest}"}},
            False,
        ),
    ],
)
def test_the_same_url_and_hash_is_already_there(
    world: PackageWorld,
    asked: str,
    record: dict[str, object],
    kept: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    world.add("lib", "5.0", url=asked.partition("#")[0])
    there = installed((metadata("lib", "5.0"), record))
    (pin,) = world.resolve(f"lib @ {asked}", installed=there).pins
    assert isinstance(pin.source, AlreadyInstalled) == kept


def test_a_local_file_is_installed_again_unless_its_hash_is_known(world: PackageWorld) -> None:
    url = "file:///wheels/lib-5.0-py3-none-any.whl"
    world.add("lib", "5.0", url=url)
    there = installed((metadata("lib", "5.0"), {"url": url, "archive_info": {}}))
    (pin,) = world.resolve(f"lib @ {url}", installed=there).pins
    assert isinstance(pin.source, DirectWheel)


def test_the_hash_of_a_requirement_line_goes_to_the_url(world: PackageWorld) -> None:
    world.add("lib", "5.0", url=URL)
    (pin,) = world.resolve(root(f"lib @ {URL}", hashes=[digest("a")])).pins
    assert isinstance(pin.source, DirectWheel)
    assert pin.source.direct.hashes == (digest("a"),)
