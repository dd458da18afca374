"""Issue 4, item 9: who is not in the group gets a clear refusal before anything is downloaded.

The refusal names directory, owner and remedy. To look, and for what is there already, he needs nothing.
"""

from __future__ import annotations

import os

import pytest

from tests.support.environments import distributions
from tests.support.index import Index
from tests.support.trees import snapshot, unchanged
from tests.support.users import People, User
from tests.support.wheels import pkg
from tests.system.shared import Place, alpha, shared_directory

WORDS = (("install", "beta"), ("install", "-U", "alpha"), ("uninstall", "alpha"))


@pytest.fixture
def place(crowd: People, public: str, index: Index) -> Place:
    """``alpha`` 1.0 is installed."""
    index.add(alpha("1.0"), alpha("2.0"), pkg("beta"))
    directory = shared_directory(public, "place", crowd, 0o2775)
    found = Place(people=crowd, directory=directory, index=index, umask=0o022)
    found.make(crowd.a)
    found.holdfast(crowd.a, "install", "alpha==1.0").ok()
    index.forget()
    return found


def refused(place: Place, user: User, *words: str, **env: str | None) -> str:
    """What is said; nothing was downloaded, nothing changed."""
    before = snapshot(place.directory)
    done = place.holdfast(user, *words, **env).returned(3)
    assert not place.index.asked("/files/*.whl")
    unchanged(before, place.directory)
    assert "Nothing was changed." in done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_who_is_outside_of_the_group_is_told_how_to_become_one_of_it_and_that_helps(place: Place) -> None:
    a, c, group = place.people.a, place.people.c, place.people.group
    for words in WORDS:
        said = refused(place, c, *words)
        where = place.venv.site_packages
        assert f"{where} may not be written by {c.name}: it belongs to {a.name} and the group {group}" in said
        assert f"sudo usermod -aG {group} {c.name}, then log in again; or an environment of your own" in said
    member = User(
        name=c.name, uid=c.uid, gid=c.gid, groups=(place.people.gid,), home=c.home, tmp=c.tmp, bin=c.bin
    )  # after usermod and a new login
    place.holdfast(member, "install", "-U", "alpha").ok()
    assert distributions(place.venv.site_packages) == {"alpha": "2.0"}
    place.check()


def test_who_is_outside_of_the_group_may_look_and_needs_nothing_for_what_is_there(place: Place) -> None:
    before = snapshot(place.directory)
    for words in (("list",), ("check", "--files"), ("install", "alpha"), ("install", "--dry-run", "-U", "alpha")):
        place.holdfast(place.people.c, *words).ok()
    unchanged(before, place.directory)


def test_where_others_may_not_even_look_that_is_said(crowd: People, public: str, index: Index) -> None:
    directory = shared_directory(public, "place", crowd, 0o2775)
    place = Place(people=crowd, directory=directory, index=index, umask=0o077)
    place.make(crowd.a)
    done = place.holdfast(crowd.c, "install", "alpha").returned(3)
    assert f"is closed to {crowd.c.name}: {place.venv.root} belongs to {crowd.a.name} and the group" in done.stderr
    assert f"sudo usermod -aG {crowd.group} {crowd.c.name}" in done.stderr
    assert "does not exist" not in done.stderr
    named = place.holdfast(crowd.c, "install", "--python", place.venv.root, "alpha", VIRTUAL_ENV=None).returned(3)
    assert "is closed to" in named.stderr


def test_somebody_elses_private_environment(crowd: People, public: str, index: Index) -> None:
    index.add(alpha("1.0"))
    home = os.path.join(public, "as")
    os.mkdir(home)
    os.chown(home, crowd.a.uid, crowd.a.gid)
    place = Place(people=crowd, directory=home, index=index, umask=0o022)
    crowd.a.holdfast("venv", "--python", crowd.interpreter.executable, place.venv.root).ok()
    said = refused(place, crowd.b, "install", "alpha")
    assert f"it belongs to {crowd.a.name} and the group {crowd.a.name} (drwxr-xr-x)" in said
    assert f"sudo -u {crowd.a.name} holdfast ..." in said
    assert f"ENV HOLDFAST_SHARED={crowd.b.name}" in said


def test_a_directory_of_another_member_that_the_group_may_not_write_is_named(place: Place) -> None:
    """As pip makes it under umask 022: only its owner can replace what is in it."""
    a, b = place.people.a, place.people.b
    deep = os.path.join(place.venv.site_packages, "alpha", "deep")
    os.chmod(deep, 0o2755)
    said = refused(place, b, "install", "-U", "alpha")
    assert f"{deep} may not be written by {b.name}: it belongs to {a.name}" in said
    assert f"sudo -u {a.name} holdfast ..." in said
    place.holdfast(a, "install", "-U", "alpha").ok()
    place.check()


def test_bytecode_of_another_members_import_that_nobody_else_may_remove_is_named(place: Place) -> None:
    b = place.people.b
    cache = os.path.join(place.venv.site_packages, "alpha", "deep", "__pycache__")
    os.chmod(cache, 0o2755)
    assert f"{cache} may not be written by {b.name}" in refused(place, b, "uninstall", "alpha")
