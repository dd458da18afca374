"""Servers that are slow, broken, lying or closed: the right outcome, the right words, nothing changed, nothing kept.

``alpha`` requires ``beta``; the trouble is always with ``beta``, so that there is something to leave half done. Design
section 7 keeps apart: absent, filtered, incompatible, quarantined, unreachable, unauthorised.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from _pytest.mark import ParameterSet

from tests.scenarios.world import World, told
from tests.support.index import Formats, Index
from tests.support.index.behaviours import (
    Behaviour,
    Body,
    Chunked,
    Closing,
    Delay,
    Drop,
    Gzipped,
    IgnoreRange,
    Redirect,
    Status,
    Throttle,
    Typed,
    WrongBytes,
    WrongLength,
    WrongRange,
)
from tests.support.index.catalogue import Sidecar, SidecarDigest
from tests.support.sandbox import Completed, Sandbox
from tests.support.wheels import WheelSpec, metadata_bytes, pkg

PAGE, WHEEL, SIDECAR = "/simple/beta/", "/files/beta-*.whl", "/files/beta-*.whl.metadata"
JSON_TYPE = "application/vnd.pypi.simple.v1+json"
SECRET = "s3cret"
NOT_FOUND = re.compile(r"not found|does not exist|no matching|no such project|unknown project", re.IGNORECASE)
BULKY = {"beta/data.bin": random.Random(1).randbytes(150_000)}
"""Enough that a wheel is larger than what one range request for its metadata brings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What sort of index it is."""

    formats: Formats = Formats.JSON
    sidecars: bool = True
    ranges: bool = True

    def __str__(self) -> str:
        return "-".join((self.formats.name.lower(), *["sidecar"] * self.sidecars, *["ranges"] * self.ranges))


ANY = tuple(
    Kind(formats=formats, sidecars=sidecars, ranges=ranges)
    for formats in (Formats.JSON, Formats.HTML)
    for sidecars in (True, False)
    for ranges in (True, False)
)
BOTH_FORMATS = (Kind(), Kind(formats=Formats.HTML))
EVERY_WAY_TO_METADATA = (*ANY[:4], Kind(formats=Formats.HTML, sidecars=False))
WITH_SIDECARS = (*BOTH_FORMATS, Kind(ranges=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that goes wrong.

    Args:
        name: For the test's id.
        path: Where.
        behaviour: What.
        times: How often; None: always.
        code: The exit code; 0: it is overcome.
        says: What the words must hold (a regular expression).
    """

    name: str
    path: str
    behaviour: Behaviour
    times: int | None = None
    code: int = 0
    says: str = ""


def passing(name: str, behaviour: Behaviour, *paths: str, times: int | None = 1) -> Iterator[Trouble]:
    for path in paths:
        where = {PAGE: "page", WHEEL: "wheel", SIDECAR: "sidecar"}[path]
        yield Trouble(name=f"{where}-{name}", path=path, behaviour=behaviour, times=times)


OVERCOME = (
    *passing("slow", Delay(seconds=0.3), PAGE, WHEEL, SIDECAR),
    *passing("throttled", Throttle(bytes_per_second=400_000), WHEEL, times=None),
    *passing("dropped-at-once", Drop(), PAGE, WHEEL, SIDECAR),
    *passing("reset-mid-body", Drop(after=60, reset=True), PAGE, WHEEL, SIDECAR),
    *passing("dropped-late", Drop(after=1500), WHEEL),
    *passing("ends-early", WrongLength(by=100), PAGE, WHEEL, SIDECAR),
    *passing("429", Status(code=429, retry_after="0"), PAGE, WHEEL, SIDECAR),
    *passing("500", Status(code=500), PAGE, WHEEL, SIDECAR),
    *passing("503", Status(code=503, retry_after="0"), PAGE, WHEEL),
    *passing("chunked", Chunked(), PAGE, WHEEL, SIDECAR, times=None),
    *passing("gzipped", Gzipped(), PAGE, times=None),
    *passing("closing", Closing(announced=False), PAGE, WHEEL, SIDECAR, times=None),
    *passing("ignores-ranges", IgnoreRange(), WHEEL, times=None),
    *passing("404", Status(code=404), SIDECAR, times=None),
)

