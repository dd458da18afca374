"""A full disk is said before anything is downloaded or built."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.index import Index
from tests.support.mounts import small_tmpfs
from tests.support.sandbox import Sandbox
from tests.support.wheels import pkg


def test_nothing_is_downloaded_that_has_no_room(index: Index, tmp_path: Path) -> None:
    (file,) = index.add(pkg("large", files={"large/blob.bin": os.urandom(2 << 20)}))
    box = Sandbox(root=str(tmp_path / "box"))
    with small_tmpfs(str(tmp_path / "small")) as small:
        done = box.run("install", "--index-url", index.url, "--target", f"{small}/lib", "large").returned(3)
        assert f"There is no room in {small}/lib" in done.stderr
        assert "Nothing was changed." in done.stderr
        assert os.listdir(small) == []
    assert not [request for request in index.requests if request.path.endswith(file.filename)]
