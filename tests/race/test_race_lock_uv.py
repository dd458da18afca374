"""uv itself and holdfast's lock keep each other out."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from holdfast.envlock import acquire
from holdfast.model.request import LockSettings
from tests.support.areas import Recorder, bare_target, begin
from tests.support.peers import find_uv
from tests.support.sandbox import Sandbox


@pytest.mark.peer
def test_uv_waits_for_us(sandbox: Sandbox) -> None:
    uv = find_uv()
    if uv is None:
        pytest.skip("there is no uv here")
    venv = sandbox.venv
    info = Path(venv.site_packages, "demo-1.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: demo\nVersion: 1\n")
    (info / "RECORD").write_text("demo-1.dist-info/METADATA,,\ndemo-1.dist-info/RECORD,,\n")
    Path(venv.root, ".lock").touch()  # as an earlier uv left it
    target = bare_target(venv.root, purelib=venv.site_packages, platlib=venv.site_packages)
    codes: list[int] = []
    runner = threading.Thread(target=lambda: codes.append(uv.run(sandbox, "uninstall", "demo", venv=venv).returncode))
    with begin(target) as tx, acquire(tx, LockSettings(), Recorder()):
        runner.start()
        time.sleep(1.5)
        assert runner.is_alive()
        assert info.exists()
    runner.join(30)
    assert codes == [0]
    assert not info.exists()
    assert os.path.exists(os.path.join(venv.root, ".lock"))