FATAL = (
    Trouble(name="page-401", path=PAGE, behaviour=Status(code=401), code=4, says=r"credentials.*401"),
    Trouble(name="page-403", path=PAGE, behaviour=Status(code=403), code=4, says=r"forbids access \(403\)"),
    Trouble(name="page-429", path=PAGE, behaviour=Status(code=429, retry_after="0"), code=4, says="429 Too Many"),
    Trouble(name="page-500", path=PAGE, behaviour=Status(code=500), code=4, says="500 Internal Server Error"),
    Trouble(name="page-dropped", path=PAGE, behaviour=Drop(), code=4, says="connection"),
    Trouble(name="page-cut", path=PAGE, behaviour=Drop(after=40), code=4, says="connection"),
    Trouble(name="page-silent", path=PAGE, behaviour=Delay(seconds=3), code=4, says="did not answer within"),
    Trouble(
        name="page-is-a-login-form",
        path=PAGE,
        behaviour=Body(content=b"<html><body><form>Please log in</form></body></html>", media_type="text/html"),
        code=5,
        says="not an index page",
    ),
    Trouble(
        name="page-is-broken-json",
        path=PAGE,
        behaviour=Body(content=b'{"files": [', media_type=JSON_TYPE),
        code=5,
        says="not an index page",
    ),
    Trouble(
        name="page-is-another-json",
        path=PAGE,
        behaviour=Body(content=b'{"error": "busy"}', media_type=JSON_TYPE),
        code=5,
        says="not an index page",
    ),
    Trouble(name="page-is-a-picture", path=PAGE, behaviour=Typed(media_type="image/png"), code=5, says="not an index"),
    Trouble(name="wheel-wrong-hash", path=WHEEL, behaviour=WrongBytes(at=900), code=5, says="sha256|hash"),
    Trouble(name="wheel-wrong-hash-at-its-end", path=WHEEL, behaviour=WrongBytes(), code=5, says="sha256|hash"),
    Trouble(name="wheel-cut", path=WHEEL, behaviour=Drop(after=9), code=4, says="connection"),
    Trouble(name="wheel-too-long", path=WHEEL, behaviour=WrongLength(by=-10), code=5, says="hash|bytes|size"),
    Trouble(name="wheel-401", path=WHEEL, behaviour=Status(code=401), code=4, says="credentials.*401"),
    Trouble(name="wheel-403", path=WHEEL, behaviour=Status(code=403), code=4, says="forbids access"),
    Trouble(name="wheel-404", path=WHEEL, behaviour=Status(code=404), code=4, says="answered 404"),
    Trouble(name="wheel-500", path=WHEEL, behaviour=Status(code=500), code=4, says="500 Internal"),
    Trouble(name="wheel-dropped", path=WHEEL, behaviour=Drop(), code=4, says="connection"),
    Trouble(
        name="wheel-is-a-page", path=WHEEL, behaviour=Body(content=b"<html>sorry</html>"), code=5, says="18 bytes|hash"
    ),
)


def pairs(troubles: tuple[Trouble, ...]) -> tuple[ParameterSet, ...]:
    """Each trouble on each kind of index where it makes a difference."""
    kinds = {PAGE: BOTH_FORMATS, WHEEL: EVERY_WAY_TO_METADATA, SIDECAR: WITH_SIDECARS}
    return tuple(
        pytest.param(trouble, kind, id=f"{trouble.name}-{kind}") for trouble in troubles for kind in kinds[trouble.path]
    )


@pytest.fixture
def beta() -> WheelSpec:
    return pkg("beta", files=BULKY)


