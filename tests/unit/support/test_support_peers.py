"""pip and uv, which are not ours, install from the simulator and from built wheels."""

from __future__ import annotations

import pytest

from tests.support.damage import WrongHash
from tests.support.environments import unowned, verify_record
from tests.support.index import Formats, Index
from tests.support.peers import Peer
from tests.support.sandbox import Sandbox
from tests.support.wheels import WheelSpec, build_wheel, pkg

pytestmark = pytest.mark.peer


def fill(index: Index) -> None:
    index.add(
        pkg("apple", "1.0", requires=("pear>=2",), console_scripts={"apple": "apple:main"}),
        pkg("apple", "0.9"),
        pkg("pear", "1.0"),
        pkg("pear", "2.0"),
        pkg("pear", "9.0", requires_python=">=3.99"),
    )


@pytest.mark.parametrize("sidecars", [True, False])
@pytest.mark.parametrize("formats", list(Formats))
@pytest.mark.parametrize("name", ["pip", "uv"])
def test_a_peer_installs_from_the_simulator(
    sandbox: Sandbox, request: pytest.FixtureRequest, name: str, formats: Formats, *, sidecars: bool
) -> None:
    peer: Peer = request.getfixturevalue(name)
    with Index(formats=formats, sidecars=sidecars) as index:
        fill(index)
        peer.run(sandbox, "install", "--index-url", index.url, "apple").ok()

    assert sandbox.venv.distributions == {"apple": "1.0", "pear": "2.0"}
    assert sandbox.venv.script("apple").stdout == "apple 1.0\n"
    assert verify_record(sandbox.venv.site_packages) == ()
    if name == "pip":
        assert bool(index.asked("/files/*.metadata")) is sidecars


def test_pip_reads_the_flat_page(sandbox: Sandbox, pip: Peer, index: Index) -> None:
    fill(index)

    pip.run(sandbox, "install", "--no-index", "--find-links", index.links_url, "apple").ok()

    assert sandbox.venv.distributions == {"apple": "1.0", "pear": "2.0"}


def test_pip_places_every_scheme(sandbox: Sandbox, pip: Peer) -> None:
    spec = WheelSpec(
        name="schemes",
        version="1",
        files={"schemes.py": ""},
        data={
            "scripts/run": "#!python\nprint('ran')\n",
            "headers/s.h": "",
            "data/etc/s.conf": "",
            "purelib/pure.py": "",
            "platlib/plat.py": "",
        },
    )

    pip.run(sandbox, "install", "--no-index", build_wheel(spec, f"{sandbox.cwd}/dist")).ok()

    assert sandbox.venv.script("run").stdout == "ran\n"
    assert verify_record(sandbox.venv.site_packages) == ()
    assert [path for path in unowned(sandbox.venv.site_packages) if not path.startswith("_")] == []


def test_a_run_is_not_reached_by_the_machine_s_settings(
    sandbox: Sandbox, pip: Peer, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    fill(index)

    pip.run(sandbox, "install", "--index-url", index.url, "apple").ok()

    assert "index" not in pip.run(sandbox, "config", "list").ok().stdout


def test_pip_refuses_wrong_bytes(sandbox: Sandbox, pip: Peer, index: Index) -> None:
    index.add(pkg("apple"), hashes={"sha256": "0" * 64})

    done = pip.run(sandbox, "install", "--index-url", index.url, "apple").returned(1)

    assert "HASH" in done.stderr
    assert sandbox.venv.distributions == {}


def test_a_failed_check_is_shown_with_its_streams(sandbox: Sandbox, pip: Peer) -> None:
    with pytest.raises(AssertionError, match="--- stderr"):
        pip.run(sandbox, "install", "--no-index", "apple").ok()


def test_damage_survives_the_way_to_a_peer(sandbox: Sandbox, uv: Peer) -> None:
    code = "apple/__init__.py"
    spec = WheelSpec(name="apple", version="1.0", files={code: ""}, damage=(WrongHash(path=code),))

    uv.run(sandbox, "install", "--no-index", build_wheel(spec, f"{sandbox.cwd}/dist"))

    if "apple" in sandbox.venv.distributions:
        assert [each.fault for each in verify_record(sandbox.venv.site_packages)] in ([], ["hash differs"])
