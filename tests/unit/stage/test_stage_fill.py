from __future__ import annotations

import errno
import os
import stat

import pytest

from holdfast import disk
from holdfast.errors import HoldfastError, IntegrityError, TargetError
from holdfast.events import DistributionStaged, Event, Warned
from holdfast.model.changes import ChangeSet, Place, ProjectChange, Step, StepKind
from holdfast.model.composed import ComposedDistribution, FromStore, Generated, PlacedFile
from holdfast.model.request import LinkMode
from holdfast.model.target import SchemeKey
from holdfast.model.transaction import Transaction
from holdfast.stage import lasting
from holdfast.stage.fill import fill
from tests.support.areas import begin
from tests.support.faulty_disk import Fail, FaultyDisk, Point, recorded
from tests.support.wheels import WheelSpec
from tests.unit.stage.staging import composed, stored_in, venv_target

SPEC = WheelSpec(
    name="demo",
    version="1.0",
    files={"demo/__init__.py": "x = 1\n", "demo/deep/er/mod.py": "y = 2\n", "single.py": "z = 3\n"},
    data={"data/share/man/demo.1": "man", "scripts/tool": "#!python\n"},
    console_scripts={"demo": "demo:main"},
)


class Ear:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


def changes_for(distribution: ComposedDistribution) -> ChangeSet:
    """Each first component is one step, as into an empty target."""
    entries: dict[tuple[SchemeKey, str], list[tuple[str, PlacedFile]]] = {}
    for file in distribution.files:
        top, _, rest = file.path.partition("/")
        entries.setdefault((file.scheme, top), []).append((rest, file))
    steps = tuple(
        Step(
            n=n,
            kind=StepKind.PLACE,
            place=Place(scheme=key, path=top),
            directory=bool(contents[0][0]),
            owners=(distribution.name,),
        )
        for n, ((key, top), contents) in enumerate(entries.items())
    )
    info = Place(scheme=distribution.info_scheme, path=distribution.info_name)
    return ChangeSet(
        projects=(ProjectChange(name=distribution.name, old=None, new=(info, distribution.record_digest)),),
        expectations=(),
        steps=steps,
        contents={n: tuple(contents) for n, contents in enumerate(entries.values())},
        listed={},
    )


class World:
    def __init__(self, root: str) -> None:
        self.target = venv_target(f"{root}/venv")
        self.stored = stored_in(root, SPEC)
        self.distribution = composed(self.stored, self.target)
        self.changes = changes_for(self.distribution)

    def found(self, tx: Transaction) -> dict[str, str]:
        """What was built: place to path below ``new``."""
        built: dict[str, str] = {}
        for step in self.changes.steps:
            entry = os.path.join(tx.directory_of(step.place.scheme).path, "new", str(step.n))
            if os.path.isdir(entry):
                for top, _, names in os.walk(entry):
                    inside = os.path.relpath(top, entry)
                    for name in names:
                        path = os.path.normpath(os.path.join(step.place.path, inside, name))
                        built[f"{step.place.scheme}:{path}"] = os.path.join(top, name)
            else:
                built[f"{step.place.scheme}:{step.place.path}"] = entry
        return built


@pytest.fixture
def world(tmp_path: object) -> World:
    return World(str(tmp_path))


@pytest.mark.parametrize("mode", [LinkMode.AUTO, LinkMode.COPY, LinkMode.HARDLINK])
def test_exactly_what_the_steps_will_move_is_built(world: World, mode: LinkMode) -> None:
    ear = Ear()
    with begin(world.target) as tx:
        assert fill(world.changes, tx, link_mode=mode, reporter=ear).changes is world.changes
        built = world.found(tx)
        assert set(built) == {f"{file.scheme}:{file.path}" for file in world.distribution.files}
        assert sorted(os.listdir(f"{tx.directories[0].path}/new")) == sorted(str(n) for n in world.changes.contents)
        for file in world.distribution.files:
            path = built[f"{file.scheme}:{file.path}"]
            match file.source:
                case Generated(content=content):
                    with open(path, "rb") as made:
                        assert made.read() == content
                case FromStore(path=source, mtime_ns=mtime):
                    assert os.path.samefile(source, path) is (mode is not LinkMode.COPY)
                    assert os.stat(path).st_mtime_ns == mtime
            assert os.stat(path).st_size == file.size
            assert bool(os.stat(path).st_mode & stat.S_IXUSR) is file.executable
    assert ear.events == [DistributionStaged(name="demo", version="1.0")]