def make_world(sandbox: Sandbox, index: Index, beta: WheelSpec) -> World:
    world = World(sandbox=sandbox, index=index)
    world.add(pkg("alpha", requires=("beta",)), beta)
    return world


def index_of(kind: Kind, *, api_version: str = "1.4") -> Index:
    return Index(formats=kind.formats, sidecars=kind.sidecars, ranges=kind.ranges, api_version=api_version)


def install(world: World, *words: str, code: int) -> Completed:
    """Install ``alpha`` with a URL that carries credentials, and look for them in everything that is said."""
    url = world.index.url_as("me", SECRET)
    done = world.run("install", "--json", "--retries=1", "--timeout=1", "-i", url, *words, "alpha", code=code)
    assert SECRET not in done.stdout + done.stderr
    assert done.json["outcome"] == ("failed" if code else "changed")
    if code:
        told(done)
        assert done.json["error"]["exit_code"] == code
        assert world.packages == {}
    return done


@pytest.mark.parametrize(("trouble", "kind"), pairs(OVERCOME))
def test_a_trouble_that_passes_is_overcome(sandbox: Sandbox, beta: WheelSpec, trouble: Trouble, kind: Kind) -> None:
    with index_of(kind) as index:
        world = make_world(sandbox, index, beta)
        index.on(trouble.path, trouble.behaviour, times=trouble.times)
        install(world, code=0)
        assert world.packages == {"alpha": "1.0", "beta": "1.0"}
        assert index.asked(trouble.path), "the trouble was never met"


@pytest.mark.parametrize(("trouble", "kind"), pairs(FATAL))
def test_a_trouble_that_stays_ends_in_its_own_words_and_leaves_no_trace(
    sandbox: Sandbox, beta: WheelSpec, trouble: Trouble, kind: Kind
) -> None:
    with index_of(kind) as index:
        world = make_world(sandbox, index, beta)
        index.on(trouble.path, trouble.behaviour)
        done = install(world, code=trouble.code)
        cause = " ".join(done.stderr.splitlines()[1:])
        assert re.search(trouble.says, cause), done.stderr
        assert not NOT_FOUND.search(done.stderr), done.stderr
        assert "beta" in done.stderr
        assert len([line for line in done.stderr.splitlines() if line.startswith("Try: ")]) == 1, done.stderr
        index.behave_well()
        install(world, code=0)  # what was half or wrong is not in the cache
        assert world.packages == {"alpha": "1.0", "beta": "1.0"}


@pytest.mark.parametrize("kind", ANY, ids=str)
def test_a_name_that_the_index_does_not_have_is_absent_and_not_in_trouble(sandbox: Sandbox, kind: Kind) -> None:
    with index_of(kind) as index:
        world = World(sandbox=sandbox, index=index)
        world.add(pkg("alpha", requires=("beta",)))
        done = install(world, code=1)
        assert "beta does not exist where it was looked for" in done.stderr
        assert "alpha" in done.stderr


@pytest.mark.parametrize("code", [404, 410])
def test_gone_is_absent(sandbox: Sandbox, beta: WheelSpec, code: int) -> None:
    with Index() as index:
        world = make_world(sandbox, index, beta)
        index.on(PAGE, Status(code=code))
        assert "does not exist" in install(world, code=1).stderr


def test_an_index_that_refuses_connections_is_unreachable(sandbox: Sandbox, beta: WheelSpec) -> None:
    with Index() as index:
        world = make_world(sandbox, index, beta)
        index.close()
        done = install(world, code=4)
        assert "refused" in done.stderr
        assert not NOT_FOUND.search(done.stderr)


def test_a_host_that_has_no_address_is_unreachable(world: World) -> None:
    done = told(world.run("install", "--retries=0", "-i", "http://nowhere.invalid/simple", "alpha", code=4))
    assert "nowhere.invalid" in done.stderr
    assert not re.search(r"alpha.*does not exist", done.stderr)


