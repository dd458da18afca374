"""pip and uv are killed in an upgrade, at system calls told by name; `check` says what is left, `repair` ends it.

Both are really run and really killed (SIGKILL to all of their threads); where a machine does not let one trace a
process the tests are skipped.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from tests.support.environments import distributions, verify_record
from tests.support.kernel import Kernel, Stop, nursery
from tests.support.peers import Peer, find_pip, find_uv
from tests.support.sandbox import Sandbox
from tests.support.wheels import build_wheel, pkg

pytestmark = pytest.mark.peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Just before the first call of an upgrade that looks like this.

    Args:
        kinds: What ``check --files`` says of the environment then.
        ends: The version that is there after the repair.
    """

    peer: str
    call: str
    kinds: frozenset[str]
    ends: str

    def __str__(self) -> str:
        return f"{self.peer} {self.call}"


SHARE = (
    Moment(
        peer="pip", call=r"openat \S*/demo-2.0.dist-info/WHEEL$", kinds=frozenset({"leftover", "no-record"}), ends="1.0"
    ),
    Moment(peer="pip", call=r"openat \S*/bin/demo$", kinds=frozenset({"leftover", "unfinished"}), ends="2.0"),
    Moment(peer="uv", call=r"unlink \S*/demo-1.0.dist-info/RECORD$", kinds=frozenset({"no-metadata"}), ends="1.0"),
    Moment(peer="uv", call=r"unlink \S*/demo/sub/x.py$", kinds=frozenset({"empty"}), ends="1.0"),
    Moment(peer="uv", call=r"write \S*/demo-2.0.dist-info/RECORD$", kinds=frozenset({"no-record"}), ends="2.0"),
)
"""Those that every run looks at."""
MORE = (
    Moment(peer="pip", call=r"mkdir \S*/demo$", kinds=frozenset({"leftover"}), ends="1.0"),
    Moment(
        peer="pip",
        call=r"write \S*/demo-2.0.dist-info/METADATA$",
        kinds=frozenset({"leftover", "no-metadata"}),
        ends="1.0",
    ),
    Moment(
        peer="pip", call=r"write \S*/demo-2.0.dist-info/RECORD$", kinds=frozenset({"leftover", "no-record"}), ends="1.0"
    ),
    Moment(peer="pip", call=r"unlinkat \S*/~emo-1.0.dist-info/METADATA$", kinds=frozenset({"leftover"}), ends="2.0"),
    Moment(peer="pip", call=r"unlinkat \S*/~emo/sub/x.py$", kinds=frozenset({"leftover"}), ends="2.0"),
    Moment(peer="uv", call=r"unlink \S*/demo-1.0.dist-info/METADATA$", kinds=frozenset(), ends="1.0"),
    Moment(peer="uv", call=r"unlink \S*/demo-1.0.dist-info/WHEEL$", kinds=frozenset({"no-metadata"}), ends="1.0"),
    Moment(peer="uv", call=r"mkdir \S*/demo$", kinds=frozenset({"unfinished"}), ends="2.0"),
    Moment(peer="uv", call=r"openat \S*/\.\./bin/\.tmp\w+$", kinds=frozenset({"unfinished"}), ends="2.0"),
)
MOMENTS = (*SHARE, *(pytest.param(each, marks=pytest.mark.exhaustive) for each in MORE))


_ATTEMPTS = 20


class Upgrade:
    """``demo`` 1.0, put there by a peer that will be killed while it puts 2.0 there."""

    def __init__(self, root: str, peer: Peer, kernel: Kernel) -> None:
        self.box = Sandbox(root=root)
        self._peer = peer
        self._kernel = kernel
        self._kept = os.path.join(root, "kept")
        self.wheels = os.path.join(root, "wheels")
        for version in ("1.0", "2.0"):
            files = {"demo/__init__.py": version.encode(), "demo/sub/x.py": b"x", f"demo/only{version[0]}.py": b""}
            build_wheel(pkg("demo", version, files=files, console_scripts={"demo": "demo:main"}), self.wheels)
        self.box.venv  # noqa: B018 - made when it is looked at
        kernel.run(self.box, argv=self._line("1.0")).ok()
        shutil.copytree(self.box.venv.root, self._kept, symlinks=True)
        kernel.run(self.box, argv=self._line("2.0")).ok()  # from now on the peer's cache is as it stays
        self._calls = self._made(-1)

    def kill(self, call: str) -> None:
        """Upgrade, and kill the peer just before the first call that looks like this."""
        for _ in range(_ATTEMPTS):
            n = next((at for at, each in enumerate(self._calls) if re.search(call, each)), -1)
            if n < 0:
                pytest.skip(f"{self._peer.name} {self._peer.version} makes no such call")
            made = self._made(n)
            if [at for at, each in enumerate(made) if re.search(call, each)] == [n]:
                return
            self._calls = self._made(-1)  # it has threads: they took turns in another order
        pytest.fail(f"{self._peer.name} makes its calls in an order that is never the same")

    def _made(self, n: int) -> list[str]:
        """The calls of an upgrade of 1.0 that is killed before the n-th, that one included."""
        shutil.rmtree(self.box.venv.root)
        shutil.copytree(self._kept, self.box.venv.root, symlinks=True)
        found = self._kernel.trace(self.box, argv=self._line("2.0"), stop=Stop(n=n))
        assert found.done.returncode in {0, -9}, found.done
        return [" ".join(each) for each in found.calls]

    def _line(self, version: str) -> list[str]:
        words = ["install", f"demo=={version}", "--no-index", "--find-links", self.wheels]
        python = self.box.venv.python
        if self._peer.name == "pip":
            own = ["--python", python, "--disable-pip-version-check", "--no-input"]
            return [*self._peer.command, *own, *words, "--no-compile"]
        return [*self._peer.command, "pip", *words, "--python", python, "--link-mode", "hardlink"]


@pytest.fixture(scope="module")
def upgrades(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Upgrade]]:
    """Each peer's, made when it is first asked for."""
    with nursery() as kernel:

        @cache
        def made(name: str) -> Upgrade:
            peer = find_pip() if name == "pip" else find_uv()
            if peer is None:
                pytest.skip(f"this machine has no {name} that is new enough")
            return Upgrade(str(tmp_path_factory.mktemp(name)), peer, kernel)

        yield made


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_what_a_killed_upgrade_leaves_is_repaired(upgrades: Callable[[str], Upgrade], moment: Moment) -> None:
    upgrade = upgrades(moment.peer)
    box = upgrade.box
    upgrade.kill(moment.call)
    found = box.run("check", "--files", "--json").returned(5).json
    assert {each["kind"] for each in found["environment"]} == moment.kinds
    box.run("repair", "--no-index", "--find-links", upgrade.wheels).ok()
    site = box.venv.site_packages
    assert distributions(site) == {"demo": moment.ends}
    assert verify_record(site) == ()
    assert not [name for name in os.listdir(site) if name.startswith(("~", "."))]
    assert os.access(os.path.join(box.venv.bin, "demo"), os.X_OK)
    box.run("check", "--files").ok()
    assert box.run("repair", "--no-index").ok().stdout == "Nothing to repair.\n"
