"""Issue 4, item 9: A installs, B upgrades, the other removes, whoever made it and whatever the umask.

Between each two steps each user imports everything under umask 022, with bytecode written, and every file, directory
and script has the rights of design section 5.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.index import Index
from tests.support.users import People
from tests.system.shared import Place, alpha, shared_directory

UMASKS = (0o022, 0o077, 0o002)
CREATORS = ("a", "root")
MODES = {"setgid": 0o2775, "setgid alone": 0o2755, "group-writable": 0o775, "closed to others": 0o2770}
STORES = ("private", "shared")
ORDERS = ("aba", "bab", "abb", "aab")


@pytest.fixture
def place(crowd: People, public: str, index: Index) -> Place:
    index.add(alpha("1.0"), alpha("2.0"))
    return Place(people=crowd, directory=public, index=index, umask=0o022)


def play(place: Place, mode: str, store: str, umask: int, creator: str, order: str) -> None:  # noqa: PLR0917 - a table
    people = place.people
    directory = shared_directory(place.directory, "place", people, MODES[mode])
    cache = shared_directory(place.directory, "cache", people, 0o2775) if store == "shared" else None
    here = replace(place, directory=directory, umask=umask, cache=cache)
    here.make(getattr(people, creator))
    a, b, c = (getattr(people, letter) for letter in order)
    here.steps((a, b, c))


@pytest.mark.parametrize(
    ("mode", "store", "umask", "creator", "order"),
    [
        ("setgid", "private", 0o077, "a", "bab"),
        ("group-writable", "shared", 0o022, "root", "aba"),
    ],
)
def test_a_installs_b_upgrades_the_other_removes(  # noqa: PLR0917 - a table
    place: Place, mode: str, store: str, umask: int, creator: str, order: str
) -> None:
    play(place, mode, store, umask, creator, order)


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("umask", UMASKS, ids=oct)
@pytest.mark.parametrize("creator", CREATORS)
@pytest.mark.parametrize("order", ORDERS)
def test_every_order_in_every_place(  # noqa: PLR0917 - a table
    place: Place, mode: str, store: str, umask: int, creator: str, order: str
) -> None:
    if mode == "setgid alone" and creator != "root":
        pytest.skip("only root may make something there")
    play(place, mode, store, umask, creator, order)
