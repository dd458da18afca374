"""Issue 5, item 9, with real users: each has his own history, and nobody takes back what another one did."""

from __future__ import annotations

import os

import pytest

from tests.support.environments import distributions
from tests.support.index import Index
from tests.support.users import People
from tests.support.wheels import pkg
from tests.system.shared import Place, alpha, shared_directory


@pytest.fixture
def place(crowd: People, public: str, index: Index) -> Place:
    """Made by one of two who share it."""
    index.add(alpha("1.0"), alpha("2.0"), pkg("beta"))
    made = Place(people=crowd, directory=shared_directory(public, "shared", crowd, 0o2775), index=index, umask=0o022)
    made.make(crowd.a)
    return made


def test_each_user_has_his_own_history_and_takes_back_what_he_did_himself(place: Place) -> None:
    a, b, c = place.people.a, place.people.b, place.people.c
    place.holdfast(a, "install", "alpha==1.0").ok()
    place.holdfast(b, "install", "-U", "alpha").ok()
    (mine,) = place.holdfast(a, "history", "--json").ok().json["transactions"]
    (his,) = place.holdfast(b, "history", "--json").ok().json["transactions"]
    assert (mine["who"], mine["command"], his["who"]) == (a.name, "install alpha", b.name)
    assert his["changes"][0]["before"]["record_sha256"] == mine["changes"][0]["after"]["record_sha256"]
    refused = place.holdfast(a, "undo").returned(9)
    assert "alpha 1.0 was left by it, and 2.0 (by holdfast) is there now" in refused.stderr
    assert f"by holdfast as {c.name}" in place.holdfast(c, "history").ok().stdout
    place.holdfast(b, "undo").ok()
    assert distributions(place.venv.site_packages) == {"alpha": "1.0"}
    place.check()
    place.holdfast(a, "undo").ok()  # what it left is there again, to the byte
    assert os.listdir(place.venv.site_packages) == []
    place.check()