@pytest.mark.parametrize("kind", ANY, ids=str)
def test_a_quarantined_project_is_refused_as_such(sandbox: Sandbox, beta: WheelSpec, kind: Kind) -> None:
    with index_of(kind) as index:
        world = make_world(sandbox, index, beta)
        index.project("beta").status = "quarantined"
        done = install(world, code=1)
        assert "beta is quarantined" in done.stderr
        assert not NOT_FOUND.search(done.stderr)


@pytest.mark.parametrize("kind", ANY, ids=str)
def test_yanked_releases_are_named_as_such_when_there_is_no_other(
    sandbox: Sandbox, beta: WheelSpec, kind: Kind
) -> None:
    with index_of(kind) as index:
        world = World(sandbox=sandbox, index=index)
        world.add(pkg("alpha", requires=("beta",)))
        index.add(beta, yanked="eats data")
        done = install(world, code=1)
        assert "yanked" in done.stderr
        assert "eats data" in done.stderr
        assert not NOT_FOUND.search(done.stderr)


@pytest.mark.parametrize("kind", ANY, ids=str)
def test_metadata_of_a_higher_major_is_refused(sandbox: Sandbox, beta: WheelSpec, kind: Kind) -> None:
    with index_of(kind) as index:
        world = make_world(sandbox, index, replace(beta, metadata_version="3.0"))
        done = install(world, code=5)
        assert "3.0" in done.stderr
        assert "beta-1.0" in done.stderr


@pytest.mark.parametrize("kind", ANY, ids=str)
def test_metadata_of_a_higher_minor_is_read(sandbox: Sandbox, beta: WheelSpec, kind: Kind) -> None:
    with index_of(kind) as index:
        install(make_world(sandbox, index, replace(beta, metadata_version="2.9")), code=0)


@pytest.mark.parametrize("kind", ANY, ids=str)
def test_a_wheel_of_a_higher_major_is_refused(sandbox: Sandbox, beta: WheelSpec, kind: Kind) -> None:
    with index_of(kind) as index:
        world = make_world(sandbox, index, replace(beta, wheel_version="2.0"))
        done = install(world, code=5)
        assert "2.0" in done.stderr
        assert "beta-1.0" in done.stderr


@pytest.mark.parametrize("kind", BOTH_FORMATS, ids=str)
def test_an_index_api_of_a_higher_major_is_refused(sandbox: Sandbox, beta: WheelSpec, kind: Kind) -> None:
    with index_of(kind, api_version="2.0") as index:
        done = install(make_world(sandbox, index, beta), code=5)
        assert "2.0" in done.stderr
        assert not NOT_FOUND.search(done.stderr)
    with index_of(kind, api_version="1.99") as index:
        install(make_world(sandbox, index, beta), code=0)


@pytest.mark.parametrize("kind", WITH_SIDECARS, ids=str)
def test_a_sidecar_that_has_not_its_hash_is_refused(sandbox: Sandbox, beta: WheelSpec, kind: Kind) -> None:
    with index_of(kind) as index:
        world = World(sandbox=sandbox, index=index)
        world.add(pkg("alpha", requires=("beta",)))
        index.add(beta, sidecar=Sidecar(digest=SidecarDigest.WRONG))
        done = install(world, code=5)
        assert ".metadata" in done.stderr
        assert "hash" in done.stderr


@pytest.mark.parametrize("kind", WITH_SIDECARS, ids=str)
@pytest.mark.parametrize("digest", [SidecarDigest.RIGHT, SidecarDigest.UNSAID])
def test_a_sidecar_that_says_something_else_than_the_wheel_is_refused(
    sandbox: Sandbox, beta: WheelSpec, kind: Kind, digest: SidecarDigest
) -> None:
    with index_of(kind) as index:
        world = World(sandbox=sandbox, index=index)
        world.add(pkg("alpha", requires=("beta",)), pkg("gamma"))
        lie = metadata_bytes(replace(beta, requires=("gamma",)))
        index.add(beta, sidecar=Sidecar(content=lie, digest=digest))
        done = install(world, code=5)
        assert ".metadata" in done.stderr
        assert "beta" in done.stderr
        install(world, code=5)  # the second time too