def test_an_empty_directory_is_a_step_too(world: World) -> None:
    step = Step(
        n=7,
        kind=StepKind.PLACE,
        place=Place(scheme=SchemeKey.DATA, path="empty"),
        directory=True,
        owners=(world.distribution.name,),
    )
    changes = ChangeSet(projects=(), expectations=(), steps=(step,), contents={7: ()}, listed={})
    with begin(world.target) as tx:
        fill(changes, tx)
        assert os.listdir(f"{tx.directory_of(SchemeKey.DATA).path}/new/7") == []


def test_rights_are_those_of_the_final_parent(world: World) -> None:
    library, scripts = world.target.scheme.purelib, world.target.scheme.scripts
    os.chmod(library, 0o2775)
    os.chmod(scripts, 0o700)
    kept = os.umask(0o077)
    try:
        with begin(world.target) as tx:
            fill(world.changes, tx)
            for place, path in world.found(tx).items():
                status = os.stat(path)
                mode = stat.S_IMODE(status.st_mode)
                if place.startswith("purelib:"):
                    assert mode == 0o664, place
                    assert status.st_nlink == 1
                elif place.startswith("scripts:"):
                    assert mode == 0o700, place
            for top, names, _ in os.walk(f"{tx.directories[0].path}/new"):
                for name in names:
                    mode = stat.S_IMODE(os.stat(os.path.join(top, name)).st_mode)
                    assert mode in {0o2775, 0o755}, name
    finally:
        os.umask(kept)


def skip_where_syncing_is_in_vain(world: World) -> None:
    if disk.filesystem(world.target.root).keeps_nothing:
        pytest.skip("the temporary directory is in memory: nothing is synced there")


def test_data_and_directories_are_synced_or_nothing_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_where_syncing_is_in_vain(world)
    syncs = {"syncfs", "fsync"}

    def synced(*, fsync: bool) -> list[str]:
        with begin(world.target) as tx:
            return [str(call) for call in recorded(lambda: fill(world.changes, tx, fsync=fsync), names=syncs)]

    assert synced(fsync=False) == []
    (at_once,) = synced(fsync=True)
    assert at_once.startswith("syncfs")
    monkeypatch.setattr(lasting, "OTHERS_LIMIT", -(1 << 62))
    each = synced(fsync=True)
    assert all(call.startswith("fsync") for call in each)
    directories = sum(1 for file in {os.path.dirname(f.path) for f in world.distribution.files} if file)
    assert len(each) >= len(world.distribution.files) + directories


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EIO])
def test_syncfs_that_is_refused_is_made_up_for_and_one_that_fails_is_an_error(world: World, number: int) -> None:
    skip_where_syncing_is_in_vain(world)
    with begin(world.target) as tx:
        with FaultyDisk(Point(n=0), Fail(number=number), names={"syncfs", "fsync"}) as faulty:
            if number == errno.EIO:
                with pytest.raises(TargetError, match="cannot be staged"):
                    fill(world.changes, tx)
                return
            fill(world.changes, tx)
        first, *others = faulty.made
        assert first.name == "syncfs"
        assert len(others) > len(world.distribution.files)


def test_an_entry_that_vanishes_is_said_to_have_vanished(world: World) -> None:
    os.unlink(f"{world.stored.tree}/demo/__init__.py")
    with begin(world.target) as tx, pytest.raises(IntegrityError, match="vanished from the store"):
        fill(world.changes, tx)


def test_a_full_disk_at_any_call_is_said_and_leaves_nothing(world: World) -> None:
    with begin(world.target) as tx:
        made = recorded(lambda: fill(world.changes, tx, link_mode=LinkMode.COPY))
    refused = 0
    for n in range(len(made)):
        with begin(world.target) as tx:
            point = Point(n=n)
            with FaultyDisk(point, Fail(number=errno.ENOSPC)):
                try:
                    fill(world.changes, tx, link_mode=LinkMode.COPY)
                except HoldfastError as error:
                    refused += 1
                    assert "No space left" in error.cause  # noqa: PT017 - some calls may fail without harm
        assert os.listdir(world.target.scheme.purelib) == []
    assert refused == len(made)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to a group that it is not in")
def test_a_group_that_is_refused_in_a_shared_target_is_said_once(world: World) -> None:
    for directory in (world.target.scheme.purelib, world.target.scheme.scripts):
        os.chown(directory, -1, 54321)
        os.chmod(directory, 0o775)
    ear = Ear()
    with begin(world.target) as tx, FaultyDisk(Point(n=0), Fail(number=errno.EPERM, lasting=True), names={"fchown"}):
        fill(world.changes, tx, reporter=ear)
        modes = {stat.S_IMODE(os.stat(path).st_mode) for path in world.found(tx).values()}
    assert modes <= {0o644, 0o755}
    warned = [event for event in ear.events if isinstance(event, Warned)]
    assert [event.text for event in warned] == [
        f"The group of {world.target.root} could not be given to what was installed there."
    ]
