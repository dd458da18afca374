"""In a shared target what leaves is first given the group's rights by its owner."""

from __future__ import annotations

import os
import stat

import pytest

from holdfast.disk import calls
from holdfast.model.changes import ChangeSet, ExpectDirectory, Place
from holdfast.model.rights import Sharing
from holdfast.model.target import SchemeKey, Target
from holdfast.stage.leaving import share_leaving
from tests.support.areas import bare_target

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory to any group")
GROUP = 54321


@pytest.fixture
def target(tmp_path: object) -> Target:
    found = bare_target(f"{tmp_path}/env")
    for path in ("pkg", "pkg/deep", "stays"):
        os.mkdir(os.path.join(found.scheme.purelib, path), 0o755)
    return found


def share(target: Target, mode: int) -> None:
    os.chown(target.scheme.purelib, -1, GROUP)
    os.chmod(target.scheme.purelib, mode)


def leaving(*paths: str) -> ChangeSet:
    places = (Place(scheme=SchemeKey.PURELIB, path=path) for path in paths)
    expected = tuple(ExpectDirectory(place=place, inode=0, mtime_ns=0, entries={}) for place in places)
    return ChangeSet(projects=(), expectations=expected, steps=(), contents={}, listed={})


def rights(target: Target, path: str) -> tuple[str, int]:
    status = os.stat(os.path.join(target.scheme.purelib, path))
    return oct(stat.S_IMODE(status.st_mode)), status.st_gid


@pytest.mark.parametrize(("mode", "wanted"), [(0o775, 0o775), (0o2775, 0o2775), (0o2770, 0o2775)])
def test_a_directory_and_those_in_it_get_the_groups_rights(target: Target, mode: int, wanted: int) -> None:
    share(target, mode)
    share_leaving(leaving("pkg", "pkg/deep"), target)
    assert rights(target, "pkg") == rights(target, "pkg/deep") == (oct(wanted), GROUP)
    assert rights(target, "stays") == (oct(0o755), 0)


def test_nothing_is_given_where_nobody_shares(target: Target) -> None:
    share_leaving(leaving("pkg", "pkg/deep"), target)
    assert rights(target, "pkg") == rights(target, "pkg/deep") == (oct(0o755), 0)


def test_what_is_asked_for_is_given(target: Target) -> None:
    share_leaving(leaving("pkg"), target, sharing=Sharing(gid=GROUP))
    assert rights(target, "pkg") == (oct(0o2775), GROUP)


def test_what_is_complete_is_not_touched(target: Target) -> None:
    share(target, 0o2775)
    share_leaving(leaving("pkg"), target)
    before = os.stat(os.path.join(target.scheme.purelib, "pkg")).st_ctime_ns
    share_leaving(leaving("pkg"), target)
    assert os.stat(os.path.join(target.scheme.purelib, "pkg")).st_ctime_ns == before


def test_a_symlink_that_came_to_its_place_is_not_followed(target: Target, tmp_path: object) -> None:
    share(target, 0o2775)
    outside = f"{tmp_path}/outside"
    os.makedirs(f"{outside}/deep", 0o755)
    package = os.path.join(target.scheme.purelib, "pkg")
    os.rename(package, f"{package}.away")
    os.symlink(outside, package)
    share_leaving(leaving("pkg", "pkg/deep"), target)
    for path in (outside, f"{outside}/deep"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o755


class Refusing(calls.Calls):
    """No group may be given."""

    def __init__(self) -> None:
        def fchown(fd: int, uid: int, gid: int) -> None:
            raise PermissionError(1, f"Operation not permitted: {fd} {uid} {gid}")

        self.fchown = fchown


def test_a_group_that_is_refused_takes_nothing_away(target: Target) -> None:
    share(target, 0o2775)
    os.chmod(os.path.join(target.scheme.purelib, "pkg"), 0o750)
    with calls.using(Refusing()):
        share_leaving(leaving("pkg"), target)
    assert rights(target, "pkg") == (oct(0o750), 0)


def test_what_is_gone_is_left_to_the_commit(target: Target) -> None:
    share(target, 0o2775)
    share_leaving(leaving("gone", "gone/deeper", "pkg"), target)
    assert rights(target, "pkg") == (oct(0o2775), GROUP)
