"""File systems in user space that lack what local ones have: every command works there, and leaves nothing."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.crash.real_cases import ONES, TWOS, specs
from tests.support.environments import make_venv, verify_record
from tests.support.fuse import passthrough
from tests.support.sandbox import Sandbox
from tests.support.trees import diff, snapshot
from tests.support.wheels import build_wheel

LACKING = {
    "sync of directories": {"fsyncdir": errno.EINVAL},
    "links": {"link": errno.EPERM},
    "renames with flags": {"rename2": errno.EINVAL},
    "any of these": {
        "fsync": errno.EINVAL,
        "fsyncdir": errno.EINVAL,
        "link": errno.EOPNOTSUPP,
        "rename2": errno.ENOSYS,
    },
}


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(refused, id=name, marks=() if name == "any of these" else pytest.mark.exhaustive)
        for name, refused in LACKING.items()
    ],
)
def test_a_file_system_without(sandbox: Sandbox, tmp_path: Path, refused: Mapping[str, int]) -> None:
    backing = tmp_path / "backing"
    venv = make_venv(f"{backing}/venv")
    for spec in specs():
        build_wheel(spec, str(tmp_path / "wheels"))
    source = ("--no-index", "--find-links", str(tmp_path / "wheels"))
    with passthrough(str(backing), refused=refused) as (mount,):
        env = {"VIRTUAL_ENV": f"{mount.path}/venv"}
        before = snapshot(str(backing))
        for line in ((*ONES, *source), (*TWOS, *source), ("recover",)):
            done = sandbox.run(*line, env=env).ok()
            assert "warning" not in done.stderr
            assert verify_record(venv.site_packages) == ()
        sandbox.run("uninstall", "-y", "alpha", "beta", env=env).ok()
        assert not diff(before, snapshot(str(backing)))