@pytest.mark.parametrize("kind", EVERY_WAY_TO_METADATA, ids=str)
def test_another_host_may_have_the_files(sandbox: Sandbox, beta: WheelSpec, kind: Kind) -> None:
    with index_of(kind) as index, index_of(kind) as files:
        world = World(sandbox=sandbox, index=index)
        index.add(pkg("alpha", requires=("beta",)), beta, host=files)
        install(world, code=0)
        assert world.packages == {"alpha": "1.0", "beta": "1.0"}
        assert not [each for each in files.requests if "authorization" in each.headers], "credentials crossed hosts"


@pytest.mark.parametrize("path", [PAGE, WHEEL, SIDECAR])
def test_a_redirect_to_another_host_is_followed_without_credentials(
    sandbox: Sandbox, beta: WheelSpec, path: str
) -> None:
    with Index() as index, Index() as other:
        world = make_world(sandbox, index, beta)
        other.add(beta)
        index.on(path, Redirect(to=f"http://localhost:{other.port}{{path}}"))
        install(world, code=0)
        assert other.asked(path)
        assert not [each for each in other.requests if "authorization" in each.headers], "credentials crossed hosts"


@pytest.mark.parametrize("path", [PAGE, WHEEL])
def test_a_redirect_in_a_circle_ends(sandbox: Sandbox, beta: WheelSpec, path: str) -> None:
    with Index() as index:
        world = make_world(sandbox, index, beta)
        index.on(path, Redirect(to="{path}"))
        done = install(world, code=4)
        assert "redirect" in done.stderr
        assert not NOT_FOUND.search(done.stderr)


def test_a_download_that_breaks_is_resumed_where_it_broke(sandbox: Sandbox, beta: WheelSpec) -> None:
    with Index() as index:
        world = make_world(sandbox, index, beta)
        index.on(WHEEL, Drop(after=700), times=1)
        install(world, code=0)
        first, second = index.asked(WHEEL)
        assert first.headers.get("range") is None
        assert second.headers["range"].startswith("bytes=")
        assert not second.headers["range"].startswith("bytes=0-")


def test_a_server_that_resumes_wrongly_harms_nothing(sandbox: Sandbox, beta: WheelSpec) -> None:
    with Index() as index:
        world = make_world(sandbox, index, beta)
        index.on(WHEEL, Drop(after=700), times=1)
        index.on(WHEEL, WrongRange(shift=3))
        world.run("install", "--retries=2", "-i", index.url, "alpha")
        assert len(index.asked(WHEEL)) >= 3


def test_a_body_shorter_than_announced_is_asked_for_once_more(sandbox: Sandbox, beta: WheelSpec) -> None:
    with Index(ranges=False) as index:
        world = make_world(sandbox, index, beta)
        index.on(WHEEL, WrongLength(by=1000))
        done = world.run("install", "--retries=1", "-i", index.url, "alpha", code=4)
        assert "connection" in told(done).stderr
        assert len(index.asked(WHEEL)) == 2


def test_retry_after_is_waited_for(sandbox: Sandbox, beta: WheelSpec) -> None:
    with Index() as index:
        world = make_world(sandbox, index, beta)
        index.on(PAGE, Status(code=429, retry_after="1"), times=1)
        done = world.run("install", "--retries=1", "-i", index.url, "alpha")
        assert re.search(r"429.*trying again in 1(\.0)? s", done.stderr), done.stderr


def test_unauthorised_says_where_credentials_go(sandbox: Sandbox, beta: WheelSpec) -> None:
    with Index(auth=("me", "other")) as index:
        world = make_world(sandbox, index, beta)
        done = install(world, code=4)
        told(done, cause="401", hint="netrc")
        assert not NOT_FOUND.search(done.stderr)
        assert world.run("install", "-i", index.url, "alpha", code=4)
