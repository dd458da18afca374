"""What ``doctor`` tells each of several users of one directory (issue 4, number 15)."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest

from holdfast.model.transaction import LOCK_NAME
from tests.support.areas import dead_owner, plant_lock, plant_transaction
from tests.support.trees import snapshot
from tests.support.users import People, User


@pytest.fixture
def lib(crowd: People, public: str) -> str:
    """A directory of root's and the group's: setgid, g+w."""
    path = os.path.join(public, "lib")
    os.mkdir(path)
    os.chown(path, 0, crowd.gid)
    os.chmod(path, 0o2775)
    return path


def judged(user: User, path: str, *, code: int = 0, umask: int = 0o077) -> dict[str, Any]:
    """His answer; nothing is left, and each remark has a command."""
    before = snapshot(path)
    found: dict[str, Any] = user.holdfast("doctor", "--json", path, umask=umask).returned(code).json
    assert snapshot(path) == before
    assert all(remark["text"] and remark["command"] for remark in found["remarks"])
    return found


def stops(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What stops an installation, and what to type."""
    return [(remark["text"], remark["command"]) for remark in found["remarks"] if remark["stops"]]


def test_who_may_not_write_is_told_and_nothing_is_tried(crowd: People, lib: str) -> None:
    found = judged(crowd.c, lib, code=3)
    (directory,) = found["directories"]
    assert (directory["writable"], directory["trials"], found["work_area"], found["lock_mode"]) == (
        False,
        None,
        None,
        None,
    )
    assert directory["rights"]["writers"] == ["user root", f"group {crowd.group}"]
    assert directory["filesystem"]
    ((text, command),) = stops(found)
    assert text.startswith(f"{lib} may not be written by {crowd.c.name}")
    assert f"usermod -aG {crowd.group} {crowd.c.name}" in command
    assert crowd.c.holdfast("doctor", "--json", f"{lib}/new").returned(3).json["missing"]
    said = crowd.c.holdfast("doctor", lib).returned(3).stdout
    assert f"stops: {text}" in said
    assert "writable        no" in said


def test_one_of_the_group_is_told_what_all_get(crowd: People, lib: str) -> None:
    for user in (crowd.a, crowd.b, crowd.root):
        found = judged(user, lib)
        rights = found["directories"][0]["rights"]
        assert rights["shared"]
        assert found["link_mode"] in {"copy", "reflink"}  # a link would carry his rights to all
        assert (rights["group"], rights["new_group"]) == (crowd.group, crowd.group)
        assert (rights["new_file"], rights["new_program"], rights["new_directory"]) == ("0664", "0775", "2775")
        assert found["remarks"] == []


def test_without_setgid_it_is_said_what_others_make_there(crowd: People, lib: str) -> None:
    os.chmod(lib, 0o775)
    (remark,) = judged(crowd.a, lib)["remarks"]
    assert (remark["command"], remark["stops"]) == (f"chmod g+s {lib}", False)


def test_a_group_that_cannot_be_given(crowd: People, lib: str) -> None:
    """The owner is not of the group that shares his directory."""
    os.chown(lib, crowd.c.uid, crowd.gid)
    os.chmod(lib, 0o775)
    found = judged(crowd.c, lib)
    assert found["directories"][0]["trials"]["group"]["answer"] == "refused"
    assert f"sudo usermod -aG {crowd.group} {crowd.c.name}" in [remark["command"] for remark in found["remarks"]]


def test_the_dead_lock_of_somebody_else(crowd: People, lib: str) -> None:
    """The group breaks it; where the directory is sticky, or the lock not the group's, only its owner or root may."""
    record = plant_lock(lib, dead_owner())
    place = os.path.join(lib, LOCK_NAME)
    os.chmod(place, 0o2775)
    found = judged(crowd.a, lib)
    assert [remark["command"] for remark in found["remarks"]] == [f"holdfast recover --target {lib}"]
    os.chmod(place, 0o755)
    ((text, command),) = stops(judged(crowd.a, lib, code=3))
    assert text.startswith(f"{place} was left by process ")
    assert command == f"As its owner or root: rm -r {place}"
    crowd.a.holdfast("recover", "--target", lib).returned(6)  # it is true
    os.chmod(place, 0o2775)
    os.chmod(lib, 0o3775)
    assert stops(judged(crowd.b, lib, code=3))
    os.remove(record)
    assert stops(judged(crowd.b, lib, code=3)) == [
        (f"{place} was left by somebody, and may not be removed by this user: Operation not permitted.", command)
    ]
    judged(crowd.root, lib)


def test_the_journal_of_somebody_else(crowd: People, lib: str) -> None:
    """Who may recover it is told how; who may not, that he may not."""
    path = plant_transaction(lib, dead_owner())
    os.mkdir(f"{path}/taken")
    for each in (path, f"{path}/new", f"{path}/old", f"{path}/taken"):
        os.chown(each, 0, crowd.gid)
        os.chmod(each, 0o2775)
    (remark,) = judged(crowd.a, lib)["remarks"]
    assert (remark["command"], remark["stops"]) == (f"holdfast recover --target {lib}", False)
    os.chmod(f"{path}/new", 0o755)
    ((text, command),) = stops(judged(crowd.a, lib, code=3))
    assert text.startswith("This user may not take back the interrupted transaction of `holdfast install somebody`")
    assert command == f"sudo holdfast recover --target {lib}"
    crowd.root.holdfast("recover", "--target", lib).ok()
    assert judged(crowd.a, lib)["transactions"] == []


def test_a_home_that_nobody_else_may_look_into(crowd: People) -> None:
    """What cannot be seen is judged by what can."""
    private = os.path.join(crowd.a.home, "private")
    os.makedirs(f"{private}/lib")
    os.chown(private, crowd.a.uid, crowd.a.gid)
    os.chmod(private, 0o700)
    try:
        found = crowd.c.holdfast("doctor", "--json", f"{private}/lib").returned(3).json
        ((text, _),) = stops(found)
        assert text.startswith(f"{private} may not be written by {crowd.c.name}")
        os.chmod(private, 0o733)
        ((text, command),) = stops(crowd.c.holdfast("doctor", "--json", private).returned(3).json)
        assert text.startswith(f"{private} may not be read by {crowd.c.name}")
        assert command == f"ls -ld {private}"
    finally:
        shutil.rmtree(private)


def test_what_can_be_changed_by_everybody(crowd: People) -> None:
    """``/tmp`` and its like: everybody may install there, each his own."""
    found = judged(crowd.c, crowd.c.tmp)
    (remark,) = found["remarks"]
    assert "is sticky" in remark["text"]
    assert not found["directories"][0]["rights"]["shared"]
