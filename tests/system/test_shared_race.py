"""Issue 4, items 5 and 9: two users change one shared environment at the same time, each with umask 077."""

from __future__ import annotations

import pytest

from tests.support.environments import distributions
from tests.support.index import Index
from tests.support.users import People
from tests.support.wheels import pkg
from tests.system.shared import Place, alpha, shared_directory

OTHERS = ("beta", "gamma", "delta")


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("mode", [0o775, pytest.param(0o2775, marks=pytest.mark.exhaustive)], ids=oct)
def test_two_users_at_the_same_time(crowd: People, public: str, index: Index, mode: int, rounds: int) -> None:
    index.add(alpha("1.0"), alpha("2.0"), *(pkg(name) for name in OTHERS))
    directory = shared_directory(public, "place", crowd, mode)
    place = Place(people=crowd, directory=directory, index=index, umask=0o022)
    place.make(crowd.a)
    for number in range(rounds):
        version = f"{1 + number % 2}.0"
        orders = [("install", f"alpha=={version}"), *(("install", name) for name in OTHERS)]
        if number % 2:
            orders[1:] = [("uninstall", name) for name in OTHERS]
        running = [
            user.popen(f"{user.bin}/holdfast", *words, "--lock-mode", lock, env=place.env(), umask=0o077)
            for words, user, lock in zip(
                orders, (crowd.a, crowd.b) * 2, ("flock", "marker", "marker", "flock"), strict=True
            )
        ]
        ended = [(process.communicate(timeout=120), process.returncode) for process in running]
        assert [code for _, code in ended] == [0] * len(ended), ended
        assert not any("warning" in said[1] for said, _ in ended), ended
        there = {} if number % 2 else dict.fromkeys(OTHERS, "1.0")
        assert distributions(place.venv.site_packages) == {"alpha": version, **there}
        place.check()
        place.import_all()
