"""Adding is stopped at every call on the disk: the entry is there whole or not at all, and the next one adds it."""

from __future__ import annotations

import errno
import hashlib
import os

import pytest

from holdfast.errors import HoldfastError
from holdfast.store import keys, sweep
from holdfast.store.wheels import WheelStore
from tests.support.faulty_disk import Fail, FaultyDisk, Kill, Point, points, recorded, share, stopped
from tests.support.wheels import build_wheel, pkg

SPEC = pkg("demo", files={"demo/a.py": "a = 1\n", "demo/sub/b.py": "b = 2\n"}, console_scripts={"demo": "demo:main"})


def add(root: str, wheel: str, sha256: str) -> None:
    store = WheelStore.open(f"{root}/cache", f"{root}/work")
    store.add(wheel, sha256=sha256, filename=SPEC.filename)


@pytest.fixture
def wheel(tmp_path: object) -> tuple[str, str]:
    path = build_wheel(SPEC, f"{tmp_path}/dist")
    with open(path, "rb") as file:
        return path, hashlib.sha256(file.read()).hexdigest()


def test_killed_at_any_call_it_leaves_an_entry_or_litter(tmp_path: object, wheel: tuple[str, str]) -> None:
    made = recorded(lambda: add(f"{tmp_path}/count", *wheel))
    assert len(made) > 20
    fired = 0
    for number, point in enumerate(points(made)):
        root = f"{tmp_path}/{number}"
        with FaultyDisk(point, Kill()) as disk, stopped():
            add(root, *wheel)
        fired += disk.fired is not None  # not after a call that fails of itself: mkdir below a missing parent
        store = WheelStore.open(f"{root}/cache", f"{root}/work")
        found = store.get(wheel[1])
        assert found is None or found.manifest.sha256 == wheel[1]
        versioned = f"{root}/cache/{keys.WHEELS}"
        for litter in [name for name in _names(versioned) if name.startswith(keys.LITTER_PREFIX)]:
            os.utime(f"{versioned}/{litter}", (0, 0))
        add(root, *wheel)
        assert WheelStore.open(f"{root}/cache", f"{root}/work").get(wheel[1]) is not None
        assert _names(versioned) == [wheel[1][:2]], point
    assert fired > 2 * len(made)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_cache_that_fails_at_any_call_does_not_stop_the_work(
    tmp_path: object, wheel: tuple[str, str], number: int
) -> None:
    made = recorded(lambda: add(f"{tmp_path}/count", *wheel))
    for count, point in enumerate(share(points(made), 40)):
        root = f"{tmp_path}/{number}-{count}"
        with FaultyDisk(point, Fail(number=number)):
            store = WheelStore.open(f"{root}/cache", f"{root}/work")
            try:
                stored = store.add(wheel[0], sha256=wheel[1], filename=SPEC.filename)
            except HoldfastError as error:
                pytest.fail(f"{point}: {error.cause}")
        assert os.path.isfile(f"{stored.tree}/demo/sub/b.py")
        assert sweep.clean(f"{root}/cache").left == ()


def test_nothing_is_left_where_nothing_can_be_written(tmp_path: object, wheel: tuple[str, str]) -> None:
    root = f"{tmp_path}/full"
    full = Fail(number=errno.ENOSPC, lasting=True)
    with FaultyDisk(Point(n=3), full, names={"write"}), pytest.raises(HoldfastError, match="cannot be unpacked in"):
        add(root, *wheel)
    assert [name for _, _, names in os.walk(root) for name in names] == []


def _names(directory: str) -> list[str]:
    return sorted(os.listdir(directory)) if os.path.isdir(directory) else []
