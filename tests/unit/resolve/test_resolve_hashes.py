"""--require-hashes and per-requirement hashes."""

from __future__ import annotations

import pytest

from holdfast.errors import ResolutionConflict, UnsatisfiableError
from holdfast.model.request import ResolvePolicy
from holdfast.model.resolution import IndexWheel
from tests.support.package_world import PackageWorld, digest, installed, metadata, root

STRICT = ResolvePolicy(require_hashes=True)


@pytest.fixture
def world() -> PackageWorld:
    found = PackageWorld()
    found.add("lib", "1.0")
    found.add("app", "1.0", ["lib"])
    return found


LIB = digest("lib-1.0-py3-none-any.whl")
APP = digest("app-1.0-py3-none-any.whl")


def test_everything_pinned_and_hashed_is_accepted(world: PackageWorld) -> None:
    resolution = world.resolve(
        root("app==1.0", hashes=[APP]), root("lib==1.0", hashes=[digest("x"), LIB]), policy=STRICT
    )
    (lib, _) = resolution.pins
    assert isinstance(lib.source, IndexWheel)
    assert lib.source.file.hashes == (LIB,)


def test_one_hash_asks_for_all(world: PackageWorld) -> None:
    with pytest.raises(UnsatisfiableError, match="pinned with ==") as caught:
        world.resolve(root("app==1.0", hashes=[APP]))
    assert caught.value.details == (f"lib==1.0 --hash={LIB}",)


def test_missing_hashes_are_listed(world: PackageWorld) -> None:
    with pytest.raises(UnsatisfiableError, match="missing from some requirements") as caught:
        world.resolve("app==1.0", "lib==1.0", policy=STRICT)
    assert [line.partition(" ")[0] for line in caught.value.details] == ["app==1.0", "lib==1.0"]


def test_a_constraint_may_pin_and_hash_a_dependency(world: PackageWorld) -> None:
    assert world.solve(root("app==1.0", hashes=[APP]), constraints=[root("lib==1.0", hashes=[LIB])])


def test_what_is_installed_needs_no_hash(world: PackageWorld) -> None:
    there = installed(metadata("app", "1.0", ["lib"]), metadata("lib", "1.0"))
    assert world.solve("app", policy=STRICT, installed=there)


def test_a_hash_that_no_file_has_is_filtered(world: PackageWorld) -> None:
    with pytest.raises(ResolutionConflict) as caught:
        world.resolve(root("lib==1.0", hashes=[digest("other")]))
    assert caught.value.reason == "filtered"
    assert "hash" in caught.value.details[0]


def test_two_lines_with_different_hashes_are_refused(world: PackageWorld) -> None:
    lines = [
        root("lib==1.0", hashes=[LIB], origin="a.txt:1"),
        root("lib==1.0", hashes=[digest("other")], origin="b.txt:2"),
    ]
    with pytest.raises(UnsatisfiableError, match=r"lib in a\.txt:1 and in b\.txt:2"):
        world.resolve(*lines)


def test_a_file_without_listed_hashes_is_verified_against_the_line() -> None:
    world = PackageWorld()
    world.add("lib", "1.0", hashes=())
    (pin,) = world.resolve(root("lib==1.0", hashes=[LIB])).pins
    assert isinstance(pin.source, IndexWheel)
    assert pin.source.file.hashes == (LIB,)
